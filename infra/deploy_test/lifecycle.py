"""The main job, through the front door: asked, decided, given, and taken away by the clock."""

import json

from boto3.dynamodb.types import TypeDeserializer

from infra.audit.verify import Invalid, verify

from .report import Failed, check, say, wait_for

SANDBOX, PRODUCTION = "111111111111", "333333333333"
# Long enough to be looked at, and to see that nothing ends early.
SECONDS = 15
# MiniStack looks at its schedules every ten seconds; Scheduler itself may be a minute late.
LATE = 60


def ask(account, action, seconds):
    resource = {"type": "aws_account", "id": account}
    return {"resource": resource, "action": action, "reason": "deploy test", "duration_seconds": seconds}


class IdentityCenter:
    """Who has what, as Identity Center itself tells it."""

    def __init__(self, sso, identity_store, instance, store):
        self.sso, self.identity_store, self.instance, self.store = sso, identity_store, instance, store
        arns = sso.list_permission_sets(InstanceArn=instance)["PermissionSets"]
        described = [sso.describe_permission_set(InstanceArn=instance, PermissionSetArn=arn) for arn in arns]
        self.sets = {one["PermissionSet"]["Name"]: one["PermissionSet"]["PermissionSetArn"] for one in described}

    def user(self, email):
        unique = {"UniqueAttribute": {"AttributePath": "emails.value", "AttributeValue": email}}
        return self.identity_store.get_user_id(IdentityStoreId=self.store, AlternateIdentifier=unique)["UserId"]

    def has(self, who, action, account):
        found = self.sso.list_account_assignments(
            InstanceArn=self.instance, AccountId=account, PermissionSetArn=self.sets[action]
        )["AccountAssignments"]
        return self.user(f"{who}@example.com") in [one["PrincipalId"] for one in found]


class Lifecycle:
    def __init__(self, api, identity_center, scheduler, group):
        self.api, self.identity_center, self.scheduler, self.group = api, identity_center, scheduler, group

    def grant(self, grant):
        return self.api.call("getGrant", "key", 200, id=grant).body

    def schedules(self):
        return [one["Name"] for one in self.scheduler.list_schedules(GroupName=self.group)["Schedules"]]

    def given(self, grant, who, action, account):
        """Waits until a grant is usable, and looks whether it is true."""
        wait_for(
            f"{who}'s grant is usable",
            lambda: self.grant(grant),
            lambda seen: seen["provisioning_status"] == "successful",
            30,
        )
        there = self.identity_center.has(who, action, account)
        check(f"Identity Center has {who} {action} on {account}", there)

    def taken(self, grant, who, action, account, status, seconds):
        """Waits until a grant is over and its access gone, and looks whether it is true."""
        seen = wait_for(
            f"{who}'s grant is {status}, and its access known to be gone",
            lambda: self.grant(grant),
            lambda seen: seen["status"] == status and seen["revocation"]["status"] == "done",
            seconds,
        )
        there = self.identity_center.has(who, action, account)
        check(f"Identity Center no longer has {who} {action} on {account}", not there)
        return seen

    def granted_at_once(self, seconds=SECONDS):
        """Returns the grant, which the clock has ended."""
        request = self.api.call("createRequest", "alice", 201, ask(SANDBOX, "PowerUserAccess", seconds)).body
        check("policy approves alice in the sandbox", request["status"] == "approved", request)
        grant = request["grant_ids"][0]
        self.given(grant, "alice", "PowerUserAccess", SANDBOX)
        schedule = self.scheduler.get_schedule(GroupName=self.group, Name=grant)
        say(f"      {schedule['ScheduleExpression']} calls {schedule['Target']['Arn'].rsplit(':', 1)[1]}")
        over = self.taken(grant, "alice", "PowerUserAccess", SANDBOX, "expired", seconds + LATE)
        say(f"      expired at {over['expires_at']}, noticed at {over['updated_at']}")
        check("the schedule is gone", grant not in self.schedules())
        return grant

    def approved(self):
        """Returns the request and its grant, which has been given."""
        request = self.api.call("createRequest", "alice", 201, ask(PRODUCTION, "ReadOnlyAccess", 600)).body
        check("production waits for somebody", request["status"] == "pending", request)
        self.api.call("approveRequest", "alice", 403, id=request["id"])
        check("alice cannot approve her own request", True)
        self.api.call("approveRequest", "bob", 200, {"reasoning": "go ahead"}, id=request["id"])
        request = self.api.call("getRequest", "alice", 200, id=request["id"]).body
        check("bob can", request["status"] == "approved", request)
        grant = request["grant_ids"][0]
        self.given(grant, "alice", "ReadOnlyAccess", PRODUCTION)
        return request["id"], grant

    def ended_early(self, grant):
        self.api.call("revokeGrant", "alice", 202, id=grant)
        self.taken(grant, "alice", "ReadOnlyAccess", PRODUCTION, "revoked", 30)
        check("its schedule is gone", grant not in self.schedules())


def items(dynamodb, table, tenant, kind):
    """The records of a kind, by a query as anybody who may read the table can make it."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"T#{tenant}#{kind}"}},
        ConsistentRead=True,
    )
    read = TypeDeserializer().deserialize
    return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]


# What a stored audit entry has besides what it says.
KEYS = {"pk", "sk", "access_pk"}


def audit(dynamodb, table, tenant):
    """The tenant's audit chain, once it has been computed again from its beginning."""
    stored = sorted(items(dynamodb, table, tenant, "AUDIT"), key=lambda entry: entry["sequence"])
    entries = [{name: value for name, value in entry.items() if name not in KEYS} for entry in stored]
    # DynamoDB's numbers are decimals; those of entries are whole.
    entries = json.loads(json.dumps(entries, default=int))
    holds(entries)
    return entries


def holds(entries, head=None):
    """What the offline verifier says."""
    try:
        last = verify(entries, head=head)
    except Invalid as invalid:
        raise Failed(f"the audit chain does not hold: {invalid}") from invalid
    check(f"the audit chain holds: {last[0]} entries, no gap, every hash in place", last[0] > 0)
