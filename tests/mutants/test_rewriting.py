import pytest

from tests.mutants.rewriting import Change, rewrite

SOURCE = '''
class Till:
    """Takes money – "exactly"."""

    def take(self, amount):
        # A comment in the way.
        if (
            amount > self.limit
        ):
            raise TooMuch
        self.total = sorted(
            (coin for coin in self.coins if coin.valid),
            key=len,
        )
        return max(amount + self.fee, 3)


def other(amount):
    if amount > 3:
        raise TooMuch
    return max(amount + 1, 3)
'''


def rewritten(place: str, old: str, new: str) -> str:
    return rewrite(SOURCE, Change(f"till:{place}", old, new))


def test_an_expression_is_found_by_its_shape_in_the_named_function() -> None:
    text = rewritten("Till.take", "max(A + F, 3)", "A + F")
    assert "        return (amount + self.fee)\n" in text
    assert "return max(amount + 1, 3)" in text


def test_layout_and_comments_around_a_statement_do_not_matter() -> None:
    text = rewritten("Till.take", "if A > L:\n    raise TooMuch", "")
    assert "        # A comment in the way.\n        pass\n        self.total" in text


def test_statements_that_follow_one_another_are_replaced_together() -> None:
    text = rewritten(
        "other", "if A > 3:\n    raise TooMuch\nreturn M", "if A:\n    return M\nreturn 0"
    )
    assert text.endswith("    if amount:\n        return max(amount + 1, 3)\n    return 0\n")


def test_a_letter_stands_for_the_same_expression_each_time() -> None:
    text = rewritten("Till.take", "(C for C in M if C.valid)", "M")
    assert "            (self.coins),\n" in text
    with pytest.raises(LookupError, match="fits 0 times"):
        rewritten("Till.take", "max(A + A, 3)", "A")


def test_an_expression_may_become_a_statement() -> None:
    text = rewrite("def f():\n    call(1)\n", Change("m:f", "call(X)", "raise Failed"))
    assert text == "def f():\n    raise Failed\n"


@pytest.mark.parametrize(
    ("place", "old", "message"),
    [
        ("Till.pay", "amount", "has no Till.pay"),
        ("Till.take", "amount - 1", "fits 0 times"),
        ("", "raise TooMuch", "fits 2 times"),
    ],
)
def test_a_pattern_that_does_not_fit_exactly_once_is_refused(
    place: str, old: str, message: str
) -> None:
    with pytest.raises(LookupError, match=message):
        rewritten(place, old, "pass")
