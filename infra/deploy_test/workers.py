"""The workers, called directly with what AWS sends them, a second time: nothing changes."""

import json

from .lifecycle import audit, items
from .machine import ACCOUNT, REGION
from .report import check, wait_for


def invoke(client, name, event):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event, default=str).encode())
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def called_again(client, dynamodb, outputs, api, ended, called, names):
    """`ended` is a grant that is over; the names of the binaries are added to `called`."""
    table, tenant = outputs["TableName"], api.tenant
    before = audit(dynamodb, table, tenant)
    sealed = items(dynamodb, table, tenant, "EVENT")[-1]
    event = next(entry for entry in before if (entry["resource_id"], entry["action"]) == (ended, "grant.provisioning"))
    grant = {"tenant_id": tenant, "grant_id": ended}
    calls = [
        ("publish_events", inserted(outputs, sealed), {"batchItemFailures": []}),
        ("provision_grant", on_the_bus(event), None),
        ("deprovision_grant", on_the_bus(event | {"action": "grant.expired"}), None),
        # EventBridge Scheduler sends the input of the schedule and nothing else.
        ("provision_grant", grant, None),
        ("deprovision_grant", grant, None),
        ("sweep", scheduled(), None),
        ("sync", scheduled(), None),
    ]
    for worker, sent, expected in calls:
        error, answer = invoke(client, names[worker], sent)
        check(f"{worker} answers {json.dumps(expected)}", error is None and answer == expected, [error, answer])
        called.add(worker)
    for worker in ("publish_events", "provision_grant", "deprovision_grant"):
        error, answer = invoke(client, names[worker], {"nothing": "known"})
        told = isinstance(answer, dict) and "errorMessage" in answer
        check(f"{worker} fails on what it cannot read", error is not None and told, [error, answer])
    check("nothing has changed", audit(dynamodb, table, tenant) == before)


def given_up(client, sqs, queue, names):
    """A call that fails to the end is not lost: people find it in the queue."""
    for worker in ("provision_grant", "deprovision_grant"):
        event = json.dumps({"nothing": "known"}).encode()
        client.invoke(FunctionName=names[worker], InvocationType="Event", Payload=event)
    wait_for("calls that fail to the end are in the dead-letter queue", lambda: waiting(sqs, queue), lambda count: count == 2, 60)


def waiting(sqs, queue):
    """How many messages are in a queue, whose URL is an output."""
    url = sqs.get_queue_url(QueueName=queue.rsplit("/", 1)[1])["QueueUrl"]
    wanted = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])["Attributes"][wanted])


def inserted(outputs, item):
    """A batch of the table's stream with one record."""
    keys = {name: {"S": item[name]} for name in ("pk", "sk")}
    record = {
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767603600,
            "Keys": keys,
            "NewImage": keys,
            "SequenceNumber": "111",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"{outputs['TableArn']}/stream/2026-01-05T09:00:00.000",
    }
    return {"Records": [record]}


def on_the_bus(entry):
    """An event as a rule of the bus sends it; its detail is what the audit log has sealed."""
    detail = {name: value for name, value in entry.items() if name not in ("pk", "sk", "sequence", "prev_hash", "hash")}
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": entry["action"],
        "source": "stint",
        "account": ACCOUNT,
        "time": "2026-01-05T09:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def scheduled():
    """What a rule with a rate sends."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-01-05T09:05:00Z",
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/stint-sweep"],
        "detail": {},
    }
