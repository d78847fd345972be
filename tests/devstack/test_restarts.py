from devstack.restarts import RestartRule

RULE = RestartRule(max_deaths=3, window_seconds=60, first_wait_seconds=0.2, max_wait_seconds=0.3)


def test_each_death_makes_the_wait_longer_up_to_a_bound() -> None:
    assert RULE.wait_seconds((100.0,), 100.0) == 0.2
    assert RULE.wait_seconds((100.0, 101.0), 101.0) == 0.3


def test_too_many_deaths_within_the_window_are_the_end() -> None:
    assert RULE.wait_seconds((100.0, 101.0, 102.0), 102.0) is None


def test_deaths_long_ago_do_not_count() -> None:
    assert RULE.wait_seconds((1.0, 2.0, 100.0), 100.0) == 0.2
    assert RULE.recent((1.0, 2.0, 100.0), 100.0) == (100.0,)
