"""A retry without an idempotency key finds the job of the request that it repeats."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.jobs import keys
from service.jobs.entities import JobRequest
from service.jobs.implicit_keys import implicit_key_of
from service.providers.base import RejectionReason
from service.providers.generation import Refused
from service.text.entities import NewText, TooManyTexts
from service.text.operations import Text
from tests.doubles.meter import Meter
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import PROMPT, new_text, text_world

LIMIT_SECONDS = 300


@pytest.fixture
def world() -> ServiceHarness:
    return text_world(MemoryBehind(), MemoryBehind.name)


@pytest.fixture
def stored(client: Any, table_name: str) -> ServiceHarness:
    """Over DynamoDB Local, where requests race."""
    return text_world(client, table_name)


def first(**options: Any) -> NewText:
    return replace(new_text(**options), is_remembered=True)


def retry(**options: Any) -> NewText:
    return replace(first(**options), is_retry=True)


def job_id(world: ServiceHarness, new: NewText) -> str:
    return str(world.parts.get(Text).generate(new).job.job_id)


def calls_made(world: ServiceHarness) -> int:
    return len(world.vendor.sent)  # type: ignore[attr-defined]


def implicit_items(world: ServiceHarness) -> list[Any]:
    return [item for item in world.items() if item["SK"]["S"].startswith(keys.IMPLICIT_PREFIX)]


def test_a_retry_finds_its_job_and_makes_no_call(world: ServiceHarness) -> None:
    made = job_id(world, first())
    before = world.items()
    assert job_id(world, retry()) == made
    assert (world.items(), calls_made(world)) == (before, 1)


def test_retries_at_once_share_one_job(stored: ServiceHarness) -> None:
    """None of them finds a job when it begins."""
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: job_id(stored, retry()), range(4)))
    assert (len(set(found)), calls_made(stored)) == (1, 1)


def test_equal_requests_at_once_are_jobs_of_their_own(stored: ServiceHarness) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: job_id(stored, first()), range(4)))
    assert (len(set(found)), calls_made(stored)) == (4, 4)
    assert job_id(stored, retry()) in found
    assert stored.audit().violations == ()


def test_a_request_that_is_no_retry_is_a_job_of_its_own(world: ServiceHarness) -> None:
    one = job_id(world, first())
    other = job_id(world, first())
    assert other != one
    assert job_id(world, retry()) == other
    assert len(implicit_items(world)) == 1


def test_a_retry_finds_nothing_of_another_request(world: ServiceHarness) -> None:
    made = job_id(world, first())
    others = [
        retry(prompt=f"{PROMPT} Again."),
        retry(user_id="bob", device="tablet"),
        retry(max_tokens=99),
        replace(retry(), route="POST /elsewhere"),
    ]
    found = {job_id(world, other) for other in others}
    assert made not in found
    assert len(found) == len(others)


def test_a_request_with_a_key_of_its_own_is_not_remembered(world: ServiceHarness) -> None:
    made = job_id(world, first(key="k"))
    assert implicit_items(world) == []
    assert job_id(world, retry()) != made
    assert job_id(world, retry(key="k")) == made


def test_a_job_is_found_until_its_call_cannot_be_running_any_more(world: ServiceHarness) -> None:
    made = job_id(world, first())
    world.clock.advance(LIMIT_SECONDS - 1)
    assert job_id(world, retry()) == made
    world.clock.advance(2)
    assert job_id(world, retry()) != made


def test_a_retry_of_what_was_refused_as_busy_is_a_job_in_its_place(world: ServiceHarness) -> None:
    world.vendor.scripts.append((Refused(RejectionReason.BUSY),))  # type: ignore[attr-defined]
    refused = job_id(world, first())
    made = job_id(world, retry())
    assert made != refused
    assert job_id(world, retry()) == made
    assert calls_made(world) == 2


def test_a_refused_request_is_not_remembered(world: ServiceHarness) -> None:
    text = world.parts.get(Text)
    text._owners._shares._each = 0
    with pytest.raises(TooManyTexts):
        text.generate(first())
    assert implicit_items(world) == []


def test_it_takes_one_item_of_the_hold_and_no_call(stored: ServiceHarness, client: Any) -> None:
    job_id(stored, first(prompt="Something else."))
    meter = Meter(stored.dynamodb, client)
    with meter.watch() as bill:
        job_id(stored, first())
    hold = ["TransactGetItems", "TransactWriteItems"]
    assert bill.calls == [*hold, "GetItem", "PutItem", "TransactGetItems", "TransactWriteItems"]
    assert bill.writes == 15 + 2
    with meter.watch() as found:
        job_id(stored, retry())
    assert found.calls == ["TransactGetItems", "GetItem"]


def test_the_audit_finds_a_forged_one(world: ServiceHarness) -> None:
    job_id(world, first())
    assert world.audit().violations == ()
    (item,) = implicit_items(world)
    world.client.put_item(TableName=world.table._name, Item={**item, "jobId": {"S": "job_other"}})
    (violation,) = world.audit().violations
    assert "MAC" in violation.what


def test_requests_of_other_kinds_have_none() -> None:
    request = JobRequest(new_text().principal, "a:text", "POST /a", "", None, ())
    assert implicit_key_of(request) is None
