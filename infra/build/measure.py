"""`make measure`: what functions weigh, beside `functions/examples/hello.rs`, the least a function can be.

Each is started as Lambda starts it, against a stand-in for the Runtime API and one for DynamoDB, over TLS, that has no
item. The start ends with the first poll of the Runtime API; the first call is a call of an endpoint with a key nobody
has: one round trip to the table, then 401. Runs take turns, so that whatever else the machine does falls on all alike;
the processor time of each is the figure that depends on it least.
"""

import json
import os
import queue
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.template import ROOT, functions, operations, read_template

BUILT, HELLO = ROOT / "target" / "measured", "hello"
RUNS = 25
ID = "019a3f5e-7c1b-7000-8000-000000000001"
CALLER = {"X-Tenant-ID": ID, "X-API-Key": "stint_{0}_{0}_{1}".format(ID.replace("-", ""), "A" * 43)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, content, **headers):
        self.send_response(200)
        for name, value in ({"Content-Length": len(content)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_):
        pass


class Database(Handler):
    def do_POST(self):
        self.body()
        self.answer(b"{}", Content_Type="application/x-amz-json-1.0")


class RuntimeApi(Handler):
    def do_GET(self):
        self.server.said.put(time.perf_counter())
        event = self.server.events.get()
        self.answer(event, Lambda_Runtime_Aws_Request_Id=ID, Lambda_Runtime_Deadline_Ms=2**53)

    def do_POST(self):
        self.server.said.put((time.perf_counter(), self.path, self.body()))
        self.answer(b"{}")


def serve(handler, tls=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"127.0.0.1:{server.server_port}"


def certificate(directory):
    """One for 127.0.0.1, and a file of the machine's authorities and this one: reading them all is part of a start."""
    made = [f"{directory}/{name}" for name in ("key.pem", "certificate.pem")]
    whose = ["-subj", "/CN=stint", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", made[0], "-out", made[1], *whose]
    subprocess.run(make, check=True, capture_output=True)
    trusted = Path(directory) / "trusted.pem"
    trusted.write_text(Path(ssl.get_default_verify_paths().cafile).read_text() + Path(made[1]).read_text())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made[1], made[0])
    return tls, trusted


def variables_of(template):
    """Those of all functions, and those of workers."""
    found = dict(template["Globals"]["Function"]["Environment"]["Variables"])
    for name in functions(template):
        found |= template["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {})
    return found


VARIABLES = variables_of(read_template())


def environment(name, runtime, database, trusted):
    # What is not constant in the template is a name, an ARN or a number.
    variables = {variable: value if isinstance(value, str) else "1" for variable, value in VARIABLES.items()}
    return variables | {
        "AWS_LAMBDA_RUNTIME_API": runtime,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": f"https://{database}",
        "SSL_CERT_FILE": str(trusted),
        "RUST_LOG": "info",
    }


def call(method, path):
    """A call, as API Gateway hands it to a function."""
    return json.dumps({
        "httpMethod": method,
        "path": path,
        "resource": path,
        "headers": CALLER,
        "multiValueHeaders": {name: [value] for name, value in CALLER.items()},
        "requestContext": {"identity": {}, "httpMethod": method, "path": f"/live{path}", "stage": "live"},
        "body": None,
        "isBase64Encoded": False,
    }).encode()


def processor_time(process):
    """Seconds of its one thread."""
    return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9


class Weight:
    def __init__(self, name, event):
        self.name, self.event = name, event
        self.binary = BUILT / name / "bootstrap"
        self.starts, self.peaks, self.calls = [], [], []
        self.starts_cpu, self.calls_cpu = [], []

    def run(self, surroundings):
        (runtime, runtime_at), (_, database_at), trusted = surroundings
        variables = environment(self.name, runtime_at, database_at, trusted)
        # New ones: a poll of the run before may still wait.
        runtime.said, runtime.events = queue.Queue(), queue.Queue()
        began = time.perf_counter()
        function = subprocess.Popen([self.binary], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.starts.append(runtime.said.get(timeout=10) - began)
            self.starts_cpu.append(processor_time(function))
            status = Path(f"/proc/{function.pid}/status").read_text()
            self.peaks.append(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024)
            if self.event:
                called = time.perf_counter()
                runtime.events.put(self.event)
                answered, path, body = runtime.said.get(timeout=10)
                self.calls.append(answered - called)
                self.calls_cpu.append(processor_time(function) - self.starts_cpu[-1])
                expected = 200 if self.name == HELLO else 401
                if not path.endswith("/response") or json.loads(body)["statusCode"] != expected:
                    raise ValueError(f"{self.name} answered {body.decode()}")
                # It asks for the next call, as for the first.
                runtime.said.get(timeout=10)
        except (queue.Empty, ValueError) as error:
            function.kill()
            sys.exit(f"{self.name} did not do as it should: {error!r}\n{function.stdout.read().decode()}")
        finally:
            function.kill()
            function.communicate()

    def figures(self):
        """As in `COLUMNS`; nothing for what was not measured."""
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(self.binary, "bootstrap")
            zipped = file.seek(0, os.SEEK_END)
        measured = self.starts, self.starts_cpu, self.peaks, self.calls, self.calls_cpu
        medians = [statistics.median(of) if of else None for of in measured]
        return [self.binary.stat().st_size, zipped, *medians]


MB, MS = (1e6, "MB"), (1e-3, "ms")
COLUMNS = {
    "size": MB,
    "zipped": MB,
    "start": MS,
    "processor time": MS,
    "peak memory": MB,
    "first call": MS,
    "its processor time": MS,
}


def main(names):
    routes = {re.sub("[A-Z]", r"_\g<0>", name).lower(): route for name, route in operations(read_template()).items()}
    events = {HELLO: call("GET", "/")} | {name: call(*routes[name]) if name in routes else None for name in names}
    weights = [Weight(name, event) for name, event in events.items()]
    with tempfile.TemporaryDirectory() as directory:
        tls, trusted = certificate(directory)
        surroundings = serve(RuntimeApi), serve(Database, tls), trusted
        for _ in range(RUNS):
            for weight in weights:
                weight.run(surroundings)

    print("| function | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    least = weights[0].figures()
    for weight in weights:
        cells = [cell(value, base, *unit) for value, base, unit in zip(weight.figures(), least, COLUMNS.values())]
        print(f"| `{weight.name}` | " + " | ".join(cells) + " |")
    print(f"\nMedians of {RUNS} runs, and how many times that of `{HELLO}`.")


def cell(value, least, unit, name):
    return "–" if value is None else f"{value / unit:.1f} {name}, {value / least:.1f}×"


if __name__ == "__main__":
    main(sys.argv[1:])
