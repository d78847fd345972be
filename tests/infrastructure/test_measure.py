"""Nothing in a rendered template escapes: every value is read by a check, every key is known, and
reading cannot be pretended."""

import json

import pytest

from tests.infrastructure.deployments import deployment
from tests.infrastructure.measure.noted import Notes, noted
from tests.infrastructure.measure.unread import (
    UNREAD,
    VARIANTS,
    known_keys,
    read_by_checks,
    unknown_keys,
    unread,
)

NAMES = ["-".join([stage, *list(chosen)[:2]]) for stage, chosen in VARIANTS]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("stage", "chosen"), VARIANTS, ids=NAMES)
def test_every_check_passes_and_every_value_is_read(stage: str, chosen: dict[str, str]) -> None:
    given = deployment(stage, **chosen)
    read, faults = read_by_checks(given)
    places = unread(given, read)
    assert not faults, "\n".join(faults)
    assert not places, "no check reads:\n" + "\n".join(places)


@pytest.mark.parametrize(("stage", "chosen"), VARIANTS, ids=NAMES)
def test_every_key_is_in_the_closed_set_of_its_type(stage: str, chosen: dict[str, str]) -> None:
    assert unknown_keys(deployment(stage, **chosen), known_keys()) == []


def test_the_list_of_excuses_stays_short() -> None:
    assert len(UNREAD) == 0


TREE = {"a": 1, "b": {"c": [2, 3], "d": "e"}, "f": {}, "g": [{"h": 4}]}


def read(use: str) -> set[tuple[str | int, ...]]:
    notes = Notes(set())
    tree = noted(TREE, (), notes)
    eval(use, {"tree": tree, "json": json, "plain": TREE})
    return notes.read


@pytest.mark.parametrize(
    ("use", "places"),
    [
        ("tree['a']", {("a",)}),
        ("tree.get('a')", {("a",)}),
        ("tree.get('z')", set()),
        ("tree['b']['c'][1]", {("b", "c", 1)}),
        ("tree['b']['c'][-1]", {("b", "c", 1)}),
        ("[*tree['b']['c']]", {("b", "c", 0), ("b", "c", 1)}),
        ("2 in tree['b']['c']", {("b", "c", 0)}),
        ("tree['b']['c'] == [2, 3]", {("b", "c", 0), ("b", "c", 1)}),
        ("tree['f'] == {}", {("f",)}),
        ("[one['h'] for one in tree['g']]", {("g", 0, "h")}),
    ],
)
def test_taking_a_value_counts(use: str, places: set[tuple[str | int, ...]]) -> None:
    assert read(use) == places


@pytest.mark.parametrize(
    "use",
    [
        "json.dumps(tree)",
        "str(tree)",
        "tree == plain",
        "tree['b'] == plain['b']",
        "tree['g'] == plain['g']",
        "list(tree.items())",
        "list(tree.values())",
        "sorted(tree)",
        "{**tree}",
        "'a' in tree",
    ],
)
def test_handling_a_whole_tree_does_not_count(use: str) -> None:
    assert read(use) == set()
