"""`python -m tests.infrastructure.template_mutations.listed FILE [NUMBER…]`: applies the mistakes
of a list one by one, and prints whether each is noticed, and by which check.

FILE is a JSON array of objects with `file`, `old`, `new` and `kind`, and optionally `after`: the
first `old` behind the only `after` is replaced by `new`. `kind` is free text: what sort of mistake
it is. Without `after`, `old` must be in the file exactly once. NUMBER, from 1, chooses single
mistakes.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.permissions import Call, recorded_calls
from tests.infrastructure.template_mutations.mutation import TemplateMutation
from tests.infrastructure.template_mutations.verdicts import (
    apply,
    copy_sources,
    failing_checks,
    first_failing_check,
    first_failing_test,
    first_linter_finding,
)
from tests.infrastructure.texts import text_of

NOTICED, SURVIVED, INVALID = "noticed", "SURVIVED", "INVALID"


def read(path: Path) -> list[tuple[str, TemplateMutation]]:
    """The mistakes of a list with the kind of each.

    Raises `ValueError` for a list that is no such JSON.
    """
    listed = json.loads(path.read_text(encoding="utf-8"))
    return [
        (
            str(one["kind"]),
            TemplateMutation(
                f"{number}", one["file"], one["old"], one["new"], one.get("after", "")
            ),
        )
        for number, one in enumerate(listed, 1)
    ]


def verdict(
    mutation: TemplateMutation, calls: Sequence[Call], known: frozenset[str]
) -> tuple[str, str]:
    """Whether the mistake is noticed, survives or cannot be applied, and what says so."""
    text = text_of(ROOT / mutation.file)
    if not mutation.after and text.count(mutation.old) != 1:
        return INVALID, f"the text is in {mutation.file} {text.count(mutation.old)} times"
    with tempfile.TemporaryDirectory() as folder:
        root = copy_sources(Path(folder))
        try:
            apply(mutation, root)
        except LookupError as error:
            return INVALID, str(error)
        found = (
            first_failing_check(root, calls, known)
            or first_linter_finding(root, mutation)
            or first_failing_test(Path(folder), mutation)
        )
    return (NOTICED, found) if found else (SURVIVED, "")


def main(arguments: list[str]) -> int:
    """0 when every mistake is noticed, 1 otherwise."""
    chosen = {int(number) for number in arguments[1:]}
    calls = recorded_calls()
    with tempfile.TemporaryDirectory() as folder:
        known = frozenset(failing_checks(copy_sources(Path(folder)), calls))
    for name in sorted(known):
        print(f"fails without any mistake: {name}")
    counted: Counter[str] = Counter()
    for number, (kind, mutation) in enumerate(read(Path(arguments[0])), 1):
        if chosen and number not in chosen:
            continue
        word, by = verdict(mutation, calls, known)
        counted[word] += 1
        print(f"{word:8}  {number:4}  {kind:28}  {mutation.file:34}  {by}", flush=True)
    total = sum(counted.values())
    print(f"{total} mistakes: {', '.join(f'{n} {word}' for word, n in sorted(counted.items()))}.")
    return 1 if counted[SURVIVED] or counted[INVALID] or known or not total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
