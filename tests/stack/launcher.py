"""What a fleet knows of its members: how to launch and how to stop them."""

from collections.abc import Mapping
from typing import Protocol

CLEAN = "exit code 0"


class Replaceable(Protocol):
    """A web process, worker or relay that runs."""

    @property
    def name(self) -> str:
        """`web`, `worker` or `relay`."""

    def stop(self) -> str:
        """SIGTERM, and SIGKILL after its stop timeout. Nothing of it is left. Returns how it ended:
        `CLEAN` or a description."""


class Killable(Replaceable, Protocol):
    """One that can also be killed."""

    def kill(self) -> None:
        """`kill -9` of all that runs of it."""


class Launcher(Protocol):
    """Between `__enter__` and `__exit__`, after which nothing runs that it has launched."""

    @property
    def kind(self) -> str:
        """What it launches them as: `processes`, `containers`."""

    def launch(self, name: str, settings: Mapping[str, str]) -> Replaceable:
        """Starts a `web`, a `worker` or a `relay` with these settings, and returns without waiting
        until it is ready."""

    def log(self) -> tuple[str, ...]:
        """The last lines of those that have ended, and perhaps of others."""
