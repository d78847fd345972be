"""Whom a submission and a quote are refused to by what they read of the wallet anyway: no route
reads it before them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.core.clock import iso
from service.core.errors import FareboxError
from service.core.principal import Principal, SignInMethod
from service.ledger import keys
from service.ledger.entities import AccessTokenRevoked, AccountClosed, AccountDisabled, WalletStatus
from service.ledger.session_floor import SessionFloor
from service.storage.codec import Item
from service.storage.writes import Update, When
from service.videos.entities import VideoBody
from tests.doubles.service_harness import IMAGE, ServiceHarness, memory_world, order

KEY = "5f0f3f0e-8a37-4a4b-9d0c-1f1f7a7f0b11"


def changed(**attributes: object) -> Callable[[ServiceHarness], None]:
    def change(world: ServiceHarness) -> None:
        item: Item = {"updatedAt": iso(world.clock.now()), **attributes}  # type: ignore[dict-item]
        world.table.write(Update(keys.wallet("ann"), When(), set=item))

    return change


def ended(world: ServiceHarness) -> None:
    SessionFloor(world.table, world.clock).raise_to("ann", world.clock.now())


STATES: dict[str, tuple[Callable[[ServiceHarness], None], type[FareboxError]]] = {
    "closed": (changed(status=WalletStatus.CLOSED), AccountClosed),
    "disabled": (changed(disabled=True), AccountDisabled),
    "session ended": (ended, AccessTokenRevoked),
}


@pytest.mark.parametrize("key", [KEY, None], ids=["a repeated key", "a new request"])
@pytest.mark.parametrize("state", STATES)
def test_a_token_that_has_ended_submits_and_learns_nothing(state: str, key: str | None) -> None:
    world = memory_world()
    change, refusal = STATES[state]
    request = order("ann", key=KEY)
    job = world.videos.create(request).job
    token = Principal(
        "https://accounts.google.com",
        "ann",
        method=SignInMethod.SESSION,
        session_id="ses_01kb7r3v6q8f2x0m4n5p6q7r8s",
        issued_at=world.clock.now(),
    )
    world.clock.advance(1)
    change(world)
    before = world.items()

    with pytest.raises(refusal):
        world.videos.create(replace(request, principal=token, idempotency_key=key))
    with pytest.raises(refusal):
        world.jobs.quote(token, job.operation, VideoBody(IMAGE, "foo_prompt"))

    assert world.items() == before
