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
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.timing import KNOWN, UNKNOWN, UNVERIFIED, Requests, Timings, measured


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
        requests = Requests(ServiceHarness(client, name))
        results = {
            "sign-in that fails": measured(requests.log_in, [KNOWN, UNKNOWN, UNVERIFIED], tries),
            "registration": measured(requests.register, [KNOWN, UNKNOWN], tries // 4),
            "reset": measured(requests.forget, [KNOWN, UNKNOWN], tries // 4),
        }
    for what, timings in results.items():
        _say(what, timings)
    return 0 if all(timings.holds() for timings in results.values()) else 1


def _say(what: str, timings: Timings) -> None:
    medians = ", ".join(
        f"{kind} {1000 * seconds:.2f} ms" for kind, seconds in timings.medians().items()
    )
    outcome = "held" if timings.holds() else "BROKEN"
    sys.stdout.write(f"{outcome}: {what}: {medians}; {100 * timings.spread():.1f} % apart\n")


if __name__ == "__main__":
    sys.exit(main())
