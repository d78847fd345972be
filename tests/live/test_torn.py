"""A hold that has grown, torn by a restore or read while it grows: the repair makes it whole, and
the audit accuses no one."""

from dataclasses import replace

import pytest

from service.core.principal import Principal
from service.jobs.checks import _movement_faults
from service.ledger.entities import Entry, EntryKind
from service.live.entities import LiveBody, NewSession, OpenSession
from service.live.operations import Live, Outcome
from service.live.utterances import transcript_of_segments
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.ledger.life import Records
from tests.live.test_dead_relays import segment
from tests.live.test_extensions import finish, live, opened, settings, small
from tests.repair.mended import repaired
from tests.repair.test_torn_transactions import assert_mended, torn_users


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, max_users=1000, **settings())


def extended(world: ServiceHarness, user_id: str) -> OpenSession:
    who = Principal("https://accounts.google.com", user_id, f"{user_id}@example.com")
    new = NewSession(who, f"phone-of-{user_id}", LiveBody(8000))
    session = world.parts.get(Live).open(world.parts.get(Live).issue(new).ticket)
    world.clock.advance(95)
    job, seconds = world.parts.get(Live).extend(session.job, session.seconds, session.caller)
    return replace(session, job=job, seconds=session.seconds + seconds)


def is_extended(world: ServiceHarness, user_id: str) -> None:
    extended(world, user_id)


def is_extended_and_ends(world: ServiceHarness, user_id: str) -> None:
    session = extended(world, user_id)
    words = transcript_of_segments([segment(0, 150, "words")])
    world.parts.get(Live).conclude(session.job, Outcome("finished", 150, words))


def test_every_way_to_tear_an_extension_is_mended(world: ServiceHarness) -> None:
    assert_mended(world, is_extended)


def test_every_way_to_tear_the_end_of_a_hold_that_has_grown_is_mended(
    world: ServiceHarness,
) -> None:
    """Its result was stored before: whatever is left, 150 seconds are charged, once."""
    users = torn_users(world, is_extended_and_ends)
    repaired(world)
    world.work_until(600)
    for user_id in users:
        wallet = world.wallet(user_id)
        assert (wallet.captured, wallet.held) == (25, 0), users[user_id]
    assert [each.what for each in world.audit().violations] == []


def test_an_audit_that_reads_while_a_session_is_extended_finds_nothing() -> None:
    """Before each of its calls in turn."""
    for number in range(40):
        world = small()
        session = opened(world)
        wire, calls = world.wire(), [0]

        def act(
            operation: str,
            world: ServiceHarness = world,
            session: OpenSession = session,
            calls: list[int] = calls,
            number: int = number,
        ) -> None:
            calls[0] += 1
            if calls[0] == number + 1:
                live(world).extend(session.job, session.seconds, session.caller)

        wire.before(act)
        assert [each.what for each in world.audit().violations] == []
        if calls[0] <= number:
            return
    raise AssertionError("the audit takes more calls")


def test_the_audit_misses_each_entry_of_a_hold_that_has_grown() -> None:
    world = small()
    session = opened(world)
    job, _ = live(world).extend(session.job, session.seconds, session.caller)
    finish(world, OpenSession(job, session.body, 240, 0.0, session.caller), 200)
    job = world.job(job.job_id)
    entries = [each for each in world.ledger.entries("ann") if each.ref == job.job_id]
    records = Records("ann", None, entries, reached=9)
    held, more, end = entries

    def faults(*movements: Entry) -> list[str]:
        return list(_movement_faults(job, movements, Read(records)))  # type: ignore[arg-type]

    assert faults(held, more, end) == []
    assert faults(held, end) == ["its movements are not its price"]
    assert faults(more, end) == ["SUCCEEDED with movements EXTEND, CAPTURE"]
    assert faults(held, more) == ["SUCCEEDED with movements HOLD, EXTEND"]
    assert faults(held, held, more, end) == ["SUCCEEDED with movements HOLD, HOLD, EXTEND, CAPTURE"]
    assert faults(held, more, more, end) == ["its movements are not its price"]
    assert faults(held, end, more) == ["SUCCEEDED with movements HOLD, CAPTURE, EXTEND"]
    other_lot = replace(more.allocation[0], number=7)
    from_another = replace(more, allocation=(other_lot,))
    assert faults(held, from_another, end) == ["its HOLD took from other lots"]
    assert more.kind is EntryKind.EXTEND


class Read:
    """An account that was read whole."""

    version = 9
    unreadable = frozenset[str]()

    def __init__(self, records: Records) -> None:
        self.entries = records.entries
