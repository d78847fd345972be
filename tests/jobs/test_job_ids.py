"""Job ids that lead to their user."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.ids import RandomIds, is_id, number_of, text_of
from service.core.keyring import Pepper
from service.jobs.job_ids import JobIds
from service.users.entities import user_tag
from tests.doubles.meter import Meter
from tests.doubles.service_harness import PEPPERS, ServiceHarness

NOW = 1_790_000_000_000
KEY = b"k" * 32
IDS = JobIds(RandomIds(), KEY)


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


@given(st.integers(0, (1 << 128) - 1))
def test_an_id_is_its_number(number: int) -> None:
    text = text_of("job", number)
    assert is_id("job", text)
    assert number_of("job", text) == number


@pytest.mark.parametrize("text", ["", "job_", "req_01kb7r3v6q8f2x0m4n5p6q7r8s", "job_" + "u" * 26])
def test_what_is_no_job_id_has_no_number_and_no_tag(text: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        number_of("job", text)
    assert IDS.tag(text) is None


@given(st.text(min_size=1, max_size=40), st.integers(0, 1 << 45))
def test_an_id_carries_the_tag_of_its_user_and_its_time(user_id: str, now: int) -> None:
    job_id = IDS.new(user_id, now)
    assert is_id("job", job_id)
    assert IDS.tag(job_id) == user_tag(user_id, KEY)
    assert number_of("job", job_id) >> 80 == now


def test_ids_of_one_moment_and_one_user_are_all_different_and_share_no_end() -> None:
    ids = {IDS.new("ann", NOW) for _ in range(2000)}
    assert len(ids) == 2000
    assert len({number_of("job", job_id) & 0xFFFF_FFFF for job_id in ids}) > 1990


def test_with_another_key_an_id_leads_elsewhere() -> None:
    assert JobIds(RandomIds(), b"x" * 32).tag(IDS.new("ann", NOW)) != user_tag("ann", KEY)


def test_a_job_s_id_leads_to_its_user_in_two_calls(client: Any, world: ServiceHarness) -> None:
    ids = {user: world.submit(user, f"device-of-{user}").job.job_id for user in ("ann", "bob")}
    meter = Meter(world.dynamodb, client)
    for user, job_id in ids.items():
        with meter.watch() as bill:
            assert world.search.payer_of(job_id) == user
        assert bill.calls == ["Query", "BatchGetItem"]


def test_an_id_of_a_job_that_does_not_exist_leads_to_no_one(world: ServiceHarness) -> None:
    world.submit("ann")
    job_id = JobIds(RandomIds(), world.parts.core.keyring.mac_key).new("ann", NOW)
    assert world.search.payer_of(job_id) is None
    assert world.search.payer_of("job_none") is None


def test_a_job_s_id_leads_to_its_user_after_another_pepper_has_come(
    client: Any, table_name: str
) -> None:
    job_id = ServiceHarness(client, table_name).submit("ann").job.job_id
    peppers = (*PEPPERS, Pepper(2, b"q" * 32))
    rotated = ServiceHarness(client, table_name, peppers=peppers)
    later = rotated.submit("bob", "laptop").job.job_id
    assert [rotated.search.payer_of(each) for each in (job_id, later)] == ["ann", "bob"]
    assert rotated.audit().violations == ()


def test_the_audit_names_a_claim_that_leads_to_somebody_else(world: ServiceHarness) -> None:
    world.submit("ann")
    (claim,) = (item["PK"] for item in world.items() if item["PK"]["S"].startswith("IDENTITY#"))
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": claim, "SK": {"S": "CLAIM"}},
        UpdateExpression="SET GSI1SK = :v",
        ExpressionAttributeValues={":v": {"S": "USER#bob"}},
    )
    (violation,) = world.audit().violations
    assert violation.item == f"{claim['S']}/CLAIM"
    assert violation.what == "its index attributes are not those of its user"
