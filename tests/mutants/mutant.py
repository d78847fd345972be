"""What a mutant is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tests.mutants.rewriting import Change
from tests.protocol.marked import marked_tests

# A condition that holds for every item.
ALWAYS = 'When(below={"never": 1})'


@dataclass(frozen=True)
class Mutant:
    """With these changes made, one of `tests` (paths or names as pytest takes them, separated by
    blanks) must fail. `rule` is the id of the rule of the protocol that it breaks ("": no one
    rule)."""

    name: str
    tests: str
    changes: tuple[Change, ...]
    rule: str = ""


def mutant(name: str, tests: str, place: str, old: str, new: str) -> Mutant:
    """A mutant of one change."""
    return Mutant(name, tests, (Change(place, old, new),))


def breaks(rule: str, name: str, place: str, old: str, new: str) -> Mutant:
    """A mutant of one change that breaks a rule: a test that is marked with it must fail."""
    return breaks_by(rule, name, Change(place, old, new))


def breaks_by(rule: str, name: str, *changes: Change) -> Mutant:
    """As `breaks`, for a rule that more than one place upholds."""
    return Mutant(name, " ".join(_marked_tests()[rule]), changes, rule)


@cache
def _marked_tests() -> Mapping[str, list[str]]:
    return marked_tests()
