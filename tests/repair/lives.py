"""What a user may have done last before the table is restored."""

from collections.abc import Callable

import pytest

from service.core.amounts import SCALE
from service.ledger.entities import Movement, Wallet
from service.ledger.grants import Grant, Grants, GrantSource
from service.ledger.lots import LotKind
from service.ledger.movements import adjust, edit_lot, void
from service.ledger.operations import Proposal, Snapshot
from service.providers.base import Indeterminate, Rejected, RejectionReason, Task, TaskStatus
from tests.doubles.service_harness import HOUR, ServiceHarness, order


def signs_up(world: ServiceHarness, user_id: str) -> None:
    request = order(user_id, f"phone-of-{user_id}")
    world.users.sign_up(request.principal, world.users.digests(request.fingerprint))


def holds(world: ServiceHarness, user_id: str) -> None:
    world.provider.creates = [Indeterminate()]
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def holds_what_never_arrives(world: ServiceHarness, user_id: str) -> None:
    world.provider.creates = [Indeterminate()]
    world.submit(user_id, f"phone-of-{user_id}", key="k")


def holds_from_a_new_device(world: ServiceHarness, user_id: str) -> None:
    signs_up(world, user_id)
    job_id = world.submit(user_id, f"tablet-of-{user_id}").job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)


def is_charged_on_a_new_device(world: ServiceHarness, user_id: str) -> None:
    signs_up(world, user_id)
    job_id = world.submit(user_id, f"tablet-of-{user_id}").job.job_id
    settles(world, user_id, job_id, TaskStatus.SUCCEEDED)


def follows_under_its_key(world: ServiceHarness, user_id: str) -> None:
    is_declined(world, user_id)
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def is_declined(world: ServiceHarness, user_id: str) -> None:
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(Exception, match="busy"):
        world.submit(user_id, f"phone-of-{user_id}", key="k")


def is_charged(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    settles(world, user_id, job_id, TaskStatus.SUCCEEDED)


def is_released(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    settles(world, user_id, job_id, TaskStatus.FAILED)


def is_released_to_be_watched(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, "ftp://nowhere")
    now, world.clock._now = world.clock._now, world.clock._now + 25 * 3600 * 1000
    world.settlement.force_release(user_id, job_id)
    world.clock._now = now
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def is_granted(world: ServiceHarness, user_id: str) -> None:
    signs_up(world, user_id)
    grant = Grant(GrantSource.CODE, f"pi-{user_id}", user_id, 5 * SCALE, LotKind.PAID)
    assert world.parts.get(Grants).make(grant).made


def is_adjusted(world: ServiceHarness, user_id: str) -> None:
    signs_up(world, user_id)
    moves(world, user_id, lambda wallet, now: adjust(wallet, -1 * SCALE, "adj", now))


def loses_a_lot(world: ServiceHarness, user_id: str) -> None:
    is_adjusted(world, user_id)
    moves(world, user_id, lambda wallet, now: void(wallet, wallet.lots[0].lot_id, "void", now))


def has_a_lot_edited(world: ServiceHarness, user_id: str) -> None:
    signs_up(world, user_id)

    def edit(wallet: Wallet, now: int) -> Movement:
        return edit_lot(wallet, wallet.lots[0].lot_id, now + HOUR, "edit", now)

    moves(world, user_id, edit)


def moves(world: ServiceHarness, user_id: str, rule: Callable[[Wallet, int], Movement]) -> None:
    def propose(snapshot: Snapshot, now: int) -> Proposal:
        assert snapshot.wallet is not None
        return Proposal(rule(snapshot.wallet, now))

    world.ledger.move(user_id, propose, lambda _: True)


def settles(world: ServiceHarness, user_id: str, job_id: str, status: TaskStatus) -> None:
    world.provider.book(job_id, status)
    assert not world.settlement.resolve(user_id, job_id).is_open


LIVES: tuple[Callable[[ServiceHarness, str], None], ...] = (
    signs_up,
    holds,
    holds_what_never_arrives,
    holds_from_a_new_device,
    is_charged_on_a_new_device,
    follows_under_its_key,
    is_declined,
    is_charged,
    is_released,
    is_released_to_be_watched,
    is_granted,
)
CORRECTED: tuple[Callable[[ServiceHarness, str], None], ...] = (
    is_adjusted,
    loses_a_lot,
    has_a_lot_edited,
)
