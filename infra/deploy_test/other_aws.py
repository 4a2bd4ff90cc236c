"""The calls of provision and deprovision once more, against moto: another's idea of the same services."""

from .lifecycle import SANDBOX, IdentityCenter, Lifecycle, ask
from .machine import client
from .report import check, wait_for

WORKERS = ("provision_grant", "deprovision_grant")


def world(moto, seed):
    """The seed's people and permission sets, in moto. Returns its Identity Center instance."""
    sso, store = client("sso-admin", moto), client("identitystore", moto)
    instance = sso.list_instances()["Instances"][0]
    for person in seed["people"]:
        store.create_user(
            IdentityStoreId=instance["IdentityStoreId"],
            UserName=person["sub"],
            DisplayName=person["name"],
            Name={"GivenName": person["name"], "FamilyName": "Example"},
            Emails=[{"Value": person["email"], "Type": "work", "Primary": True}],
        )
    for permission_set in seed["aws"]["permission_sets"]:
        sso.create_permission_set(
            InstanceArn=instance["InstanceArn"], Name=permission_set["name"], SessionDuration="PT2H"
        )
    return instance


def lead_workers_to(lambdas, moto, instance, names):
    endpoints = {f"AWS_ENDPOINT_URL_{name}": moto for name in ("SSO_ADMIN", "IDENTITYSTORE", "SCHEDULER")}
    ids = {"IDENTITY_CENTER_INSTANCE_ARN": instance["InstanceArn"], "IDENTITY_STORE_ID": instance["IdentityStoreId"]}
    for name in (names[worker] for worker in WORKERS):
        variables = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": variables | endpoints | ids})


def given_extended_and_taken(api, moto, instance, group):
    scheduler = client("scheduler", moto)
    scheduler.create_schedule_group(Name=group)
    identity_center = IdentityCenter(
        client("sso-admin", moto), client("identitystore", moto), instance["InstanceArn"], instance["IdentityStoreId"]
    )
    lifecycle = Lifecycle(api, identity_center, scheduler, group)

    request = api.call("createRequest", "alice", 201, ask(SANDBOX, "PowerUserAccess", 600)).body
    grant = request["grant_ids"][0]
    lifecycle.given(grant, "alice", "PowerUserAccess", SANDBOX)
    first = scheduler.get_schedule(GroupName=group, Name=grant)
    check("moto has the schedule", first["ScheduleExpression"].startswith("at("), first)
    check("it is deleted when it has fired", first["ActionAfterCompletion"] == "DELETE", first)
    api.call("extendGrant", "alice", 200, {"duration_seconds": 300}, id=grant)

    wait_for(
        "extending moves moto's schedule",
        lambda: scheduler.get_schedule(GroupName=group, Name=grant)["ScheduleExpression"],
        lambda seen: seen > first["ScheduleExpression"],
        30,
    )
    api.call("revokeGrant", "alice", 202, id=grant)
    lifecycle.taken(grant, "alice", "PowerUserAccess", SANDBOX, "revoked", 30)
    check("moto's schedule is gone", grant not in lifecycle.schedules())
