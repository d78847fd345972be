"""What the next calls of a vendor of text write: how much, how fast, how it ends, and what they
report to have cost."""

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from devstack.simulators.control import ControlError

MAX_TOKENS = 200_000
MAX_SECONDS = 60.0
MAX_SCRIPTED = 1_000
MAX_COUNT = 1_000_000
ENDS = ("stop", "length", "content", "refusal", "blocked-input", "blocked-output")

_FAILED = re.compile(r"failed:[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True)
class Script:
    """One call. `end`: `stop`, `length` (cut at the maximum of the request), `content` (cut by a
    content rule), `refusal` (the model declines in words), `blocked-input` or `blocked-output` (by
    a guardrail, where there is one), or `failed:<code>` after the output.

    `usage` replaces fields of what is reported, as a lie; None reports none at all."""

    output_tokens: int = 40
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    seconds_per_token: float = 0.0
    end: str = "stop"
    text: str = ""
    usage: Mapping[str, object] | None = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """The code with which it fails, empty if it does not."""
        return self.end.removeprefix("failed:") if self.end.startswith("failed:") else ""


class ScriptBoard:
    """The scripts of the next calls; beyond these, `usual` holds. Thread-safe."""

    def __init__(self, usual: Script) -> None:
        self._usual = usual
        self._lock = threading.Lock()
        self._next: deque[tuple[Script, int]] = deque()

    def add(self, body: Mapping[str, object]) -> None:
        """Adds a script for the next `count` calls. Raises `ControlError`."""
        count = _integer(body, "count", 1, 1, MAX_COUNT)
        script = _script(body, self._usual)
        with self._lock:
            if len(self._next) >= MAX_SCRIPTED:
                raise ControlError(f"{MAX_SCRIPTED} scripts are waiting already")
            self._next.append((script, count))

    def take(self) -> Script:
        with self._lock:
            if not self._next:
                return self._usual
            script, left = self._next.popleft()
            if left > 1:
                self._next.appendleft((script, left - 1))
            return script

    def reset(self) -> None:
        with self._lock:
            self._next.clear()

    def waiting(self) -> int:
        """How many calls are scripted."""
        with self._lock:
            return sum(left for _, left in self._next)


def _script(body: Mapping[str, object], usual: Script) -> Script:
    known = {
        *("count", "output_tokens", "reasoning_tokens", "cached_tokens", "cache_write_tokens"),
        *("seconds_per_token", "end", "text", "usage"),
    }
    if unknown := body.keys() - known:
        raise ControlError(f"there is no {', '.join(sorted(unknown))}", sorted(known))
    end, text, usage = body.get("end", "stop"), body.get("text", ""), body.get("usage", {})
    if not isinstance(end, str) or not (end in ENDS or _FAILED.fullmatch(end)):
        raise ControlError("end is unknown", [*ENDS, "failed:<code>"])
    if not isinstance(text, str):
        raise ControlError("text must be a string")
    if usage is not None and not isinstance(usage, dict):
        raise ControlError("usage must be an object or null")
    return replace(
        usual,
        output_tokens=_integer(body, "output_tokens", usual.output_tokens, 0, MAX_TOKENS),
        reasoning_tokens=_integer(body, "reasoning_tokens", 0, 0, MAX_TOKENS),
        cached_tokens=_integer(body, "cached_tokens", 0, 0, MAX_TOKENS),
        cache_write_tokens=_integer(body, "cache_write_tokens", 0, 0, MAX_TOKENS),
        seconds_per_token=_seconds(body, usual.seconds_per_token),
        end=end,
        text=text,
        usage=usage,
    )


def _integer(
    body: Mapping[str, object], name: str, default: int, minimum: int, maximum: int
) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ControlError(f"{name} must be a whole number from {minimum} to {maximum}")
    return value


def _seconds(body: Mapping[str, object], default: float) -> float:
    value = body.get("seconds_per_token", default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ControlError("seconds_per_token must be a number")
    if not 0 <= value <= MAX_SECONDS:
        raise ControlError(f"seconds_per_token must be from 0 to {MAX_SECONDS:.0f}")
    return float(value)
