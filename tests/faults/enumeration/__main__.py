"""`python -m tests.faults.enumeration [flow …]`: every effect of every flow with every fault; with
`--pairs` pairs of them.

Exit 1 when a promise broke; each failure says how to play just that run again."""

import argparse
import os
import random
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import boto3

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from tests.faults.enumeration.flows import FLOWS, MAIN, Flow, flow
from tests.faults.enumeration.replay import Enumeration, Hit, Replay, rows
from tests.faults.enumeration.run import Effect
from tests.faults.enumeration.stage import Stage
from tests.faults.enumeration.tables import LocalTable, MemoryBehind
from tests.simulation.checks import Violation

MAX_BROKEN = 20


@contextmanager
def enumeration(local: bool) -> Iterator[Enumeration]:
    """Over DynamoDB Local, or over the simulation's table."""
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    if not local:
        yield Enumeration(Stage(MemoryBehind()))
        return
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        name = f"Enumeration-{uuid.uuid4().hex}"
        create_table(client, name)
        yield Enumeration(Stage(LocalTable(client, name)))


def main() -> int:
    given = _arguments()
    flows = [flow(name) for name in given.flows] or ([MAIN] if given.pairs else list(FLOWS))
    with enumeration(given.table == "local") as played:
        try:
            return _play(played, flows, given)
        except Violation as error:
            _say(str(error))
            return 1


def _play(played: Enumeration, flows: list[Flow], given: argparse.Namespace) -> int:
    """Raises `Violation` when a flow cannot even be recorded."""
    if given.only:
        return _report([played.play_named(flows[0], _only(given.only))], "One run", 1, show=True)
    effects = {each.name: played.record(each).effects for each in flows}
    if given.list:
        _list(flows, effects)
        return 0
    what = f"{len(flows)} flows, {sum(map(len, effects.values()))} effects"
    return _report(
        (played.play(each, hits) for each, hits in _chosen(played, flows, given)),
        what,
        given.max_broken,
    )


def _chosen(
    played: Enumeration, flows: list[Flow], given: argparse.Namespace
) -> Iterator[tuple[Flow, tuple[Hit, ...]]]:
    """Everything, or a sample with an equal share for each flow."""
    rng = random.Random(given.seed)
    share = -(-given.sample // len(flows))
    for each in flows:
        if given.pairs:
            hits = played.some_pairs(each, share, rng) if share else played.pairs(each)
        else:
            singles = list(played.singles(each))
            hits = rng.sample(singles, min(share, len(singles))) if share else singles
        yield from ((each, one) for one in hits)


def _report(replays: Iterable[Replay], what: str, max_broken: int, *, show: bool = False) -> int:
    """Plays them until `max_broken` have broken a promise, and prints the result."""
    began_at, count, broken = time.perf_counter(), 0, 0
    for count, replay in enumerate(replays, 1):
        broken += bool(replay.violation)
        if show or replay.violation:
            _say(str(replay))
        if broken >= max_broken:
            break
        if count % 1000 == 0:
            _say(f"{count} replays, {broken} broken promises")
    _say(
        f"{what}: {count} replays, {broken} broken promises, "
        f"{time.perf_counter() - began_at:.0f} s."
    )
    return 1 if broken else 0


def _list(flows: list[Flow], effects: dict[str, tuple[Effect, ...]]) -> None:
    for each in flows:
        met = effects[each.name]
        _say(f"{each.name}: {len(met)} effects, {len(list(rows(each, met)))} replays")
        for effect in met:
            _say(f"  {effect}")


def _only(text: str) -> dict[int, str]:
    return {
        int(number): name for number, _, name in (hit.partition(":") for hit in text.split(","))
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.enumeration", description=__doc__)
    parser.add_argument("flows", nargs="*", help="all by default; for pairs, the main job")
    parser.add_argument(
        "--table",
        choices=("local", "memory"),
        default="local",
        help="DynamoDB Local, or much faster",
    )
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="each fault followed by each fault at each later effect",
    )
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn with --seed")
    parser.add_argument(
        "--max-broken", type=int, default=MAX_BROKEN, help="stop after so many broken promises"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one run: 5:killed-after,9:lost-answer")
    parser.add_argument("--list", action="store_true", help="the effects, without faults")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
