"""`make mutations [MUTATION=name]`: makes each named mistake in a copy and asks whoever should
notice, the cheapest first.

A mistake that nobody notices is a missing check: exit 1."""

import sys
import tempfile
from pathlib import Path

from tests.infrastructure.permissions import Call, remembered
from tests.infrastructure.template_mutations.catalog import MUTATIONS
from tests.infrastructure.template_mutations.judges import (
    apply,
    complaints,
    copy_of_the_sources,
    linted,
    rendered,
)
from tests.infrastructure.template_mutations.mutation import TemplateMutation


def noticed_by(
    mutation: TemplateMutation, calls: tuple[Call, ...], known: frozenset[str]
) -> str | None:
    """The name of the check that notices it, None if nobody does."""
    with tempfile.TemporaryDirectory() as folder:
        root = copy_of_the_sources(Path(folder))
        apply(mutation, root)
        return rendered(root, calls, known) or linted(root, mutation)


def known_before(calls: tuple[Call, ...]) -> frozenset[str]:
    """Whoever complains without any mistake: nobody, in a checkout that is well."""
    with tempfile.TemporaryDirectory() as folder:
        return frozenset(complaints(copy_of_the_sources(Path(folder)), calls))


def main(names: list[str]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    calls = remembered()
    known = known_before(calls)
    for name in sorted(known):
        print(f"without any mistake complains: {name}")
    unnoticed = 0
    for mutation in chosen:
        name = noticed_by(mutation, calls, known)
        unnoticed += name is None
        print(
            f"{'SURVIVED' if name is None else 'noticed':8}  {mutation.name:38}  {name or ''}",
            flush=True,
        )
    print(f"{len(chosen)} mistakes, {len(chosen) - unnoticed} noticed, {unnoticed} survived.")
    return 1 if unnoticed or known or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
