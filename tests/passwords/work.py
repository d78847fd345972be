"""The work of a request that must show nothing by it: its calls to the table, its hashes, and how
long its response takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.core.errors import FareboxError
from service.passwords.hashing import Hashes
from service.web.native_threads import run_natively
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import CHEAP


@dataclass(frozen=True)
class Work:
    """The calls in order, each with how many items it reads or writes; the hashes in order, each
    with its parameters; the seconds of the clock; and the code of the response."""

    calls: tuple[tuple[str, int], ...]
    hashes: tuple[str, ...]
    seconds: float
    code: str


class CountedHashes(Hashes):
    """Cheap hashes that note what is computed."""

    def __init__(self) -> None:
        self.computed: list[str] = []
        super().__init__(CHEAP, self._noted)

    def _noted(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Of a stored hash its kind and parameters count, not its salt."""
        stored = str(arguments[0]) if len(arguments) > 1 else ""
        self.computed.append(f"{function.__name__} {stored.rpartition('p=')[0]}".strip())
        return run_natively(function, *arguments)


def work_of(world: ServiceHarness, hashes: CountedHashes, request: Callable[[], object]) -> Work:
    """What the request does; a refusal is a response like any other."""
    calls: list[tuple[str, int]] = []
    hashes.computed.clear()
    wire = world.wire()
    wire.after(lambda operation, body, _: calls.append((operation, _items(body))))
    began_at = world.clock.monotonic()
    code = "OK"
    try:
        request()
    except FareboxError as refusal:
        code = refusal.code
    finally:
        wire.leave()
    seconds = round(world.clock.monotonic() - began_at, 3)
    return Work(tuple(calls), tuple(hashes.computed), seconds, code)


def _items(body: Mapping[str, Any]) -> int:
    return len(body.get("TransactItems", [body]))
