"""The audit reads every attribute of a job: each, changed by itself, is found, whatever its seal
says."""

from typing import Any

import pytest

from service.jobs.checks import UNSEALED
from service.providers.base import Rejected, RejectionReason, TaskStatus
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

TEXT, NUMBER, LIST, MAP = {"S": "x"}, {"N": "7"}, {"L": []}, {"M": {}}
URL, EXPIRY = {"S": "https://videos.example.com/v.mp4"}, {"N": "1780000000000"}
HASH, LENGTH = {"S": "h" * 22}, {"N": "40"}


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, provider=LikeKling())


def delivered(world: ServiceHarness) -> str:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    return job_id


def declined(world: ServiceHarness) -> str:
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(Exception, match="busy") as refused:
        world.submit()
    return str(refused.value.details["jobId"])  # type: ignore[attr-defined]


def given_late(world: ServiceHarness) -> str:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(60)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    return job_id


def placed(world: ServiceHarness) -> str:
    return world.submit().job.job_id


def found_with(world: ServiceHarness, job_id: str, name: str, value: Any) -> list[str]:
    """What the audit says of the job with that attribute changed (None: removed), but for its
    seal."""
    assert world.audit().violations == ()
    change = "SET #a = :v" if value else "REMOVE #a"
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "USER#ann"}, "SK": {"S": f"JOB#{job_id}"}},
        UpdateExpression=change,
        ExpressionAttributeNames={"#a": name},
        **({"ExpressionAttributeValues": {":v": value}} if value else {}),
    )
    found = [each.what for each in world.audit().violations if job_id in each.item]
    return [what for what in found if what != UNSEALED]


DELIVERED = [
    ("status", TEXT),
    ("operation", NUMBER),
    ("actor", NUMBER),
    ("held", TEXT),
    ("held", NUMBER),
    ("priceVersion", NUMBER),
    ("priceVersion", None),
    ("requestId", NUMBER),
    ("requestId", TEXT),
    ("operation", TEXT),
    ("allocation", LIST),
    ("createdAt", TEXT),
    ("submitUntil", TEXT),
    ("hardAt", TEXT),
    ("GSI2SK", TEXT),
    ("taskId", NUMBER),
    ("provider", TEXT),
    ("notFoundAt", TEXT),
    ("captured", NUMBER),
    ("captured", None),
    ("balanceAfter", NUMBER),
    ("balanceAfter", TEXT),
    ("providerCost", TEXT),
    ("providerCost", {"M": {"micros": TEXT, "currency": TEXT}}),
    ("watchUntil", NUMBER),
    ("houseLoss", NUMBER),
    ("payload", TEXT),
    ("payload", None),
    ("payload", MAP),
    ("payload", {"M": {"imageHash": HASH, "imageLength": LENGTH}}),
    ("payload", {"M": {"promptKey": NUMBER, "imageHash": HASH, "imageLength": LENGTH}}),
    ("payload", {"M": {"promptKey": TEXT, "imageHash": NUMBER, "imageLength": LENGTH}}),
    ("payload", {"M": {"promptKey": TEXT, "imageHash": HASH, "imageLength": TEXT}}),
    ("result", None),
    ("result", MAP),
    ("result", TEXT),
    ("result", {"M": {"videoExpiresAt": EXPIRY}}),
    ("result", {"M": {"videoUrl": URL}}),
    ("result", {"M": {"videoUrl": NUMBER, "videoExpiresAt": EXPIRY}}),
    ("result", {"M": {"videoUrl": TEXT, "videoExpiresAt": EXPIRY}}),
    ("result", {"M": {"videoUrl": URL, "videoExpiresAt": TEXT}}),
    ("usage", TEXT),
    ("usage", {"M": {"videos": TEXT}}),
    ("usage", {"M": {"videos": {"BOOL": True}}}),
    ("usage", {"M": {"videos": {"N": "-1"}}}),
    ("error", {"S": "GENERATION_FAILED"}),
    ("device", {"L": [{"S": "d" * 22}]}),
    ("device", TEXT),
]


@pytest.mark.parametrize(("name", "value"), DELIVERED)
def test_a_changed_attribute_of_a_delivered_job_is_found(
    world: ServiceHarness, name: str, value: Any
) -> None:
    assert found_with(world, delivered(world), name, value) != []


@pytest.mark.parametrize("value", [None, {"S": "NONSENSE"}, NUMBER, LIST, MAP, {"S": ""}])
def test_a_failed_job_has_a_reason_that_exists(world: ServiceHarness, value: Any) -> None:
    assert found_with(world, declined(world), "error", value) != []


@pytest.mark.parametrize("reason", ["CONTENT_REJECTED", "GENERATION_FAILED"])
def test_a_reason_of_any_job_and_one_of_its_kind_exist(world: ServiceHarness, reason: str) -> None:
    assert found_with(world, declined(world), "error", {"S": reason}) == []


@pytest.mark.parametrize("value", [None, TEXT, {"N": "-1"}, {"N": "2"}])
def test_a_late_delivery_has_no_loss_beyond_what_it_held(world: ServiceHarness, value: Any) -> None:
    assert found_with(world, given_late(world), "houseLoss", value) != []


@pytest.mark.parametrize("value", [MAP, {"M": {"videoUrl": URL}}])
def test_a_late_delivery_has_a_result_of_its_kind(world: ServiceHarness, value: Any) -> None:
    assert found_with(world, given_late(world), "result", value) != []


@pytest.mark.parametrize("value", [MAP, None])
def test_an_open_job_keeps_what_was_requested(world: ServiceHarness, value: Any) -> None:
    assert found_with(world, placed(world), "payload", value) != []


@pytest.mark.parametrize("name", ["submitUntil", "hardAt", "notFoundAt", "GSI2SK", "result"])
def test_a_changed_attribute_of_an_open_job_is_found(world: ServiceHarness, name: str) -> None:
    assert found_with(world, placed(world), name, TEXT) != []


def test_an_open_job_is_not_watched(world: ServiceHarness) -> None:
    assert found_with(world, placed(world), "watchUntil", NUMBER) != []
