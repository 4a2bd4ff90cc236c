"""Every endpoint of the template at least once, as its contract says: refused without a credential, and used."""

import json

from infra.audit.verify import read

from .lifecycle import PRODUCTION, SANDBOX, ask, holds
from .report import check, say
from .stack import NAME

OPEN = {"getHealth", "getOpenApi"}
NO_ID = "019a3f5e-7c1b-7000-8000-00000000dead"


def refused_without_credential(api):
    for operation in sorted(set(api.operations) - OPEN):
        _, template = api.operations[operation]
        path = {name: NO_ID for name in ("id", "policyId", "ruleId") if f"{{{name}}}" in template}
        api.call(operation, None, 401, **path)
    check(f"{len(api.operations) - len(OPEN)} endpoints refuse who has no credential", True)
    health = api.call("getHealth", None, 200).body
    check("getHealth is well", health == {"status": "ok"}, health)


def policies(api, seeds):
    """Makes the seed's policies, and uses every operation on policies and rules on one of its own."""
    made = [api.call("createPolicy", "key", 201, body=policy).body["id"] for policy in seeds]
    check(f"createPolicy makes {len(made)} policies", True)
    text = 'permit (principal in Group::"sre", action == Action::"ReadOnlyAccess", resource == AwsAccount::"222222222222");'
    verdict = api.call("validatePolicies", "key", 200, {"cedar_policy_set": text}).body
    check("validatePolicies finds it valid", verdict["valid"], verdict)
    api.call("getPolicySchema", "key", 200)
    question = {"principal": "alice", "groups": ["engineering"], "resource": f"aws_account:{SANDBOX}", "action": "PowerUserAccess"}
    decision = api.call("evaluatePolicies", "key", 200, question).body
    check("evaluatePolicies allows alice the sandbox", decision["permitted"], decision)

    limits = {"max_duration_seconds": 3600, "approval_mode": "auto"}
    policy = api.call("createPolicy", "key", 201, {"name": "of the deploy test", "cedar_policy_set": text, **limits})
    named = {"policyId": policy.body["id"]}
    changed = api.call(
        "updatePolicy", "key", 200, {"description": "changed"}, headers={"If-Match": policy.headers["etag"]}, **named
    )
    stale = {"If-Match": policy.headers["etag"]}
    api.call("updatePolicy", "key", 412, {"description": "overwritten"}, headers=stale, **named)
    found = api.call("getPolicy", "key", 200, **named).body
    check("updatePolicy changes it, once", found["description"] == "changed", [changed.body, found])
    rule = api.call("createPolicyRule", "key", 201, {"policy_text": text.replace("222222222222", SANDBOX)}, **named).body
    here = {**named, "ruleId": rule["id"]}
    api.call("updatePolicyRule", "key", 200, {"notice": "look it up first"}, **here)
    found = api.call("getPolicyRule", "key", 200, **here).body
    check("updatePolicyRule changes a rule", found["notice"] == "look it up first", found)
    rules = [one["id"] for one in api.call("listPolicyRules", "key", 200, **named).body["data"]]
    api.call("reorderPolicyRules", "key", 200, {"ids": rules[::-1]}, **named)
    found = [one["id"] for one in api.call("listPolicyRules", "key", 200, **named).body["data"]]
    check("reorderPolicyRules slots them round", found == rules[::-1], found)
    api.call("deletePolicyRule", "key", 204, **here)
    listed = [one["id"] for one in api.call("listPolicies", "key", 200).body["data"]]
    api.call("reorderPolicies", "key", 200, {"ids": listed})
    api.call("deletePolicy", "key", 204, **named)
    api.call("getPolicy", "key", 404, **named)
    check("deletePolicy deletes it", True)


def statements_count(api, lambdas, iam):
    """What the template does not allow does not work here either, or all of this would prove less."""
    function = f"{NAME}-get-health"
    role = lambdas.get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[1]
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        api.call("getHealth", None, 503)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    api.call("getHealth", None, 200)
    check("getHealth without its statement is 503, and with it 200", True)


def requests(api):
    """What people do with requests besides having them approved."""
    once = {"Idempotency-Key": "deploy-test-1"}
    body = ask(PRODUCTION, "ReadOnlyAccess", 900)
    first = api.call("createRequest", "bob", 201, body, headers=once).body["id"]
    again = api.call("createRequest", "bob", 201, body, headers=once).body["id"]
    check("a request with the same idempotency key is made once", first == again, [first, again])
    said = api.call("createRequestMessage", "carol", 201, {"content": "what for?"}, id=first).body
    heard = api.call("listRequestMessages", "bob", 200, id=first).body["data"]
    check("listRequestMessages has what was said", [one["id"] for one in heard] == [said["id"]], heard)
    api.call("denyRequest", "carol", 200, {"reasoning": "not today"}, id=first)
    second = api.call("createRequest", "bob", 201, ask(PRODUCTION, "ReadOnlyAccess", 600)).body["id"]
    api.call("cancelRequest", "bob", 200, id=second)
    listed = {one["id"]: one["status"] for one in api.call("listRequests", "bob", 200).body["data"]}
    check("one is denied and one is cancelled", (listed[first], listed[second]) == ("denied", "cancelled"), listed)
    answer = api.call("createRequest", "alice", 403, ask(PRODUCTION, "AdministratorAccess", 60)).body
    check("what is forbidden is told with its notice", "break the glass" in str(answer), answer)


def ensure(api, lifecycle):
    """`ensureAccess`, and what is done with the grant."""
    wanted = {"entitlements": [{"target": f"AWS::Account::{SANDBOX}", "role": "ReadOnlyAccess", "duration_seconds": 600}]}
    made = api.call("ensureAccess", "alice", 200, wanted).body["grants"][0]
    grant = made["id"]
    status = api.call("getAccessRequestStatus", "alice", 200, id=made["access_request_id"]).body
    say(f"      {made['name']}: {status['status']}")
    lifecycle.given(grant, "alice", "ReadOnlyAccess", SANDBOX)
    same = api.call("ensureAccess", "alice", 200, wanted).body["grants"][0]
    check("ensureAccess again finds the same grant", same["id"] == grant, same)
    until = lifecycle.grant(grant)["expires_at"]
    longer = api.call("extendGrant", "alice", 200, {"duration_seconds": 60}, id=grant).body
    check("extendGrant gives it more time", longer["expires_at"] > until, longer)
    api.call("updateGrant", "key", 200, {"audit_enabled": False}, id=grant)
    listed = [one["id"] for one in api.call("listGrants", "alice", 200, query={"status": "active"}).body["data"]]
    check("listGrants has it", grant in listed, listed)
    api.call("revokeGrant", "key", 202, id=grant)
    lifecycle.taken(grant, "alice", "ReadOnlyAccess", SANDBOX, "revoked", 30)


def audit_log(api):
    """What happened, listed, verified, and taken away; the lines hold to somebody who has nothing else."""
    entry = api.call("listAuditLog", "key", 200, query={"action": "grant.active", "limit": 1}).body["data"][0]
    same = api.call("getAuditLogEntry", "key", 200, id=entry["id"]).body
    check("getAuditLogEntry has what listAuditLog shows", same == entry, [entry, same])
    verified = api.call("verifyAuditLog", "key", 200).body
    check("verifyAuditLog finds it valid", verified["status"] == "valid", verified)
    exported = api.call("exportAuditLog", "key", 200)
    head = verified["head"]
    holds(list(read(exported.body.removesuffix("\n").split("\n"))), (head["sequence"], head["hash"]))
    more = api.call("exportAuditLog", "key", 200, query={"cursor": exported.headers["x-next-cursor"]}).body
    check("it goes on where it ended", not more or entry["id"] not in json.dumps(more), more)
