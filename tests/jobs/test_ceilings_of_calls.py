"""A session's ceiling refuses a call in its own words, where the user has enough."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from service.core.errors import FareboxError
from service.core.principal import Principal
from service.ledger.entities import InsufficientCredits
from service.ledger.movements import adjust
from service.ledger.operations import Proposal, Snapshot
from service.live.entities import LiveBody, NewSession
from service.live.operations import Live
from service.sessions.ceilings import SessionCeilingReached
from service.text.entities import NewText
from service.text.operations import Text
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.live.test_extensions import settings
from tests.sessions.minted import ANN, minted
from tests.text.conftest import new_text, text_world

LITTLE = Decimal("0.001")


@pytest.fixture(scope="module")
def world() -> ServiceHarness:
    """Whose user has credits."""
    world = text_world(MemoryBehind(), MemoryBehind.name, **settings(), welcome_credits=3)
    world.parts.get(Text).generate(text(minted(world)))
    return world


def text(who: Principal, max_tokens: int = 100) -> NewText:
    new = new_text(max_tokens=max_tokens, device=f"phone of {who.subject}")
    return replace(new, principal=who)


def refused(
    world: ServiceHarness, request: Callable[[], object], error: type[FareboxError]
) -> FareboxError:
    """The refusal of a request, which has written nothing."""
    before = world.items()
    with pytest.raises(error) as refusal:
        request()
    assert world.items() == before
    return refusal.value


def test_a_text_that_only_the_ceiling_forbids_is_no_lack_of_credits(world: ServiceHarness) -> None:
    new, generate = text(minted(world, LITTLE)), world.parts.get(Text).generate
    refusal = refused(world, lambda: generate(new), SessionCeilingReached)
    assert refusal.details == {"limit": 0.001, "left": 0.001, "required": 0.002}


def test_no_one_is_signed_up_for_a_call_that_the_ceiling_forbids(world: ServiceHarness) -> None:
    new = text(minted(world, LITTLE, external_id="bob", email="bob@example.com"))
    generate = world.parts.get(Text).generate
    refusal = refused(world, lambda: generate(new), SessionCeilingReached)
    assert refusal.details == {"limit": 0.001, "left": 0.001, "required": 0.002}


def test_a_live_session_that_only_the_ceiling_forbids_gets_no_ticket(world: ServiceHarness) -> None:
    new, issue = _session(minted(world, LITTLE)), world.parts.get(Live).issue
    refused(world, lambda: issue(new), SessionCeilingReached)


def test_what_the_user_cannot_pay_either_is_a_lack_of_credits(world: ServiceHarness) -> None:
    new, generate = text(minted(world, LITTLE), 30_000), world.parts.get(Text).generate
    _spend(world)
    refused(world, lambda: generate(new), InsufficientCredits)


def _session(who: Principal) -> NewSession:
    return NewSession(who, "phone", LiveBody(8000))


def _spend(world: ServiceHarness) -> None:
    """All but a little."""
    wallet = world.wallet(ANN)

    def propose(snapshot: Snapshot, now: int) -> Proposal:
        assert snapshot.wallet is not None
        return Proposal(adjust(snapshot.wallet, 2 - wallet.credits, "r", now))

    world.ledger.move(ANN, propose, lambda _: False)
