"""Starts `stint-local` on free ports with nothing in it, runs schemathesis, and stops it again: with an API key and with a
person's token, each operation by itself and then one after the other as the links lead. Further arguments go to
schemathesis."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
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


def furnish(identity):
    """Somebody who may nothing has nothing to try it out on. Some of it waits for people, so that it can be decided."""
    scopes = {
        "auto": "permit (principal, action, resource);",
        "require": 'permit (principal, action == Action::"PowerUserAccess", resource);',
    }
    headers = {"X-API-Key": identity["api_key"], "X-Tenant-ID": identity["tenant_id"]}
    for mode, scope in scopes.items():
        policy = {"name": mode, "max_duration_seconds": 31536000, "approval_mode": mode, "cedar_policy_set": scope}
        post(f"{identity['url']}/v1/policies", policy, headers)
    for person in ("alice", "dave"):
        headers = {"Authorization": f"Bearer {token(identity['url'], person)}", "X-Tenant-ID": identity["tenant_id"]}
        for role in ("ReadOnlyAccess", "PowerUserAccess"):
            account = {"type": "aws_account", "id": "111111111111"}
            wanted = {"resource": account, "action": role, "reason": "to begin with", "duration_seconds": 3600}
            post(f"{identity['url']}/v1/requests", wanted, headers)


@contextmanager
def stint_local():
    """What one run does must not get in the way of another: a policy that forbids everything is soon made."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        command = [TARGET / "debug" / "stint-local", "--port", "0", "--aws-port", "0", "--data-dir", data]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        try:
            identity = started(process, data)
            furnish(identity)
            yield identity
        finally:
            process.terminate()
            process.wait()


def run(who, phases):
    print(f"\n=== {phases}, as {who} ===", flush=True)
    with stint_local() as identity:
        config = ["--config-file", HERE / "schemathesis.toml"]
        checks = ["--checks", "all", "--baseline", HERE / "baseline.json"]
        options = ["--header", CALLERS[who](identity), "--phases", phases, *PHASES[phases], *checks, *sys.argv[1:]]
        command = [SCHEMATHESIS, *config, "run", f"{identity['url']}/openapi.json", *options]
        environment = os.environ | {"TENANT_ID": identity["tenant_id"]}
        return subprocess.run([str(word) for word in command], env=environment, cwd=TARGET, check=False).returncode


CALLERS = {
    "a machine": lambda identity: f"X-API-Key: {identity['api_key']}",
    "an administrator": lambda identity: f"Authorization: Bearer {token(identity['url'], 'dave')}",
}
# There is no end of sequences: they are tried for so many seconds.
PHASES = {"examples,coverage,fuzzing": [], "stateful": ["--max-time", "60"]}

failed = [f"{phases} as {who}" for who in CALLERS for phases in PHASES if run(who, phases) != 0]
sys.exit(f"failed: {'; '.join(failed)}" if failed else 0)
