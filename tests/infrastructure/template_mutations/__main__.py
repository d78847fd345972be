"""`make template-mutations [MUTATION=name]`: applies each mutation to a copy of the sources, and
runs the checks and linters on it, the cheapest first.

A mutation that survives is a missing check: exit 1.
"""

import sys
import tempfile
from pathlib import Path

from tests.infrastructure.permissions import Call, recorded_calls
from tests.infrastructure.template_mutations.catalog import MUTATIONS
from tests.infrastructure.template_mutations.mutation import TemplateMutation
from tests.infrastructure.template_mutations.verdicts import (
    apply,
    copy_sources,
    failing_checks,
    first_failing_check,
    first_linter_finding,
)


def caught_by(
    mutation: TemplateMutation, calls: tuple[Call, ...], known: frozenset[str]
) -> str | None:
    """The name of the first check or linter rule that fails, None if the mutation survives."""
    with tempfile.TemporaryDirectory() as folder:
        root = copy_sources(Path(folder))
        apply(mutation, root)
        return first_failing_check(root, calls, known) or first_linter_finding(root, mutation)


def failing_without_mutation(calls: tuple[Call, ...]) -> frozenset[str]:
    """The checks that fail on the unchanged sources: none, in a correct checkout."""
    with tempfile.TemporaryDirectory() as folder:
        return frozenset(failing_checks(copy_sources(Path(folder)), calls))


def main(names: list[str]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    calls = recorded_calls()
    known = failing_without_mutation(calls)
    for name in sorted(known):
        print(f"fails without any mutation: {name}")
    survivors = 0
    for mutation in chosen:
        name = caught_by(mutation, calls, known)
        survivors += name is None
        print(
            f"{'SURVIVED' if name is None else 'caught':8}  {mutation.name:38}  {name or ''}",
            flush=True,
        )
    print(f"{len(chosen)} mutations, {len(chosen) - survivors} caught, {survivors} survived.")
    return 1 if survivors or known or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
