"""`python -m tests.passwords`: whether time shows who is registered. Exit 1 if medians of sign-ins,
registrations or resets differ by more than 5 % between known and unknown addresses."""

import argparse
import logging
import os
import sys
import uuid

import boto3
import structlog

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from tests.passwords.people import People
from tests.passwords.timing import (
    HELD_REGISTRATION_SECONDS,
    HELD_RESET_SECONDS,
    KNOWN,
    TOLERANCE,
    UNKNOWN,
    UNVERIFIED,
    Requests,
    Timings,
    measured,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.passwords")
    parser.add_argument("--tries", type=int, default=1000)
    tries = parser.parse_args().tries
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        name = f"Passwords-{uuid.uuid4().hex}"
        create_table(client, name)
        at_once, registering, resetting = (
            Requests(client, name, held_seconds)
            for held_seconds in (0.0, HELD_REGISTRATION_SECONDS, HELD_RESET_SECONDS)
        )
        people = People(at_once.world)
        people.user(KNOWN)
        people.register(UNVERIFIED, device="tablet")
        kinds = [KNOWN, UNKNOWN]
        results = {
            "sign-in that fails": measured(at_once.log_in, [*kinds, UNVERIFIED], tries),
            "registration": measured(registering.register, kinds, tries),
            "reset": measured(resetting.forget, kinds, tries),
        }
    for what, timings in results.items():
        _say(what, timings)
    held = all(timings.holds() for timings in results.values())
    spread = max(timings.spread() for timings in results.values())
    sys.stdout.write(
        f"{'Held' if held else 'BROKEN'}: {tries} of each, medians at most "
        f"{100 * spread:.1f} % apart, {100 * TOLERANCE:.0f} % allowed\n"
    )
    return 0 if held else 1


def _say(what: str, timings: Timings) -> None:
    medians = ", ".join(
        f"{kind} {1000 * seconds:.2f} ms" for kind, seconds in timings.medians().items()
    )
    sys.stdout.write(f"{what}: {medians}; {100 * timings.spread():.1f} % apart\n")


if __name__ == "__main__":
    sys.exit(main())
