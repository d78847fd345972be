"""Logs: one JSON object per line, in UTC, with the request's id on every line, or plain lines for a
developer's terminal.

Tokens, keys, fingerprints and e-mail addresses are redacted and control characters escaped here, so
that a careless log call cannot leak a credential or forge a line."""

import contextlib
import logging
import re
import sys
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.core.log_lines import readable

REDACTED = "[redacted]"
MAX_TEXT = 1_000
MAX_TRACEBACK = 8_000
MAX_PARTS = 50
DEEPEST = 4

_SECRET_NAME = re.compile(
    "token|secret|passw|authorization|cookie|credential|fingerprint|prompt|pepper|"
    "signature|key|google_?id|e-?mail",
    re.I,
)
_SECRET_TEXT = re.compile(
    r"eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"  # a JSON Web Token
    r"|gAAAA[\w-]{20,}"  # a sealed token
    r"|\bsk_[0-9a-z]{26}_[\w-]+"  # a server key
    r"|whsec_\S+|\b[rs]k_(?:live|test)_\w+|\bA(?:KI|SI)A[0-9A-Z]{16}\b"
    r"|\b(?:bearer|basic)\s+[\w.~+/=-]{8,}",
    re.I,
)
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_TRACEBACK = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

# These log whole requests, headers and addresses at lower levels.
_TALKATIVE = (
    *("asyncio", "boto3", "botocore", "flask_cors", "gunicorn.access", "stripe", "urllib3"),
    *("websockets", "werkzeug"),
)
_WITH_OWN_HANDLERS = ("gunicorn.access", "gunicorn.error", "werkzeug")


def configure(level: str, style: str, out: TextIO | None = None) -> None:
    """Sends the process's logs to `out` (standard output by default), from `level` up, whoever
    writes them.

    `style` is `json` or `pretty` (coloured on a terminal). May be called again; a web process under
    gunicorn calls it after gunicorn has set up its own loggers."""
    out = typing.cast("TextIO", _Steadfast(out or sys.stdout))
    steps = _steps()
    render = _pretty(out) if style == "pretty" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*steps, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _route_standard_library(level, out, steps, render)


class _Steadfast:
    """A stream whose failures (a full disk, a closed pipe) are ignored: a response matters more
    than its log line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._out.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()


def _steps() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        tidy,
    ]


def _pretty(out: TextIO) -> Processor:
    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        del logger, method
        return readable(event, colours=out.isatty())

    return render


def _route_standard_library(
    level: str, out: TextIO, steps: list[Processor], render: Processor
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *steps],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _WITH_OWN_HANDLERS:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def tidy(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The event with time, level and name in front; secrets redacted by name and by look, control
    characters written out, lengths bounded, objects reduced to the name of their class."""
    del logger, method
    traceback = event.pop("exception", None)
    first = {name: event.pop(name) for name in ("timestamp", "level") if name in event}
    shown = first | {"event": _clean(event.pop("event", ""), 0)} | _clean_mapping(event, 0)
    if traceback:
        shown["exception"] = _clean_text(str(traceback)[-MAX_TRACEBACK:], _UNSAFE_IN_TRACEBACK)
    return shown


def _clean_mapping(content: Mapping[Any, object], depth: int) -> dict[str, object]:
    pairs = list(content.items())[:MAX_PARTS]
    return {
        _shown(str(name)): REDACTED if _SECRET_NAME.search(str(name)) else _clean(value, depth)
        for name, value in pairs
    }


def _clean(value: object, depth: int) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _shown(value)
        case _ if depth >= DEEPEST:
            return "…"
        case Mapping():
            return _clean_mapping(value, depth + 1)
        case list() | tuple() | set() | frozenset():
            return _clean_all(value, depth + 1)
        case BaseException():
            return f"{type(value).__name__}: {_shown(str(value))}"
        case _:
            return f"<{type(value).__name__}>"


def _clean_all(values: Iterable[object], depth: int) -> list[object]:
    return [_clean(value, depth) for value in list(values)[:MAX_PARTS]]


def _shown(text: str) -> str:
    return _clean_text(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…", _UNSAFE)


def _clean_text(text: str, unsafe: re.Pattern[str]) -> str:
    text = _SECRET_TEXT.sub(REDACTED, text)
    return text if text.isprintable() else unsafe.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
