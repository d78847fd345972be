"""Process entry `python -m devstack.compose table|welcome`: what `docker compose up` needs once,
inside a container."""

import argparse
import sys
from collections.abc import Callable, Sequence

import boto3
from botocore.config import Config

from devstack.calls import call
from devstack.environment import Ports
from devstack.errors import LocalSetupError
from devstack.table import create_table
from devstack.terminal import complain, output
from devstack.welcome import Hints, welcome
from service.core.clock import Clock, SystemClock

_UP_SECONDS = 90.0
_PROBE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_HINTS = Hints(
    "what it stores stays in a volume (`docker compose down --volumes` forgets it).\n"
    "To copy from here: docker compose logs --no-log-prefix welcome",
    "docker compose exec web farebox audit",
)


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 1 and one sentence on standard error if it cannot."""
    given = _arguments(arguments)
    try:
        given.run(given)
    except LocalSetupError as error:
        complain(error)
        return 1
    return 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m devstack.compose", description="Steps of docker compose up."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    table = commands.add_parser(
        "table", help="create the table from the template, if it is not there"
    )
    table.add_argument("--endpoint", required=True, help="DynamoDB's address from here")
    table.add_argument("--name", required=True)
    table.set_defaults(run=_table)
    shown = commands.add_parser("welcome", help="wait for the web process, then show what to open")
    shown.add_argument("--web", required=True, help="its address from here")
    shown.add_argument("--simulators", required=True, help="their address from here")
    for name in ("port", "dynamodb-port", "simulator-port"):
        shown.add_argument(f"--{name}", type=int, required=True, help="as published on 127.0.0.1")
    shown.set_defaults(run=_welcome)
    return parser.parse_args(arguments)


def _table(given: argparse.Namespace) -> None:
    """What answers at all is up: DynamoDB Local answers a bare GET with 400."""
    await_answer(given.endpoint, bool, SystemClock())
    client = boto3.client(
        "dynamodb",
        endpoint_url=given.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    create_table(client, given.name)
    output().say(f"The table {given.name} is there.")


def _welcome(given: argparse.Namespace) -> None:
    await_answer(f"{given.web}/health/ready", lambda status: status == 200, SystemClock())
    ports = Ports(given.port, given.dynamodb_port, given.simulator_port)
    output().say(welcome(ports, str, _HINTS, given.simulators))


def await_answer(
    url: str, wanted: Callable[[int], bool], clock: Clock, up_seconds: float = _UP_SECONDS
) -> None:
    """Returns once the address answers with a status as wanted. Raises `LocalSetupError` after
    `up_seconds`."""
    deadline = clock.monotonic() + up_seconds
    while not _answers(url, wanted):
        if clock.monotonic() > deadline:
            raise LocalSetupError(f"{url} does not come up within {up_seconds:g} s.")
        clock.sleep(_POLL_SECONDS)


def _answers(url: str, wanted: Callable[[int], bool]) -> bool:
    try:
        return wanted(call("GET", url, seconds=_PROBE_SECONDS).status)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
