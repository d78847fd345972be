"""Which price applies at which time."""

from hypothesis import given
from hypothesis import strategies as st

from service.catalog.price_list import PriceList, starts_at
from service.catalog.pricing import Flat, Price

times = st.integers(1, 60)
operations = st.sampled_from(["a:b", "a:c"])
prices = st.builds(Price, operations, st.integers(1, 3).map(Flat), times)


def at(start: int, amount: int = 1, operation: str = "a:b") -> Price:
    return Price(operation, Flat(amount), start)


@given(st.lists(prices, unique_by=lambda price: (price.operation, price.effective_at)), times)
def test_the_newest_price_in_effect_applies_whatever_the_list_has_forgotten(
    scheduled: list[Price], now: int
) -> None:
    known = PriceList()
    for price in scheduled:
        known = known.with_price(price, 0)
    for operation in ("a:b", "a:c"):
        of_it = [price for price in scheduled if price.operation == operation]
        past = [price for price in of_it if starts_at(price) <= now]
        pruned = known.with_price(at(1000, operation="z:z"), now)
        for later in range(now, 70, 10):
            due = [price for price in of_it if starts_at(price) <= later]
            assert pruned.effective(operation, later) == max(due, key=starts_at, default=None)
        assert len(pruned.of(operation)) == len(of_it) - max(len(past) - 1, 0)


def test_a_price_applies_from_its_very_millisecond() -> None:
    known = PriceList(1, (at(5, 1), at(10, 2)))
    assert [known.effective("a:b", now) for now in (4, 5, 9, 10)] == [
        None,
        at(5, 1),
        at(5, 1),
        at(10, 2),
    ]


def test_prices_to_come_are_listed_in_time_order() -> None:
    known = PriceList(1, (at(20), at(5), at(15), at(10, operation="a:c")))
    assert known.pending("a:b", 5) == (at(15), at(20))


def test_a_cancelled_price_leaves_the_one_before_in_effect() -> None:
    known = PriceList(1, (at(5, 1), at(10, 2)))
    changed = known.without(at(10, 2), 7)
    assert changed == PriceList(2, (at(5, 1),))
    assert changed.effective("a:b", 50) == at(5, 1)


def test_each_change_is_a_version() -> None:
    assert PriceList(7, (at(5),)).with_price(at(9), 6).version == 8
