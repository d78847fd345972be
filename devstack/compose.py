"""Process entry `python -m devstack.compose table|welcome`: the one-time steps of `docker compose
up`, run in a container."""

import argparse
import sys
from collections.abc import Callable, Sequence

import boto3
from botocore.config import Config

from devstack.calls import call
from devstack.errors import LocalSetupError
from devstack.ports import Ports
from devstack.table import create_table
from devstack.terminal import complain, output
from devstack.welcome import Hints, welcome
from service.core.clock import Clock, SystemClock

_UP_SECONDS = 90.0
_PROBE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_HINTS = Hints(
    "the data is kept in a volume (`docker compose down --volumes` deletes it).\n"
    "To copy from here: docker compose logs --no-log-prefix welcome",
    "docker compose exec web farebox audit",
)


def main(arguments: Sequence[str]) -> int:
    """Runs one command. Returns 1, with one sentence on standard error, if it fails."""
    options = _arguments(arguments)
    try:
        options.run(options)
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


def _table(options: argparse.Namespace) -> None:
    """Waits for any response: DynamoDB Local responds to a plain GET with 400."""
    await_response(options.endpoint, bool, SystemClock())
    client = boto3.client(
        "dynamodb",
        endpoint_url=options.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    create_table(client, options.name)
    output().say(f"The table {options.name} is ready.")


def _welcome(options: argparse.Namespace) -> None:
    await_response(f"{options.web}/health/ready", lambda status: status == 200, SystemClock())
    ports = Ports(options.port, options.dynamodb_port, options.simulator_port)
    output().say(welcome(ports, str, _HINTS, options.simulators))


def await_response(
    url: str, expected: Callable[[int], bool], clock: Clock, up_seconds: float = _UP_SECONDS
) -> None:
    """Returns when the address responds with an expected status. Raises `LocalSetupError` after
    `up_seconds`."""
    deadline = clock.monotonic() + up_seconds
    while not _responds(url, expected):
        if clock.monotonic() > deadline:
            raise LocalSetupError(f"{url} did not start within {up_seconds:g} s.")
        clock.sleep(_POLL_SECONDS)


def _responds(url: str, expected: Callable[[int], bool]) -> bool:
    try:
        return expected(call("GET", url, seconds=_PROBE_SECONDS).status)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
