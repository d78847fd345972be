"""Each role permits exactly the calls that its container makes: none is missing, no permission is
unused."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from devstack.table import create_table
from service.analytics.figures import DayFigures, OperationFigures
from service.analytics.store import closed_day_write, sealed
from service.core.clock import SystemClock
from service.core.days import day_at, day_before
from service.core.settings import STAGES
from service.storage.codec import encode_item
from tests.doubles.service_harness import ACCESS_TOKENS_SECRET
from tests.doubles.signer import OPERATORS_SECRET
from tests.infrastructure.cloud import cloud, deploy
from tests.infrastructure.deployments import deployment
from tests.infrastructure.permissions import RECORDED, Call, faults, recorded_calls, written
from tests.infrastructure.processes import Processes
from tests.infrastructure.recording import UPLOADS, Recorder
from tests.infrastructure.render import REGION

STAGE = "production"
ALIAS = f"alias/farebox-{STAGE}-data"
KEYS: dict[str, Any] = {
    "fingerprintPeppers": {"1": "p" * 32},
    "ledgerMacKey": "m" * 32,
    "callbackTokenKeys": ["t" * 32],
}
SIMULATED = SimulatorSettings(port=0, video_seconds=0.01, public_url="https://videos.example.com")


@pytest.fixture(scope="module")
def recorded(client: Any) -> Iterator[set[Call]]:
    """The calls of every process of production, run through everything it does with exactly the
    environment of its deployed task definition."""
    with cloud(), SimulatorServer(SIMULATED) as simulator:
        data, *_ = deploy(STAGE)
        names = {"KeysSecretArn": "keys", "KlingSecretArn": "kling"}
        names |= {"OperatorKeysSecretArn": "operators"}
        names |= {"AccessTokenKeysSecretArn": "access-tokens"}
        secrets = {data.outputs[output]: name for output, name in names.items()}
        values = (json.dumps(KEYS), SIMULATED.kling_api_key, OPERATORS_SECRET, ACCESS_TOKENS_SECRET)
        for arn, value in zip(secrets, values, strict=True):
            boto3.client("secretsmanager", region_name=REGION).put_secret_value(
                SecretId=arn, SecretString=value
            )
        create_table(client, data.outputs["TableName"])
        named = {data.outputs["RecordsBucket"]: "records", data.outputs["DataKeyArn"]: "data key"}
        named |= {data.outputs["UploadsBucket"]: UPLOADS}
        recorder = Recorder(secrets | named | {ALIAS: "data key"})
        processes = Processes(STAGE, recorder, client.meta.endpoint_url, simulator)
        user = _work(processes, client, data.outputs["TableName"])
        _operate_on_data_keys(processes, client, data.outputs["TableName"], user)
        _tear(client, data.outputs["TableName"])
        processes.command("operator", "audit", "--repair", "--yes", role="repair")
        assert processes.command("operator", "audit") == 0
        yield recorder.calls
        client.delete_table(TableName=data.outputs["TableName"])


def _operate_on_data_keys(processes: Processes, client: Any, table: str, user: str) -> None:
    """Rotates a data key, then wraps anew what a former KMS key has wrapped: an alias stands for
    that."""
    assert processes.command("operator", "rotate-data-key", user) == 0
    key = {"PK": {"S": f"USER#{user}"}, "SK": {"S": "DATAKEY"}}
    client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #k.#v.#b = :alias",
        ExpressionAttributeNames={"#k": "keys", "#v": "1", "#b": "by"},
        ExpressionAttributeValues={":alias": {"S": ALIAS}},
    )
    assert processes.command("operator", "rewrap-data-keys") == 0
    assert ALIAS not in str(client.get_item(TableName=table, Key=key))


def _with_yesterday(client: Any, table: str) -> None:
    """A closed day with a loss that has come to light since: the audit writes it anew."""
    now = SystemClock().now()
    lost = DayFigures(operations={"kling:image2video": OperationFigures(house_loss=1)})
    day = sealed(day_before(day_at(now), 1), lost, now, KEYS["ledgerMacKey"].encode())
    put = closed_day_write(None, day)
    client.put_item(TableName=table, Item=encode_item({**put.key.attributes(), **put.item}))


def _work(processes: Processes, client: Any, table: str) -> str:
    user, (first, second) = processes.web()
    assert processes.command("operator", "resolve", user, first) == 0
    processes.worker()
    processes.play(user, second)
    assert processes.command("operator", "ledger", user) == 0
    # Its id alone: an index leads to the user.
    assert processes.command("operator", "job", first) == 0
    # No web process is up: the key was read, and the request could not be sent.
    note = ("note", user, "--reason", "for a test", "--key-id", "machine")
    assert processes.command("operator", *note) == 2
    assert processes.command("operator", "resolve", user, second) == 0
    assert processes.command("operator", "audit") == 0
    _with_yesterday(client, table)
    # The second one reads the record of the first.
    assert [processes.scheduled() for _ in range(2)] == [0, 0]
    return user


def _tear(client: Any, table: str) -> None:
    """Damages the table as a restore in the middle of transactions would: a device is missing, an
    index entry is left over, a claim belongs to no user."""
    items = client.scan(TableName=table)["Items"]
    job, claim = (
        next(item for item in items if word in item["SK"]["S"] + item["PK"]["S"])
        for word in ("JOB#", "FINGERPRINT#")
    )
    due = {"GSI2PK": {"S": "DUE#JOB#0"}, "GSI2SK": {"S": "1790000000000"}}
    client.put_item(TableName=table, Item=job | due)
    device = next(item["SK"] for item in items if item["SK"]["S"].startswith("DEVICE#"))
    client.delete_item(TableName=table, Key={"PK": job["PK"], "SK": device})
    unclaimed = claim | {"PK": {"S": "FINGERPRINT#" + "x" * 22}, "userId": {"S": "nobody"}}
    client.put_item(TableName=table, Item=unclaimed)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("stage", STAGES)
def test_no_permission_is_missing_and_none_is_unused(recorded: set[Call], stage: str) -> None:
    assert faults(deployment(stage), sorted(recorded)) == []


def test_the_recorded_calls_are_those_in_the_file(recorded: set[Call]) -> None:
    """When the code needs other calls, copy the text of this failure into the file."""
    assert written(sorted(recorded)) == RECORDED.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "call",
    [
        Call("web", "dynamodb:Scan", "table"),
        Call("web", "dynamodb:DeleteItem", "table"),
        Call("audit", "dynamodb:PutItem", "table"),
        Call("audit", "dynamodb:UpdateItem", "closed days"),
        Call("web", "dynamodb:DeleteItem", "closed days"),
        Call("audit", "secretsmanager:GetSecretValue", "kling"),
        Call("audit", "s3:DeleteObject", "records"),
        Call("operator", "s3:PutObject", "records"),
        Call("web", "s3:DeleteObjectVersion", "uploads"),
        Call("web", "s3:ListBucketVersions", "uploads bucket"),
        Call("worker", "s3:GetObjectVersion", "uploads"),
        Call("worker", "s3:PutObject", "uploads"),
        Call("web", "s3:PutObject", "videos"),
        Call("worker", "s3:GetObject", "uploads"),
        Call("worker", "secretsmanager:PutSecretValue", "keys"),
        Call("audit", "kms:GenerateDataKey", "data key"),
        Call("audit", "kms:Decrypt", "data key"),
        Call("web", "kms:Encrypt", "data key"),
        Call("operator", "kms:ScheduleKeyDeletion", "data key"),
    ],
    ids=lambda call: f"{call.container}-{call.action}",
)
def test_a_call_that_must_not_be_is_forbidden(call: Call) -> None:
    assert any("may not" in fault for fault in faults(deployment(STAGE), [*recorded_calls(), call]))
