"""Starts `stint-local` on free ports with nothing in it, runs schemathesis with an API key and with a person's token, and
stops it again. Further arguments go to schemathesis."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# Longer than any run.
A_DAY = 24 * 3600


def started(process, data):
    """Who is who, as soon as `stint-local` says it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if (data / "dev.json").exists():
            return json.loads((data / "dev.json").read_text())
        time.sleep(0.1)
    sys.exit("stint-local did not start")


def post(url, body, headers):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def token(url, person):
    return post(f"{url}/dev/token", {"sub": person, "expires_in": A_DAY}, {})["token"]


def permit_everything(identity):
    """Somebody who may nothing has nothing to try it out on."""
    policy = {
        "name": "everybody may everything",
        "max_duration_seconds": 31536000,
        "approval_mode": "auto",
        "cedar_policy_set": "permit (principal, action, resource);",
    }
    headers = {"X-API-Key": identity["api_key"], "X-Tenant-ID": identity["tenant_id"]}
    post(f"{identity['url']}/v1/policies", policy, headers)


def run(who, header, identity):
    print(f"\n=== as {who} ===", flush=True)
    config = ["--config-file", HERE / "schemathesis.toml"]
    options = ["--header", header, "--checks", "all", *sys.argv[1:]]
    command = [SCHEMATHESIS, *config, "run", f"{identity['url']}/openapi.json", *options]
    environment = os.environ | {"TENANT_ID": identity["tenant_id"]}
    return subprocess.run([str(word) for word in command], env=environment, cwd=TARGET, check=False).returncode


def main():
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        command = [TARGET / "debug" / "stint-local", "--port", "0", "--aws-port", "0", "--data-dir", data]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        try:
            identity = started(process, data)
            permit_everything(identity)
            ways = {
                "a machine": f"X-API-Key: {identity['api_key']}",
                "an administrator": f"Authorization: Bearer {token(identity['url'], 'dave')}",
            }
            failed = [who for who, header in ways.items() if run(who, header, identity) != 0]
        finally:
            process.terminate()
            process.wait()
    sys.exit(f"it failed as {' and as '.join(failed)}" if failed else 0)


main()
