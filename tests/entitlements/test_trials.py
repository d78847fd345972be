"""A trial's credits are granted once per person and once per card, under any race."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.keyring import Pepper
from service.entitlements import keys
from service.entitlements.entities import Trial, TrialOutcome
from service.entitlements.trials import Trials
from service.ledger.entities import GrantConflict
from service.ledger.lots import LotKind
from service.users.entities import digests
from tests.doubles.service_harness import ServiceHarness

WEEK = 7 * 24 * 3600 * 1000
USERS = ("ann", "bob", "cat", "dan")


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name)
    for user_id in USERS:
        world.submit(user_id, device=f"device of {user_id}")
    return world


@pytest.fixture
def trials(world: ServiceHarness) -> Trials:
    return world.parts.get(Trials)


def trial(world: ServiceHarness, user_id: str = "ann", **changes: Any) -> Trial:
    usual = Trial(
        user_id=user_id,
        subscription_id=f"sub_{user_id}",
        card_fingerprint=f"card of {user_id}",
        amount=5 * SCALE,
        ends_at=world.clock.now() + WEEK,
    )
    return replace(usual, **changes)


def test_a_trial_brings_credits_that_expire_with_it(world: ServiceHarness, trials: Trials) -> None:
    wanted = trial(world)
    assert trials.grant(wanted) is TrialOutcome.GRANTED
    (lot,) = [each for each in world.wallet().lots if each.kind is LotKind.SUBSCRIPTION]
    assert (lot.remaining, lot.expires_at) == (5 * SCALE, wanted.ends_at)
    assert world.audit().violations == ()


def test_the_same_trial_again_grants_nothing(world: ServiceHarness, trials: Trials) -> None:
    assert trials.grant(trial(world)) is TrialOutcome.GRANTED
    before = world.items()
    assert trials.grant(trial(world)) is TrialOutcome.GRANTED
    assert world.items() == before


def test_a_trial_whose_plan_has_changed_since_keeps_what_it_was_granted(
    world: ServiceHarness, trials: Trials
) -> None:
    """Its user has chosen another plan, or the plan brings another amount from a release on: each
    event of the subscription leads here again until the trial is over."""
    trials.grant(trial(world))
    before = world.items()
    assert trials.grant(trial(world, amount=9 * SCALE)) is TrialOutcome.GRANTED
    with pytest.raises(GrantConflict):
        trials.grant(trial(world, "bob", subscription_id="sub_ann", amount=9 * SCALE))
    assert world.items() == before


@pytest.mark.parametrize(
    ("user_id", "changes"),
    [
        ("ann", {"subscription_id": "sub_2", "card_fingerprint": "another card"}),
        ("bob", {"card_fingerprint": "card of ann"}),
    ],
)
def test_a_second_trial_of_a_person_or_of_a_card_brings_no_credits(
    world: ServiceHarness, trials: Trials, user_id: str, changes: dict[str, Any]
) -> None:
    trials.grant(trial(world))
    before = world.items()
    assert trials.grant(trial(world, user_id, **changes)) is TrialOutcome.USED_BEFORE
    assert world.items() == before


def test_a_trial_that_is_over_brings_nothing(world: ServiceHarness, trials: Trials) -> None:
    before = world.items()
    over = trial(world, ends_at=world.clock.now())
    assert trials.grant(over) is TrialOutcome.NOTHING
    assert world.items() == before


def test_of_all_who_pay_with_one_card_at_once_one_gets_the_credits(
    world: ServiceHarness, trials: Trials
) -> None:
    wanted = [trial(world, user_id, card_fingerprint="one card") for user_id in USERS] * 2
    with ThreadPoolExecutor(len(wanted)) as pool:
        outcomes = list(pool.map(trials.grant, wanted))
    granted = [
        user_id
        for user_id in USERS
        if any(lot.kind is LotKind.SUBSCRIPTION for lot in world.wallet(user_id).lots)
    ]
    assert len(granted) == 1
    assert set(outcomes) == {TrialOutcome.GRANTED, TrialOutcome.USED_BEFORE}
    assert world.audit().violations == ()


def test_a_card_is_known_under_every_pepper_and_nowhere_else(world: ServiceHarness) -> None:
    peppers = (Pepper(1, b"p" * 32), Pepper(2, b"q" * 32))
    both = Trials(world.ledger, peppers)
    both.grant(trial(world))
    for pepper in peppers:
        (digest,) = digests([pepper], "card", "card of ann").all
        assert world.table.get(keys.card(digest)) is not None
    assert not any("card of ann" in str(item) for item in world.items())
    for known in peppers:
        other = Trials(world.ledger, [known])
        again = trial(world, "bob", card_fingerprint="card of ann")
        assert other.grant(again) is TrialOutcome.USED_BEFORE
