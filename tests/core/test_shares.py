import pytest

from service.core.shares import NothingLeft, Shares, ShareUsedUp


def test_no_one_takes_more_than_a_share_however_much_is_left() -> None:
    shares = Shares(total=10, each=3)
    for _ in range(3):
        shares.take("ann")
    with pytest.raises(ShareUsedUp):
        shares.take("ann")
    shares.take("bob", 3)


def test_what_has_no_name_is_bounded_by_the_total_alone() -> None:
    shares = Shares(total=10, each=3)
    shares.take(None, 8)
    with pytest.raises(NothingLeft):
        shares.take(None, 3)
    shares.put_back(None, 8)
    shares.take(None, 10)


def test_all_together_take_no_more_than_there_is() -> None:
    shares = Shares(total=4, each=3)
    shares.take("ann", 3)
    with pytest.raises(NothingLeft):
        shares.take("bob", 2)
    shares.take("bob")


def test_a_refusal_takes_nothing() -> None:
    shares = Shares(total=4, each=3)
    shares.take("ann", 2)
    with pytest.raises(ShareUsedUp):
        shares.take("ann", 2)
    with pytest.raises(NothingLeft):
        shares.take("bob", 3)
    shares.take("ann")
    shares.take("bob")


def test_what_is_put_back_can_be_taken_again() -> None:
    shares = Shares(total=2, each=2)
    shares.take("ann", 2)
    shares.put_back("ann", 2)
    shares.take("bob", 2)


def test_names_that_hold_nothing_are_forgotten() -> None:
    shares = Shares(total=1, each=1)
    shares.take("ann")
    for number in range(100):
        with pytest.raises(NothingLeft):
            shares.take(f"user-{number}")
    shares.put_back("ann")
    assert not shares._held
