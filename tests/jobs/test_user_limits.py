"""Jobs in flight and credits per day of one user: exact under any race, and free."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.days import DAY
from service.core.errors import FareboxError
from service.ledger import keys as ledger_keys
from service.ledger.entities import InsufficientCredits, WalletStatus
from service.ledger.limits import DailyLimitReached, TooManyOpenJobs, in_flight, spent_on
from service.providers.base import Indeterminate, TaskStatus
from service.storage.writes import Update, When
from tests.doubles.meter import Meter
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import HOUR, ServiceHarness, order

SECOND = 1000


def harness(client: Any, table_name: str, **limits: Any) -> ServiceHarness:
    return ServiceHarness(
        client, table_name, provider=LikeKling(), **{"welcome_credits": 100} | limits
    )


def end(world: ServiceHarness, job_id: str, status: TaskStatus = TaskStatus.SUCCEEDED) -> None:
    world.provider.book(job_id, status)
    world.settlement.resolve("ann", job_id)


def refused(world: ServiceHarness, error: type[FareboxError], **request: Any) -> Any:
    """The refusal of a request, which has written nothing."""
    before = world.items()
    with pytest.raises(error) as refusal:
        world.submit(**request)
    assert world.items() == before
    return refusal.value


def test_a_user_has_no_more_jobs_in_flight_than_the_limit(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=2)
    first, _ = (world.submit().job.job_id for _ in range(2))
    refusal = refused(world, TooManyOpenJobs, key="k")
    assert refusal.details == {"limit": 2, "jobsInFlight": 2}
    assert refusal.retry_after_seconds == 30
    end(world, first)
    assert world.submit(key="k").job.status
    assert world.audit().violations == ()


def test_a_failed_job_makes_room_too(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=1)
    job_id = world.submit().job.job_id
    refused(world, TooManyOpenJobs)
    end(world, job_id, TaskStatus.FAILED)
    assert world.submit().job.status
    assert world.audit().violations == ()


def test_another_user_has_a_limit_of_their_own(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=1)
    world.submit()
    assert world.submit("bob", "laptop").job.status


def test_a_repeated_key_gets_its_job_at_the_limit(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=1)
    job_id = world.submit(key="k").job.job_id
    assert world.submit(key="k").job.job_id == job_id


def test_a_job_past_its_hard_limit_does_not_count(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=1)
    old = world.submit().job.job_id
    world.clock.advance(24 * 3600 - 10)
    assert refused(world, TooManyOpenJobs).retry_after_seconds == 10
    world.clock.advance(11)
    new = world.submit().job.job_id
    assert in_flight(world.wallet(), world.clock.now()) == {"image2video": 1}
    assert world.audit().violations == ()
    end(world, old)
    assert in_flight(world.wallet(), world.clock.now()) == {"image2video": 1}
    end(world, new)
    assert world.wallet().open_jobs == {}
    assert world.audit().violations == ()


def test_too_few_credits_are_named_before_the_limit(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=1, welcome_credits=1)
    world.submit()
    refused(world, InsufficientCredits)


@pytest.mark.parametrize("limit", [1, 5])
def test_requests_at_once_never_exceed_the_limit_of_jobs(
    client: Any, table_name: str, limit: int
) -> None:
    """Each process has a wallet lock of its own: only the table decides."""
    worlds = [harness(client, table_name, max_open_jobs=limit) for _ in range(4)]
    worlds[0].users.sign_up(order().principal, worlds[0].users.digests("phone"))
    accepted = _race(worlds, 16)
    assert accepted == limit
    assert sum(in_flight(worlds[0].wallet(), worlds[0].clock.now()).values()) == limit
    assert worlds[0].audit().violations == ()


@pytest.mark.parametrize("limit", [3, 7])
def test_requests_at_once_never_exceed_the_limit_of_a_day(
    client: Any, table_name: str, limit: int
) -> None:
    worlds = [harness(client, table_name, max_credits_per_day=limit) for _ in range(4)]
    worlds[0].users.sign_up(order().principal, worlds[0].users.digests("phone"))
    assert _race(worlds, 16) == limit
    wallet = worlds[0].wallet()
    assert spent_on(wallet, worlds[0].clock.now()) == wallet.held == limit * SCALE
    assert worlds[0].audit().violations == ()


def test_a_user_spends_no_more_in_a_day_than_the_limit(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_credits_per_day=2)
    world.clock.advance((DAY - world.clock.now() % DAY - HOUR) / 1000)
    for _ in range(2):
        end(world, world.submit().job.job_id)
    refusal = refused(world, DailyLimitReached, key="k")
    midnight = world.clock.now() // DAY * DAY + DAY
    assert refusal.details["limit"] == refusal.details["spent"] == 2
    assert refusal.details["required"] == 1
    assert refusal.retry_after_seconds == -(-(midnight - world.clock.now()) // SECOND)
    world.clock.advance(refusal.retry_after_seconds)
    assert world.submit(key="k").job.status
    assert spent_on(world.wallet(), world.clock.now()) == SCALE
    assert world.audit().violations == ()


def test_what_comes_back_can_be_spent_again_on_that_day(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_credits_per_day=1)
    end(world, world.submit().job.job_id, TaskStatus.FAILED)
    assert spent_on(world.wallet(), world.clock.now()) == 0
    assert world.submit().job.status
    assert world.audit().violations == ()


def test_what_comes_back_on_another_day_adds_nothing_to_it(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_credits_per_day=2)
    yesterday = world.submit().job.job_id
    world.clock.advance((DAY - world.clock.now() % DAY) / 1000)
    world.submit()
    end(world, yesterday, TaskStatus.FAILED)
    assert spent_on(world.wallet(), world.clock.now()) == SCALE
    world.submit()
    refused(world, DailyLimitReached)
    assert world.audit().violations == ()


def test_holds_that_no_day_counted_settle_with_those_of_a_day(client: Any, table_name: str) -> None:
    world = harness(client, table_name)
    jobs = [world.submit().job.job_id]
    world.table.write(
        Update(ledger_keys.wallet("ann"), When(), remove=("day", "spentToday", "openJobs"))
    )
    assert [each for each in world.audit().violations if "spentToday" in each.what] == []
    jobs.append(world.submit().job.job_id)
    for job_id in jobs:
        end(world, job_id, TaskStatus.FAILED)
    wallet = world.wallet()
    assert (wallet.status, wallet.held, wallet.spent_today) == (WalletStatus.OPEN, 0, 0)
    assert world.audit().violations == ()


def test_a_refused_request_counts_on_no_limit(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=1, max_credits_per_day=1)
    world.provider.creates = [Indeterminate()]
    job_id = world.submit().job.job_id
    world.clock.advance(700)
    world.settlement.resolve("ann", job_id)
    world.clock.advance(100)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"
    assert world.submit().job.status


def test_limits_cost_no_call_and_no_unit(client: Any, table_name: str) -> None:
    world = harness(client, table_name, max_open_jobs=5, max_credits_per_day=50)
    end(world, world.submit().job.job_id)
    meter = Meter(world.dynamodb, client)
    with meter.watch() as bill:
        end(world, world.submit().job.job_id)
    assert bill.writes == 15
    with meter.watch() as bill:
        for _ in range(5):
            world.submit()
        with pytest.raises(TooManyOpenJobs):
            world.submit()
    assert bill.calls == ["GetItem", "TransactWriteItems", "UpdateItem"] * 5 + ["GetItem"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"openJobs": {"image2video": (1_790_000_000,)}}, "openJobs lists 1 of kind image2video"),
        ({"openJobs": {}}, "openJobs lists 0 of kind image2video"),
        ({"openJobs": {"text": (1_790_000_000,)}}, "openJobs lists"),
        ({"spentToday": 7}, "spentToday is 7"),
        ({"day": 1}, "spentToday is 1 on day 1"),
        ({"spentToday": -1}, "spentToday is -1 on day"),
        ({"openJobs": {"image2video": ("soon",)}}, "cannot be read"),
        ({"day": "today"}, "cannot be read"),
    ],
)
def test_the_audit_names_a_limit_that_its_entries_and_jobs_do_not_prove(
    client: Any, table_name: str, changes: dict[str, Any], fault: str
) -> None:
    world = harness(client, table_name)
    world.submit()
    assert world.audit().violations == ()
    where = When(equals={"PK": "USER#ann"})
    world.table.write(Update(ledger_keys.wallet("ann"), where, set=changes))
    found = {each.what for each in world.audit().violations if each.item == "USER#ann/METADATA"}
    assert any(fault in what for what in found), found


def _race(worlds: list[ServiceHarness], count: int) -> int:
    """How many of so many requests at once were accepted."""

    def submit(number: int) -> bool:
        try:
            worlds[number % len(worlds)].submit()
        except (TooManyOpenJobs, DailyLimitReached):
            return False
        return True

    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(submit, range(count)))
