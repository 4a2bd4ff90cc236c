"""Deleting the stack: drained, there is nothing that speaks against it; while a grant is live, it is refused."""

import os
import subprocess

from . import machine
from .lifecycle import SANDBOX, ask
from .report import Failed, check, note, say, wait_for
from .stack import NAME


def drained_or_refused(api, aws, table):
    ended = given(api)
    drained(aws, table)
    over = api.call("getGrant", "key", 200, id=ended).body
    check("stint-drain ends when alice's access is gone", over["revocation"]["status"] == "done", over)

    given(api)
    cloudformation = machine.client("cloudformation", aws)
    cloudformation.delete_stack(StackName=NAME)
    wait_for(
        "the stack is not deleted while alice has access",
        lambda: cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"],
        lambda seen: seen == "DELETE_FAILED",
        60,
    )
    guard = cloudformation.describe_stack_resource(StackName=NAME, LogicalResourceId="DrainGuard")["StackResourceDetail"]
    check("the reason is the grant", "1 grants are live" in guard["ResourceStatusReason"], guard)
    note("MiniStack deletes what a resource needs although that resource is still there; AWS deletes nothing then")


def given(api):
    """A grant that is usable."""
    request = api.call("createRequest", "alice", 201, ask(SANDBOX, "PowerUserAccess", 600)).body
    [grant] = request["grant_ids"]
    wait_for(
        "alice has access",
        lambda: api.call("getGrant", "key", 200, id=grant).body,
        lambda seen: seen["provisioning_status"] == "successful",
        30,
    )
    return grant


def drained(aws, table):
    command = [machine.BINARIES / "stint-drain", "--table", table]
    environment = {"AWS_ENDPOINT_URL": aws, "AWS_REGION": machine.REGION}
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise Failed(f"the stack was not drained: {done.stderr}")
    for line in done.stderr.splitlines():
        say(f"      {line}")
