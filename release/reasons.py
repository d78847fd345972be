"""Prints why the last change of a stack failed: the first ten reasons, oldest first.

Usage: reasons.py < the JSON of `describe-stack-events`
"""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

_MAX_REASONS = 10


def reasons(events: list[dict[str, Any]]) -> Iterator[str]:
    """What failed since the change began, without what was only cancelled because of it.

    `events` are newest first, as CloudFormation returns them.
    """
    change: list[dict[str, Any]] = []
    for event in events:
        change.append(event)
        if event.get("ResourceStatusReason") == "User Initiated":
            break
    for event in reversed(change):
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason.lower():
            yield f"{event['Timestamp']}  {event['LogicalResourceId']}  {reason}"


if __name__ == "__main__":
    for line in islice(reasons(json.load(sys.stdin)["StackEvents"]), _MAX_REASONS):
        sys.stdout.write(line + "\n")
