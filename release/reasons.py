"""Prints why the last change of a stack failed: the first ten reasons, in the order in which they
came.

Usage: reasons.py < the JSON of `describe-stack-events`
"""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

_MOST = 10


def reasons(events: list[dict[str, Any]]) -> Iterator[str]:
    """From events as CloudFormation gives them, newest first: what failed since the change began,
    and was not just cancelled for it."""
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
    for line in islice(reasons(json.load(sys.stdin)["StackEvents"]), _MOST):
        sys.stdout.write(line + "\n")
