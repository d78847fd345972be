"""`python -m tests.faults.enumeration [flow …]`: every effect of every flow with every fault; with `--pairs` also pairs.

Exit 1 when a promise broke; each failure says how to play just that run again."""

import argparse
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from service.local.dynamodb import DynamoDbLocal
from service.local.table import create_table
from tests.faults.enumeration.flows import FLOWS, MAIN, Flow, flow
from tests.faults.enumeration.replay import Enumeration, Tally, rows
from tests.faults.enumeration.stage import Stage

MOST_SHOWN = 20


@contextmanager
def enumeration() -> Iterator[Enumeration]:
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        name = f"Enumeration-{uuid.uuid4().hex}"
        create_table(client, name)
        yield Enumeration(Stage(client, name))


def main() -> int:
    arguments = _arguments()
    chosen = [flow(name) for name in arguments.flows] or list(FLOWS)
    began_at, tally, counted = time.perf_counter(), Tally(), ""
    with enumeration() as played:
        if arguments.only:
            only = dict((int(number), name) for number, _, name in (hit.partition(":") for hit in arguments.only.split(",")))
            print(played.play_named(chosen[0], only))
            return 0
        if arguments.list:
            _list(played, chosen)
            return 0
        if arguments.pairs or arguments.sample:
            counted = _pairs(played, chosen if arguments.flows else [MAIN], arguments.sample, arguments.seed, tally)
        else:
            counted = _singles(played, chosen, tally)
    for failure in tally.failures[:MOST_SHOWN]:
        print(failure)
    seconds = time.perf_counter() - began_at
    print(f"{counted}, {tally.replays} replays, {len(tally.failures)} broken promises, {seconds:.0f} s.")
    return 1 if tally.failures else 0


def _singles(played: Enumeration, chosen: list[Flow], tally: Tally) -> str:
    effects = 0
    for each in chosen:
        effects += len(played.record(each).effects)
        for replay in played.singles(each):
            tally.add(replay)
    return f"{len(chosen)} flows, {effects} effects"


def _pairs(played: Enumeration, chosen: list[Flow], sample: int, seed: int, tally: Tally) -> str:
    """All pairs, or that many drawn with the seed."""
    pairs = [(each, pair) for each in chosen for pair in played.pairs(each)]
    drawn = random.Random(seed).sample(pairs, min(sample, len(pairs))) if sample else pairs
    for number, (each, pair) in enumerate(drawn, 1):
        tally.add(played.play(each, pair))
        if number % 1000 == 0:
            print(f"{number} of {len(drawn)} pairs, {len(tally.failures)} broken promises", flush=True)
    return f"{len(chosen)} flows, {len(pairs)} pairs"


def _list(played: Enumeration, chosen: list[Flow]) -> None:
    for each in chosen:
        effects = played.record(each).effects
        print(f"{each.name}: {len(effects)} effects, {len(list(rows(each, effects)))} replays")
        for effect in effects:
            print(f"  {effect}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.enumeration", description=__doc__)
    parser.add_argument("flows", nargs="*", help="all by default; for pairs, the main job")
    parser.add_argument("--pairs", action="store_true", help="every pair of faults")
    parser.add_argument("--sample", type=int, default=0, help="only so many pairs, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one run: 5:killed-after,9:lost-answer")
    parser.add_argument("--list", action="store_true", help="the effects, without faults")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
