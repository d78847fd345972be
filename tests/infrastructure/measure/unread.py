"""Which values of a rendered deployment no check has read, and which keys are none of the closed
set of their resource type.

`python -m tests.infrastructure.measure.unread` writes the closed set anew, for a change that a
person then reads: every key in it is one that a check reads.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.infrastructure.checks.everything import checks
from tests.infrastructure.deployments import EVERYTHING, Deployment, deployment
from tests.infrastructure.identity_stack import measured, variants
from tests.infrastructure.measure.noted import Notes, noting, values
from tests.infrastructure.measure.noted import Path as ValuePath

KNOWN_KEYS = Path(__file__).with_name("known_keys.json")
# Values that no check need read, with the reason. Keep it as short as it is.
UNREAD: dict[str, str] = {}
VARIANTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("production", {}),
    ("dev", {}),
    ("staging", {}),
    ("staging", {"NatGateways": "none", "ZoneCount": "3"}),
    ("staging", {"CpuArchitecture": "ARM64", "WebSize": "large", "WorkerSize": "medium"}),
    ("staging", {"NatGateways": "per-az", "ZoneCount": "2"}),
    ("staging", {"NatGateways": "single", "ZoneCount": "3", "InterfaceEndpoints": "true"}),
    ("production", EVERYTHING),
)


def unread(given: Deployment, read: Iterable[ValuePath]) -> list[str]:
    """The places of the values that are not in `read` and that no reason excuses."""
    found = set(read)
    return sorted(
        {spelled(given, path) for path in values(given) if path not in found} - set(UNREAD)
    )


def read_by_checks(given: Deployment) -> tuple[set[ValuePath], list[str]]:
    """What all checks together read of a deployment, and the faults that they found."""
    notes = Notes(set())
    noted = noting(given, notes)
    faults = [f"{name}: {fault}" for name, check in checks().items() for fault in check(noted)]
    return notes.read, faults


def unknown_keys(given: Deployment, known: dict[str, list[str]]) -> list[str]:
    """The keys of a deployment that are not in the closed set of their resource type."""
    closed = {f"{kind} {key}" for kind, keys in known.items() for key in keys}
    return sorted({spelled(given, path) for path in values(given)} - closed)


def known_keys() -> dict[str, list[str]]:
    """The closed set of keys of each resource type."""
    made: dict[str, list[str]] = json.loads(KNOWN_KEYS.read_text(encoding="utf-8"))
    return made


def spelled(given: Deployment, path: ValuePath) -> str:
    """A place as `EC2::VPC Properties.CidrBlock`, the same for every resource of its type."""
    if path[1] == "outputs":
        return f"Outputs {path[2]}"
    stack = {"data": given.data, "service": given.service, "account": given.account}[str(path[0])]
    kind = str(stack.resources[str(path[2])]["Type"]).removeprefix("AWS::")
    parts = ("[]" if isinstance(part, int) else str(part) for part in path[3:])
    return f"{kind} {'.'.join(parts)}"


def _all_keys() -> Iterator[str]:
    for stage, chosen in VARIANTS:
        given = deployment(stage, **chosen)
        yield from (spelled(given, path) for path in values(given))
        yield from (place for stack in variants(given) for place in measured(stack, ()).places)


def main() -> int:
    made: dict[str, list[str]] = {}
    for place in sorted(set(_all_keys())):
        kind, _, key = place.partition(" ")
        made.setdefault(kind, []).append(key)
    KNOWN_KEYS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
