"""Deleting the stack: refused while a grant is live, and done once it is drained."""

import os
import subprocess

from . import machine
from .lifecycle import SANDBOX, ask
from .report import Failed, check, say, wait_for
from .stack import NAME


def refused_then_done(api, aws, table):
    cloudformation = machine.client("cloudformation", aws)
    stack = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["StackId"]

    def status():
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]

    request = api.call("createRequest", "alice", 201, ask(SANDBOX, "PowerUserAccess", 600)).body
    grant = request["grant_ids"][0]
    wait_for(
        "alice has access",
        lambda: api.call("getGrant", "key", 200, id=grant).body,
        lambda seen: seen["provisioning_status"] == "successful",
        30,
    )
    cloudformation.delete_stack(StackName=stack)
    wait_for("the stack is not deleted", status, lambda seen: seen == "DELETE_FAILED", 60)
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    of_guard = [event for event in events if event["LogicalResourceId"] == "DrainGuard"]
    why = [event.get("ResourceStatusReason") for event in of_guard if event["ResourceStatus"] == "DELETE_FAILED"]
    check("the reason is the grant", "1 grants are not over" in str(why), why)
    gone = {event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_COMPLETE"}
    check("nothing else is deleted", not gone, sorted(gone))

    drained(aws, table)
    over = api.call("getGrant", "key", 200, id=grant).body
    check("stint-drain ends when alice's access is gone", over["revocation"]["status"] == "done", over)
    cloudformation.delete_stack(StackName=stack)
    wait_for("then the stack is deleted", status, lambda seen: seen == "DELETE_COMPLETE", 120)


def drained(aws, table):
    command = [machine.BINARIES / "stint-drain", "--table", table]
    environment = {"AWS_ENDPOINT_URL": aws, "AWS_REGION": machine.REGION}
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise Failed(f"the stack was not drained: {done.stderr}")
    for line in done.stderr.splitlines():
        say(f"      {line}")
