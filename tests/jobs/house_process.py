"""One process that holds credits until the house's budget is used up:
`python -m tests.jobs.house_process DYNAMODB_URL TABLE CREDITS NUMBER`.

Prints a line for each hold, and at last whether it was refused, as JSON."""

import json
import os
import sys
from types import SimpleNamespace

from service.jobs.house import HouseBudget, HouseLimitReached
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness

USERS = 10


def main(url: str, table_name: str, budgeted: str, number: str) -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    client = SimpleNamespace(meta=SimpleNamespace(endpoint_url=url))
    world = ServiceHarness(
        client,
        table_name,
        clock=FakeClock(),
        max_users=1000,
        welcome_credits=100,
        house_credits_per_day=int(budgeted),
    )
    turn = 0
    while True:
        user = int(number) * USERS + turn % USERS
        try:
            world.submit(f"user-{user}", f"device-{user}")
        except HouseLimitReached:
            break
        turn += 1
        sys.stdout.write(f"{turn}\n")
        sys.stdout.flush()
    world.parts.get(HouseBudget).close()
    sys.stdout.write(json.dumps({"held": turn, "refused": True}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
