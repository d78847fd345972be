"""How fast passwords may be tried."""

import pytest

from service.passwords.throttle import (
    Delays,
    Throttle,
    TooManyTries,
    Tries,
    after_try,
    network_of,
)
from service.storage.table import Table
from tests.doubles.clock import FakeClock

DELAYS = Delays(free=3, first_seconds=2, max_seconds=10, forget_seconds=100)


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 0), (2, 0), (3, 2), (4, 4), (5, 8), (6, 10), (7, 10), (10**9, 10)]
)
def test_each_try_beyond_the_free_ones_waits_for_twice_as_long(tries: int, seconds: int) -> None:
    assert DELAYS.wait_seconds(tries) == seconds


def test_free_tries_may_follow_each_other_at_once() -> None:
    tries = None
    for _ in range(3):
        tries = after_try(tries, DELAYS, 1000)
        assert tries is not None

    assert tries == Tries(3, 3000, 103_000)
    assert after_try(tries, DELAYS, 2999) is None
    assert after_try(tries, DELAYS, 3000) == Tries(4, 7000, 107_000)


def test_tries_are_forgotten_after_a_while() -> None:
    assert after_try(Tries(50, 5000, 9000), DELAYS, 9000) == Tries(1, 9000, 109_000)
    assert after_try(Tries(50, 5000, 9000), DELAYS, 8999) == Tries(51, 18_999, 118_999)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("unix", "unknown"),
    ],
)
def test_a_customer_has_one_ipv4_address_or_64_bits_of_ipv6(address: str, network: str) -> None:
    assert network_of(address) == network


class TestThrottle:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def throttle(self, memory_table: Table, clock: FakeClock) -> Throttle:
        return Throttle(memory_table, clock, b"k" * 32)

    def test_a_refused_try_is_not_counted_and_says_when_the_next_may_be(
        self, throttle: Throttle, clock: FakeClock
    ) -> None:
        for _ in range(3):
            throttle.admit("ann", DELAYS)
        for _ in range(5):
            with pytest.raises(TooManyTries) as refusal:
                throttle.admit("ann", DELAYS)
            assert refusal.value.retry_after_seconds == 2

        clock.advance(2)
        throttle.admit("ann", DELAYS)
        with pytest.raises(TooManyTries) as refusal:
            throttle.admit("ann", DELAYS)
        assert refusal.value.retry_after_seconds == 4

    def test_names_are_counted_apart(self, throttle: Throttle) -> None:
        for _ in range(3):
            throttle.admit("ann", DELAYS)

        throttle.admit("bob", DELAYS)

    def test_after_a_success_the_next_try_is_the_first(self, throttle: Throttle) -> None:
        for _ in range(3):
            throttle.admit("ann", DELAYS)

        throttle.forget("ann")

        for _ in range(3):
            throttle.admit("ann", DELAYS)

    def test_nothing_is_stored_of_a_name_that_was_never_tried(
        self, throttle: Throttle, memory_table: Table
    ) -> None:
        throttle.forget("ann")

        assert memory_table.scan(segment=0, segments=1, limit=10).items == ()

    def test_the_table_knows_no_name_and_drops_what_is_forgotten(
        self, throttle: Throttle, memory_table: Table, clock: FakeClock
    ) -> None:
        throttle.admit("louisa@example.org", DELAYS)

        (item,) = memory_table.scan(segment=0, segments=1, limit=10).items
        assert "louisa" not in str(item)
        assert int(item["expiresAt"]["N"]) == clock.now() // 1000 + 101
