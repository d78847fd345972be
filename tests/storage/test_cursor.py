"""Page tokens: sealed for one list, one owner and its filters."""

import pytest

from service.storage.cursor import PageTokenInvalid, PageTokens

ANN = ("jobs", "ann", "")
PLACE = "JOB#job_01kb7r3v6q8f2x0m4n5p6q7r8s"
OLD, NEW = "o" * 32, "n" * 32


def test_a_token_leads_back_to_its_place() -> None:
    tokens = PageTokens([NEW])
    assert tokens.open(ANN, tokens.seal(ANN, PLACE)) == PLACE


@pytest.mark.parametrize(
    "other", [("jobs", "bob", ""), ("entries", "ann", ""), ("jobs", "ann", "USAGE"), ("jobs",)]
)
def test_a_token_is_refused_by_every_other_list(other: tuple[str, ...]) -> None:
    tokens = PageTokens([NEW])
    with pytest.raises(PageTokenInvalid):
        tokens.open(other, tokens.seal(ANN, PLACE))


def test_a_token_with_any_character_changed_is_refused() -> None:
    tokens = PageTokens([NEW])
    token = tokens.seal(ANN, PLACE)
    for place, letter in enumerate(token):
        changed = token[:place] + ("B" if letter != "B" else "C") + token[place + 1 :]
        with pytest.raises(PageTokenInvalid):
            tokens.open(ANN, changed)


@pytest.mark.parametrize("token", ["", "x", "!!!!", "TUVUQURBVEE", "A" * 500, "_-_-", "é"])
def test_what_was_never_a_token_is_refused(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        PageTokens([NEW]).open(ANN, token)


def test_a_token_outlives_the_replacement_of_its_key_but_not_its_removal() -> None:
    token = PageTokens([OLD]).seal(ANN, PLACE)
    assert PageTokens([NEW, OLD]).open(ANN, token) == PLACE
    with pytest.raises(PageTokenInvalid):
        PageTokens([NEW]).open(ANN, token)
