"""`make proof [ONLY="mutants drain"] [RESUME=1]`: every proof whole, one after the other, each to
its end although another has failed. One line for each says what it proved and how long it took.

Exit 1 if any failed, 2 for a name that is none."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.proof.proofs import Proof, chosen, proofs
from tests.proof.record import Record, commit_of
from tests.proof.run import CHECKOUT, run

LOGS = CHECKOUT / ".proof"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("names", nargs="*", help="all by default")
    parser.add_argument("--resume", action="store_true", help="skip what passed for this commit")
    given = parser.parse_args(arguments)
    try:
        wanted = chosen(proofs(datetime.now(UTC).date()), given.names)
    except LookupError as error:
        _say(str(error))
        return 2
    LOGS.mkdir(exist_ok=True)
    record = Record(LOGS / "passed.json", commit_of(CHECKOUT))
    skipped = record.passed() if given.resume else frozenset()
    failed = [
        proof.name for proof in wanted if proof.name not in skipped and not _prove(proof, record)
    ]
    for name in sorted(skipped & {proof.name for proof in wanted}):
        _say(f"skipped  {name:20} passed for this commit before")
    _say(f"Failed: {', '.join(failed)}; logs: {LOGS}" if failed else "Every proof passed.")
    return 1 if failed else 0


def _prove(proof: Proof, record: Record) -> bool:
    log = Path(LOGS / f"{proof.name}.log")
    result = run(proof, log)
    if result.passed:
        record.add(proof.name)
    outcome = "passed" if result.passed else "FAILED"
    _say(f"{outcome:8} {proof.name:20} {result.seconds / 60:6.1f} min  {result.last_line}")
    return result.passed


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
