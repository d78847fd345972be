"""The ceiling of a minted session is held exactly, under any race, and what comes back counts no
more."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.amounts import SCALE
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.jobs.work import Charge
from service.ledger.entities import InsufficientCredits
from service.providers.base import Indeterminate, Rejected, RejectionReason, TaskStatus
from service.sessions import keys
from service.sessions.ceilings import SessionCeilingReached, SessionEnded
from service.sessions.operations import Sessions
from service.storage.writes import Delete, Update, When
from service.videos.entities import VideoBody
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import IMAGE, ServiceHarness, memory_world
from tests.sessions.minted import ANN, ceiling, minted, submit

REQUESTS = 50


@pytest.fixture
def world() -> ServiceHarness:
    return memory_world(provider=LikeKling(), welcome_credits=100)


def end(world: ServiceHarness, job_id: str, status: TaskStatus = TaskStatus.SUCCEEDED) -> None:
    world.provider.book(job_id, status)
    world.settlement.resolve(ANN, job_id)


def refused(
    world: ServiceHarness, who: Principal, error: type[FareboxError], **request: Any
) -> Any:
    """The refusal of a request, which has written nothing."""
    before = world.items()
    with pytest.raises(error) as refusal:
        submit(world, who, **request)
    assert world.items() == before
    return refusal.value


def used(world: ServiceHarness, who: Principal) -> float:
    return ceiling(world, who).used / SCALE


def in_parallel(world: ServiceHarness, who: Principal) -> tuple[list[str], list[dict[str, Any]]]:
    """The ids of the jobs that 50 requests at once made, and the details of the refusals."""

    def attempt(_: int) -> str | dict[str, Any]:
        try:
            return submit(world, who).job.job_id
        except SessionCeilingReached as refusal:
            return refusal.details

    with ThreadPoolExecutor(REQUESTS) as executor:
        outcomes = list(executor.map(attempt, range(REQUESTS)))
    jobs = [each for each in outcomes if isinstance(each, str)]
    return jobs, [each for each in outcomes if isinstance(each, dict)]


def test_exactly_the_ceiling_is_held_under_fifty_requests_at_once(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name, provider=LikeKling(), welcome_credits=100)
    who = minted(world, 7)
    submit(world, who)
    jobs, refusals = in_parallel(world, who)
    assert (len(jobs), len(refusals)) == (6, 44)
    assert {str(each) for each in refusals} == {str({"limit": 7, "left": 0, "required": 1})}
    assert (used(world, who), world.balance(ANN)) == (7, (93, 7, 0))
    assert world.audit().violations == ()


def test_exactly_what_was_captured_counts_in_the_end(client: Any, table_name: str) -> None:
    """Each round fills the ceiling; what its failures return is spent by the next."""
    world = ServiceHarness(client, table_name, provider=LikeKling(), welcome_credits=100)
    who, delivered = minted(world, 9), 0
    for failing in (5, 3, 1):
        jobs, _ = in_parallel(world, who)
        assert used(world, who) == 9

        def settle(case: tuple[int, str], failing: int = failing) -> None:
            place, job_id = case
            end(world, job_id, TaskStatus.FAILED if place < failing else TaskStatus.SUCCEEDED)

        with ThreadPoolExecutor(len(jobs)) as executor:
            list(executor.map(settle, enumerate(jobs)))
        delivered += len(jobs) - failing
        assert used(world, who) == delivered
    assert (delivered, world.balance(ANN)) == (8, (92, 0, 8))
    assert world.audit().violations == ()


def test_what_the_ceiling_does_not_allow_is_refused_before_anybody_is_signed_up() -> None:
    world = memory_world(price=3)
    refusal = refused(world, minted(world, 2), SessionCeilingReached, key="k")
    assert refusal.details == {"limit": 2, "left": 2, "required": 3}
    assert world.ledger.balance(ANN).wallet is None


def test_a_refused_request_leaves_its_key_free_and_the_ceiling_as_it_was(
    world: ServiceHarness,
) -> None:
    who = minted(world, 1)
    first = submit(world, who).job.job_id
    refused(world, who, SessionCeilingReached, key="k")
    end(world, first, TaskStatus.FAILED)
    assert submit(world, who, key="k").job.status
    assert used(world, who) == 1


def test_a_replay_is_returned_when_the_ceiling_is_used_up(world: ServiceHarness) -> None:
    who = minted(world, 1)
    job_id = submit(world, who, key="k").job.job_id
    again = submit(world, who, key="k")
    assert (again.job.job_id, again.replayed) == (job_id, True)
    later = submit(world, minted(world, 1), key="k")
    assert later.job.job_id == job_id
    refused(world, who, SessionCeilingReached, key="another")


def test_what_the_user_does_not_have_no_ceiling_brings(world: ServiceHarness) -> None:
    poor = memory_world(welcome_credits=1)
    who = minted(poor, 100)
    submit(poor, who)
    refused(poor, who, InsufficientCredits)
    assert used(poor, who) == 1


def test_each_session_has_a_ceiling_of_its_own(world: ServiceHarness) -> None:
    first, second, open_end = minted(world, 1), minted(world, 1), minted(world)
    submit(world, first)
    submit(world, second)
    refused(world, first, SessionCeilingReached)
    for _ in range(3):
        submit(world, open_end)
    assert (used(world, first), used(world, second)) == (1, 1)
    assert world.table.get(keys.session(ANN, open_end.session_id or "")) is None
    assert world.audit().violations == ()


def test_a_job_that_was_never_taken_counts_no_more() -> None:
    world = memory_world(welcome_credits=100)
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    who = minted(world, 1)
    with pytest.raises(FareboxError, match="busy"):
        submit(world, who, key="k")
    assert used(world, who) == 0
    assert submit(world, who, key="k").job.status
    assert used(world, who) == 1
    assert world.audit().violations == ()


def test_a_job_whose_outcome_is_unknown_counts_until_it_is_released() -> None:
    world = memory_world(welcome_credits=100)
    world.provider.creates = [Indeterminate()]
    who = minted(world, 1)
    job_id = submit(world, who).job.job_id
    assert used(world, who) == 1
    world.clock.advance(700)
    world.settlement.resolve(ANN, job_id)
    world.clock.advance(100)
    world.settlement.resolve(ANN, job_id)
    assert world.job(job_id, ANN).failure == "PROVIDER_UNRESOLVED"
    assert used(world, who) == 0
    assert world.audit().violations == ()


def test_work_that_costs_less_than_was_held_returns_the_rest(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = world.operations.work("kling:image2video")
    monkeypatch.setattr(work, "charge", lambda *_: Charge(SCALE // 4))
    who = minted(world, 1)
    end(world, submit(world, who).job.job_id)
    assert used(world, who) == 0.25
    assert world.audit().violations == ()


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.FAILED])
@pytest.mark.parametrize(
    "damage",
    [
        lambda key: Delete(key, When()),
        lambda key: Update(key, When(), set={"used": "much"}),
        lambda key: Update(key, When(), set={"used": 0}),
    ],
    ids=["gone", "unreadable", "too low"],
)
def test_no_settlement_fails_on_its_ceiling(
    world: ServiceHarness, damage: Any, status: TaskStatus
) -> None:
    who = minted(world, 1)
    job_id = submit(world, who).job.job_id
    world.table.write(damage(keys.session(ANN, who.session_id or "")))
    end(world, job_id, status)
    assert not world.job(job_id, ANN).is_open
    assert world.wallet(ANN).held == 0
    item = world.table.get(keys.session(ANN, who.session_id or ""))
    assert item is None or item["used"] in ("much", 0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda key: Delete(key, When()),
        lambda key: Update(key, When(), set={"limit": 100}),
        lambda key: Update(key, When(), set={"keyId": "another"}),
        lambda key: Update(key, When(), set={"mac": ""}),
    ],
    ids=["gone", "raised", "of another key", "unsealed"],
)
def test_a_session_whose_ceiling_is_not_as_it_was_made_has_ended(
    world: ServiceHarness, damage: Any
) -> None:
    who = minted(world, 1)
    world.table.write(damage(keys.session(ANN, who.session_id or "")))
    refused(world, who, SessionEnded)


def test_an_erasure_ends_the_sessions_that_were_minted(world: ServiceHarness) -> None:
    who, sessions = minted(world, 2), world.parts.get(Sessions)
    submit(world, who)
    assert sessions.erase(ANN)
    refused(world, who, SessionEnded)
    assert sessions.erase(ANN)
    item = world.table.get(keys.session(ANN, who.session_id or ""))
    assert item is not None
    assert item["expiresAt"] == world.clock.now() // 1000


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        ({"used": 0}, "counts 0, its jobs took 1"),
        ({"used": 2}, "counts 2, its jobs took 1"),
        ({"used": 3}, "more counts against it than its limit, or less than nothing"),
        ({"limit": 9}, "is not as this service wrote it (its MAC does not hold)"),
        ({"expiresAt": 9_999_999_999}, "its expiresAt is more than seven days after its end"),
    ],
)
def test_the_audit_finds_a_ceiling_that_was_edited(
    world: ServiceHarness, edit: dict[str, Any], fault: str
) -> None:
    who = minted(world, 2)
    submit(world, who)
    assert world.audit().violations == ()
    key = keys.session(ANN, who.session_id or "")
    world.table.write(Update(key, When(), set=edit))
    found = {(each.item, each.what) for each in world.audit().violations}
    assert (str(key), fault) in found


def test_a_quote_knows_the_ceiling(world: ServiceHarness) -> None:
    who, body = minted(world, 2), VideoBody(IMAGE, "foo_prompt")
    quotes = []
    for _ in range(2):
        submit(world, who)
        quotes.append(world.jobs.quote(who, IMAGE_TO_VIDEO, body))
    assert [(each.available / SCALE, each.is_sufficient) for each in quotes] == [
        (1, True),
        (0, False),
    ]
    unbound = world.jobs.quote(minted(world), IMAGE_TO_VIDEO, body)
    assert (unbound.available / SCALE, unbound.is_sufficient) == (98, True)
