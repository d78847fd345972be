"""An entitlement is what Stripe said last, however late and in which order it is written."""

from itertools import permutations

import pytest

from service.entitlements import keys
from service.entitlements.entities import (
    Entitlement,
    EntitlementChanged,
    EntitlementStatus,
    SubscriptionFacts,
)
from service.entitlements.operations import Entitlements
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.entitlements.test_entities import subscription


@pytest.fixture
def world() -> ServiceHarness:
    world = memory_world()
    world.submit()
    return world


@pytest.fixture
def entitlements(world: ServiceHarness) -> Entitlements:
    return world.parts.get(Entitlements)


def test_someone_without_an_item_has_the_status_none(entitlements: Entitlements) -> None:
    assert entitlements.of("ann") == Entitlement(user_id="ann")
    assert entitlements.of("no one") == Entitlement(user_id="no one")


def test_what_is_stored_is_read_back(world: ServiceHarness, entitlements: Entitlements) -> None:
    facts = subscription("trialing", trial_ends_at=1_500, cancels_at_period_end=True)
    stored = entitlements.apply(entitlements.of("ann"), [facts])
    assert entitlements.of("ann") == stored
    assert stored == Entitlement(
        user_id="ann",
        status=EntitlementStatus.TRIALING,
        price_id="price_pro",
        subscription_id="sub_1",
        period_start_at=1_000,
        period_end_at=2_000,
        trial_ends_at=1_500,
        cancels_at_period_end=True,
        updated_at=world.clock.now(),
        version=1,
    )
    emptied = entitlements.apply(stored, [])
    assert entitlements.of("ann") == emptied
    assert world.audit().violations == ()


def test_a_state_that_was_read_earlier_never_replaces_a_newer_one(
    entitlements: Entitlements,
) -> None:
    """Even if the newer one equals what was stored when the older one was read."""
    entitlements.apply(entitlements.of("ann"), [subscription("active")])
    slow = entitlements.of("ann"), [subscription("canceled")]
    entitlements.apply(entitlements.of("ann"), [subscription("active")])
    with pytest.raises(EntitlementChanged):
        entitlements.apply(*slow)
    assert entitlements.of("ann").status is EntitlementStatus.ACTIVE


class Stripe:
    """The subscription goes through these states, one after the other."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)

    @property
    def found(self) -> list[SubscriptionFacts]:
        return [subscription(self.states[0])]

    def go_on(self) -> None:
        del self.states[0]


def orders() -> list[tuple[tuple[str, int], ...]]:
    """Every order of the steps of two processes, each of which reads, queries and writes."""
    found = []
    for order in permutations((0, 0, 0, 1, 1, 1)):
        counts = [0, 0]
        steps = []
        for process in order:
            steps.append((("read", "query", "write")[counts[process]], process))
            counts[process] += 1
        found.append(tuple(steps))
    return sorted(set(found))


@pytest.mark.parametrize("changes_before", range(6))
def test_in_every_order_of_two_processes_a_newer_state_is_never_replaced(
    entitlements: Entitlements, changes_before: int
) -> None:
    """Whoever is refused reads and queries again."""
    for steps in orders():
        entitlements.apply(entitlements.of("ann"), [])
        stripe, stored = Stripe("active", "canceled"), []
        read: dict[int, Entitlement] = {}
        queried: dict[int, list[SubscriptionFacts]] = {}
        for place, (step, process) in enumerate(steps):
            if place == changes_before:
                stripe.go_on()
            match step:
                case "read":
                    read[process] = entitlements.of("ann")
                case "query":
                    queried[process] = stripe.found
                case _:
                    try:
                        entitlements.apply(read[process], queried[process])
                    except EntitlementChanged:
                        entitlements.apply(entitlements.of("ann"), stripe.found)
                    stored.append(entitlements.of("ann").status.value)
        assert stored == sorted(stored), steps


def test_an_erasure_leaves_no_entitlement(
    world: ServiceHarness, entitlements: Entitlements
) -> None:
    entitlements.apply(entitlements.of("ann"), [subscription()])
    step = next(each for each in world.parts.erasure_steps() if each.name == "entitlement")
    step.run("ann")
    step.run("ann")
    assert world.table.get(keys.entitlement("ann")) is None
