"""What a mutant is."""

from dataclasses import dataclass

from tests.mutants.rewriting import Change

# A condition that holds for every item.
ALWAYS = 'When(below={"never": 1})'


@dataclass(frozen=True)
class Mutant:
    """With these changes made, one of `tests` (paths, separated by blanks) must fail."""

    name: str
    tests: str
    changes: tuple[Change, ...]


def mutant(name: str, tests: str, place: str, old: str, new: str) -> Mutant:
    """A mutant of one change."""
    return Mutant(name, tests, (Change(place, old, new),))
