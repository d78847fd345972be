"""`make fuzz`: at least that many requests made from the served document, as a user and as a
stranger, until one of them meets a 5xx, a response that is not documented, or leaves a trace that
it should not.

The same seed makes the same requests."""

import argparse
import io
import os
import sys
import time

import boto3

from devstack.dynamodb import DynamoDbLocal
from service.core.clock import SystemClock
from service.core.logs import configure
from service.web.openapi.schemas import operations
from tests.fuzz.findings import (
    PASSWORDS_REACHED,
    Findings,
    assert_refusals_wrote_nothing,
    assert_strangers_left_nothing,
    fuzzed,
    someone_real,
)
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack, separate_stack

USER = "ann"
EXAMPLES_A_ROUND = 100
MAX_SECONDS = 540.0


def as_user(stack: LiveStack, seed: int, cases: int, until: float) -> Findings:
    """Rounds of requests, each with a seed of its own."""
    job_id, token, findings = stack.submitted(USER), stack.token(USER, expires_in=10**6), Findings()
    findings.jobs.add(job_id)
    prepare = someone_real(USER, job_id)
    while findings.calls < cases and not findings.failures and time.monotonic() < until:
        fuzzed(stack, token, EXAMPLES_A_ROUND, prepare, seed=seed, findings=findings)
        seed += 1
    stack.finish_videos()
    stack.until(lambda: stack.credits(USER)[1] == 0)
    assert_refusals_wrote_nothing(stack, findings.jobs)
    return findings


def as_stranger(stack: LiveStack, seed: int) -> Findings:
    findings = fuzzed(stack, None, EXAMPLES_A_ROUND // 4, seed=seed)
    for path, method, described in operations(ApiClient(stack).document):
        if described.get("security") and set(findings.statuses[f"{method} {path}"]) != {401}:
            findings.failures[f"{method} {path}", "a stranger"] = str(
                findings.statuses[f"{method} {path}"]
            )
    assert_strangers_left_nothing(stack)
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    configure("ERROR", "json", io.StringIO())
    began = time.monotonic()
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        with separate_stack(client, clock=SystemClock(), **PASSWORDS_REACHED) as stack:
            runs = [as_stranger(stack, given.seed)]
        settings = PASSWORDS_REACHED | {"welcome_credits": 10**6}
        with separate_stack(client, clock=SystemClock(), **settings) as stack:
            runs.append(
                as_user(stack, given.seed, given.cases - runs[0].calls, began + MAX_SECONDS)
            )
    return report(runs, given.seed, given.cases, time.monotonic() - began)


def report(runs: list[Findings], seed: int, cases: int, seconds: float) -> int:
    calls = sum(run.calls for run in runs)
    failures = {name: text for run in runs for name, text in run.failures.items()}
    for who, run in zip(("a stranger", "a user"), runs, strict=True):
        print(f"as {who}:\n{run.table()}")
    for (label, check), text in failures.items():
        print(f"FAILED {label}, {check}: {text}")
    print(
        f"fuzz: {calls} cases over {len(runs[1].statuses)} operations, seed {seed}, "
        f"{len(failures)} failures, "
        f"{len(runs[1].jobs)} jobs, every one of them named in an answer and proved, {seconds:.0f} "
        "s"
    )
    return int(bool(failures) or calls < cases)


if __name__ == "__main__":
    sys.exit(main())
