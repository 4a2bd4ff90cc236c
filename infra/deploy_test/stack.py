"""The shipped template, deployed. Its parameters, code locations and environment are given here; nothing else is changed."""

import hashlib
import json
import platform
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor

from infra.template import functions, read_template

from .machine import BINARIES, WORK, client
from .report import Failed, note, say

NAME = "stint"
BUCKET = "stint-deploy-test"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def package(binary):
    """A binary as Lambda takes it: `bootstrap` in a zip, without the debugging information."""
    built, packed = BINARIES / binary, WORK / "packages" / f"{binary}.zip"
    if packed.exists() and packed.stat().st_mtime > built.stat().st_mtime:
        return packed
    stripped = packed.with_suffix(".bootstrap")
    subprocess.run(["strip", "-o", stripped, built], check=True)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, stripped.read_bytes())
    stripped.unlink()
    return packed


def leave_out(template):
    """What MiniStack cannot make, or evaluate. Nothing else here depends on it."""
    limited = 0
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"].get("Policies", []):
                for statement in policy.get("PolicyDocument", {}).get("Statement", []):
                    if "dynamodb:LeadingKeys" in json.dumps(statement.get("Condition")):
                        del statement["Condition"]
                        limited += 1
    note(f"{limited} conditions on leading keys are left out: MiniStack never has the key; every test of the suites holds them")
    for name, resource in list(template["Resources"].items()):
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            note(f"{name} is left out: MiniStack has no alarms on expressions")
            del template["Resources"][name]
            template["Resources"]["DrainGuard"]["DependsOn"].remove(name)


def hold_checksums(release):
    """Whoever deploys a release checks it first."""
    for line in (release / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        if hashlib.sha256((release / name).read_bytes()).hexdigest() != checksum:
            raise Failed(f"{name} is not what SHA256SUMS says")


def upload(s3, template, release):
    binaries = sorted(functions(template).values())
    (WORK / "packages").mkdir(exist_ok=True)
    s3.create_bucket(Bucket=BUCKET)
    packages = (lambda binary: release / "functions" / f"{binary}.zip") if release else package
    with ThreadPoolExecutor(2) as pool:
        for binary, packed in zip(binaries, pool.map(packages, binaries)):
            s3.upload_file(str(packed), BUCKET, f"{binary}.zip")
    say(f"      {len(binaries)} packages uploaded")


def template_of(release):
    return read_template(release / "template.yaml") if release else read_template()


def deploy(endpoint, parameters, environment, release):
    """Deploys through CloudFormation and returns the outputs. `release` is a folder of `make release`; none means the template and
    the development binaries of this tree."""
    if release:
        hold_checksums(release)
    template, s3, cloudformation = template_of(release), client("s3", endpoint), client("cloudformation", endpoint)
    upload(s3, template, release)
    for name, binary in functions(template).items():
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": f"{binary}.zip"}
    template["Globals"]["Function"]["Environment"]["Variables"] |= environment
    leave_out(template)
    # As `sam deploy` does it: a template of this size goes through S3.
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
    parameters = {"Architecture": ARCHITECTURES[platform.machine()], **parameters}
    cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"{endpoint}/{BUCKET}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
        )
    except Exception as error:
        events = cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
        why = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if "FAILED" in event["ResourceStatus"]
        ]
        raise Failed(f"the stack was not created: {'; '.join(why) or error}") from error
    stack = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def names(endpoint):
    """What resources are called in AWS: functions by their binaries, the others by their logical ids."""
    cloudformation, binaries = client("cloudformation", endpoint), functions(read_template())
    found = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=NAME):
        for one in page["StackResourceSummaries"]:
            found[binaries.get(one["LogicalResourceId"], one["LogicalResourceId"])] = one["PhysicalResourceId"]
    return found


def name_schedules_as_ministack_does(endpoint, group):
    """MiniStack authorizes every schedule as one of the default group. What roles may do with schedules of our group, and
    nothing else, they may do with those."""
    iam = client("iam", endpoint)
    group, default = f":schedule/{group}/", ":schedule/default/"
    for role in [page for pages in iam.get_paginator("list_roles").paginate() for page in pages["Roles"]]:
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
            of_group = [statement for statement in document["Statement"] if group in str(statement["Resource"])]
            if of_group:
                document["Statement"] = json.loads(json.dumps(of_group).replace(group, default))
                iam.put_role_policy(
                    RoleName=role["RoleName"], PolicyName="DefaultGroup", PolicyDocument=json.dumps(document)
                )
                actions = [statement["Action"] for statement in document["Statement"]]
                note(f"{role['RoleName']}: MiniStack takes every schedule for one of the default group; the same {actions} there")


def keep_logs(endpoint):
    """Writes what the functions logged to one file, and returns what they called an error. MiniStack has a log group for each
    function, whatever group the template names."""
    logs, kept = client("logs", endpoint), []
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{NAME}-"):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for found in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                kept += [(one["timestamp"], name.rsplit("/", 1)[1], one["message"].strip()) for one in found["events"]]
    kept.sort()
    (WORK / "logs" / "functions.log").write_text("".join(f"{at} {name} {text}\n" for at, name, text in kept))
    return [f"{name}: {text}" for _, name, text in kept if '"level":"ERROR"' in text or "panicked" in text]
