"""Process entry `python -m devstack.simulators`: runs the simulated vendors until SIGTERM or
SIGINT."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until a signal to stop, then returns 0; returns 1 if the port is taken. The options
    are the fields of `SimulatorSettings`."""
    settings = _settings(argv)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        server = SimulatorServer(settings)
    except OSError as error:
        sys.stderr.write(
            f"The simulators cannot listen on {settings.host}:{settings.port}: {error.strerror}\n"
        )
        return 1
    with server:
        sys.stdout.write(f"Simulators on {server.url}\n")
        sys.stdout.flush()
        stopping.wait()
    return 0


def _settings(argv: Sequence[str] | None) -> SimulatorSettings:
    parser = argparse.ArgumentParser(
        prog="python -m devstack.simulators",
        description="Local simulators of the vendors, with fault injection.",
    )
    for option in fields(SimulatorSettings):
        name, text = "--" + option.name.replace("_", "-"), option.metadata["help"]
        if option.type is bool:
            parser.add_argument(
                name, action=argparse.BooleanOptionalAction, default=option.default, help=text
            )
        else:
            parser.add_argument(
                name,
                type=type(option.default),
                default=option.default,
                help=f"{text} (%(default)s)",
            )
    try:
        return SimulatorSettings(**vars(parser.parse_args(argv)))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
