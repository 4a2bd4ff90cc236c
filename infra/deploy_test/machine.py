"""The programs that stand in for AWS on this machine. Whatever is started here is stopped here."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config

from .report import Failed, say

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "deploy_test"
BINARIES = ROOT / "target" / "debug"
REGION = "us-east-1"
ACCOUNT = "000000000000"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def client(service, endpoint):
    # No retries: what fails once should be seen.
    config = Config(retries={"total_max_attempts": 1}, read_timeout=320, parameter_validation=True)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


@contextlib.contextmanager
def process(name, command, environment, ready):
    """Runs a program until the block ends; `ready` is asked until it answers."""
    log = WORK / "logs" / f"{name}.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [str(word) for word in command],
            env=os.environ | environment,
            cwd=WORK,
            stdout=out,
            stderr=subprocess.STDOUT,
            # What it starts itself, as MiniStack the functions, ends with it.
            start_new_session=True,
        )
    try:
        yield until_ready(name, running, ready, log)
    finally:
        stop(running)


def until_ready(name, running, ready, log, seconds=60):
    end = time.monotonic() + seconds
    while running.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, LookupError):
            answer = ready()
            say(f"      {name} is up")
            return answer
        time.sleep(0.2)
    raise Failed(f"{name} did not start; it says: {log.read_text(errors='replace')[-2000:]}")


def stop(running):
    for how, seconds in [(signal.SIGTERM, 10), (signal.SIGKILL, 5)]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(seconds)
            return

def listening(port):
    def ready():
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return f"http://127.0.0.1:{port}"

    return ready


def ministack(**more):
    port = free_port()
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(WORK / "tmp"),
        # These would listen on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        **more,
    }
    return process("ministack", [sys.executable, "-m", "ministack"], environment, listening(port))


def moto():
    port = free_port()
    command = [sys.executable, Path(__file__).with_name("moto_server.py"), "--host", "127.0.0.1", "--port", port]
    return process("moto", command, {}, listening(port))


def stint_local(name):
    """Ours: Identity Center, Identity Store and Organizations, and an issuer of tokens. Its own API is not used."""
    data = WORK / "data" / name
    command = [BINARIES / "stint-local", "--port", 0, "--aws-port", 0, "--data-dir", data]
    return process(name, command, {}, lambda: json.loads((data / "dev.json").read_text()))
