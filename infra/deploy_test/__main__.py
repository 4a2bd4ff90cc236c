"""`make deploy-test`: deploys template.yaml on this machine and does with it what customers do."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from infra.template import functions as functions_of
from infra.template import operations

from . import deletion, endpoints, machine, other_aws, stack, workers
from .api import Api
from .lifecycle import IdentityCenter, Lifecycle, audit
from .report import Failed, chapter, check, checks, note, say


def found(bootstrap, aws, table, name, issuer, directory):
    """A tenant, as customers found theirs. Returns its id and its administrator's key. `directory` is where Organizations and
    Identity Center are."""
    command = [bootstrap, "--table", table, "--tenant-name", name, "--sync"]
    command += ["--issuer", issuer, "--client-id", "stint-local", "--admin-group", "admins"]
    environment = {"AWS_ENDPOINT_URL": aws, "AWS_REGION": machine.REGION}
    environment |= {f"AWS_ENDPOINT_URL_{service}": url for service, url in directory.items()}
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"the tenant was not created: {done.stderr}")
    for line in done.stderr.splitlines():
        say(f"      {line}")
    key = done.stdout.strip()
    # `stint_<tenant>_<id>_<secret>`
    return str(uuid.UUID(key.split("_")[1])), key


def hold_clocks(events):
    """Sweep would find what Scheduler forgot; here Scheduler has to do it alone. Sync would read another AWS into moto's tenant."""
    names = [one["Name"] for one in events.list_rules()["Rules"]]
    for worker in ("Sweep", "Sync"):
        [rule] = [name for name in names if worker in name]
        events.disable_rule(Name=rule)
        note(f"{rule} is off from here on")


def nothing_was_given_up(sqs, outputs):
    for name in ("WorkerDeadLetterQueueUrl", "StreamDeadLetterQueueUrl"):
        count = workers.waiting(sqs, outputs[name])
        check(f"{name.removesuffix('Url')} is empty", count == 0, count)


def run(release):
    for directory in ("data", "logs", "tmp"):
        shutil.rmtree(machine.WORK / directory, ignore_errors=True)
        (machine.WORK / directory).mkdir(parents=True)
    template = stack.template_of(release)
    bootstrap = (release or machine.BINARIES) / "stint-bootstrap"
    seed = json.loads((machine.ROOT / "infra/local/seeds/example.json").read_text())
    with contextlib.ExitStack() as stop:
        chapter(f"Deploying {release.name if release else 'template.yaml'}")
        ours = stop.enter_context(machine.stint_local("stint-local"))
        # With AUTH it holds every function to the statements of its role in the template.
        stop.callback(shutil.rmtree, machine.WORK / "tmp", ignore_errors=True)
        aws = stop.enter_context(machine.ministack(AUTH="true"))
        stop.callback(stack.keep_logs, aws)
        sso, store = machine.client("sso-admin", ours["aws_endpoint"]), machine.client("identitystore", ours["aws_endpoint"])
        instance = sso.list_instances()["Instances"][0]
        outputs = stack.deploy(
            aws,
            {"IdentityCenterInstanceArn": instance["InstanceArn"], "IdentityStoreId": instance["IdentityStoreId"]},
            {
                "AWS_ENDPOINT_URL": aws,
                "AWS_ENDPOINT_URL_SSO_ADMIN": ours["aws_endpoint"],
                "AWS_ENDPOINT_URL_IDENTITYSTORE": ours["aws_endpoint"],
                "AWS_ENDPOINT_URL_ORGANIZATIONS": ours["aws_endpoint"],
            },
            release,
        )
        functions, names = functions_of(template), stack.names(aws)
        say(f"      {len(functions)} functions; the API is {outputs['ApiUrl']}, the table {outputs['TableName']}")
        lambdas, dynamodb = machine.client("lambda", aws), machine.client("dynamodb", aws)
        stack.name_schedules_as_ministack_does(aws, names["ScheduleGroup"])
        hold_clocks(machine.client("events", aws))

        chapter("The API's contract")
        api = Api(aws, outputs["ApiUrl"], operations(template))
        directory = dict.fromkeys(("SSO_ADMIN", "IDENTITYSTORE", "ORGANIZATIONS"), ours["aws_endpoint"])
        api.enter(*found(bootstrap, aws, outputs["TableName"], "Example", ours["issuer"], directory), ours["url"])
        api.read_description()
        endpoints.refused_without_credential(api)
        endpoints.policies(api, seed["policies"])
        endpoints.statements_count(api, lambdas, machine.client("iam", aws), names["get_health"])

        identity_center = IdentityCenter(sso, store, instance["InstanceArn"], instance["IdentityStoreId"])
        lifecycle = Lifecycle(api, identity_center, machine.client("scheduler", aws), names["ScheduleGroup"])
        chapter("Approved by people, ended early")
        _, approved = lifecycle.approved()
        lifecycle.ended_early(approved)
        chapter("Granted at once, ended by the clock")
        expired = lifecycle.granted_at_once()
        chapter("Everything else")
        endpoints.requests(api)
        endpoints.ensure(api, lifecycle)
        endpoints.audit_log(api)

        chapter("What is left behind")
        entries = audit(dynamodb, outputs["TableName"], api.tenant)
        of_grant = [entry["action"] for entry in entries if entry["resource_id"] == expired]
        say(f"      {', '.join(of_grant)}")
        check("the chain has the grant's life", of_grant == GRANT, of_grant)
        errors = stack.keep_logs(aws)
        unexpected = [error for error in errors if names["get_health"] not in error]
        check("no function has logged an error it was not meant to", not unexpected, unexpected)
        # It was asked when the stack was made, and the stack is there.
        called = {"drain_guard"}
        workers.called_again(lambdas, dynamodb, outputs, api, expired, called, names)
        invoked = called | {snake(operation) for operation in api.called}
        check(f"all {len(functions)} functions were called", invoked == set(functions.values()), invoked)

        chapter("The calls to Identity Center and Scheduler against moto")
        moto = stop.enter_context(machine.moto())
        instance = other_aws.world(moto, seed)
        other_aws.lead_workers_to(lambdas, moto, instance, names)
        # The tokens of an issuer for one client belong to one tenant.
        other = stop.enter_context(machine.stint_local("other-issuer"))
        directory = {"SSO_ADMIN": moto, "IDENTITYSTORE": moto, "ORGANIZATIONS": other["aws_endpoint"]}
        api.enter(*found(bootstrap, aws, outputs["TableName"], "Moto", other["issuer"], directory), other["url"])
        for policy in seed["policies"]:
            api.call("createPolicy", "key", 201, policy)
        other_aws.given_extended_and_taken(api, moto, instance, names["ScheduleGroup"])
        audit(dynamodb, outputs["TableName"], api.tenant)

        chapter("What is given up")
        sqs = machine.client("sqs", aws)
        nothing_was_given_up(sqs, outputs)
        workers.given_up(lambdas, sqs, outputs["WorkerDeadLetterQueueUrl"], names)

        chapter("Deleting the stack")
        deletion.drained_or_refused(api, aws, outputs["TableName"])


# What a grant that ran to its end leaves in the audit log.
GRANT = ["grant.provisioning", "grant.active", "grant.expired", "grant.revocation_done"]


def snake(operation):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)


def main():
    # So that what was started is stopped, too, when this is told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
    except Failed as failure:
        print(f"\nFAILED  {failure}\n        logs are in {machine.WORK.relative_to(machine.ROOT)}/logs", file=sys.stderr)
        return 1
    print(f"\nThe template deploys and works: {checks()} checks.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
