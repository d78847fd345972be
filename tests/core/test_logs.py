import io
import json
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from service.core.logs import MAX_TEXT, MAX_TRACEBACK, REDACTED, configure

TOUCHED = (
    "boto3",
    "botocore",
    "flask_cors",
    "gunicorn.access",
    "gunicorn.error",
    "urllib3",
    "websockets",
    "websockets.client",
    "werkzeug",
)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMTAifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging belongs to the whole process: puts back what the test has changed."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    touched = {name: logging.getLogger(name) for name in TOUCHED}
    before = {
        name: (logger.handlers, logger.propagate, logger.level) for name, logger in touched.items()
    }
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, logger in touched.items():
        logger.handlers, logger.propagate, level = before[name]
        logger.setLevel(level)
    logging.captureWarnings(False)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def out() -> io.StringIO:
    structlog.contextvars.clear_contextvars()
    out = io.StringIO()
    configure("INFO", "json", out)
    return out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def one(out: io.StringIO) -> dict[str, Any]:
    [line] = lines(out)
    return line


def test_a_line_is_one_json_object_with_time_and_level_in_front(out: io.StringIO) -> None:
    structlog.get_logger().warning("job_released", job_id="job_1", credits=1)
    line = one(out)
    assert list(line) == ["timestamp", "level", "event", "job_id", "credits"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {"level": "warning", "event": "job_released", "job_id": "job_1", "credits": 1}


def test_the_standard_library_s_loggers_speak_the_same_way(out: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_1")
    logging.getLogger("botocore.retries").warning("Retry needed, %s", "again")
    line = one(out)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["level"], line["event"], line["logger"]) == (
        "warning",
        "Retry needed, again",
        "botocore.retries",
    )
    assert line["request_id"] == "req_1"


def test_the_request_s_id_is_on_every_line(out: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_1")
    structlog.get_logger().info("a")
    structlog.get_logger().info("b")
    assert [line["request_id"] for line in lines(out)] == ["req_1", "req_1"]


def test_loggers_with_handlers_of_their_own_lose_them() -> None:
    before = io.StringIO()
    own = logging.StreamHandler(before)
    for name in ("gunicorn.error", "werkzeug"):
        logging.getLogger(name).handlers = [own]
        logging.getLogger(name).propagate = False
    out = io.StringIO()
    configure("INFO", "json", out)
    for name in ("gunicorn.error", "werkzeug"):
        logging.getLogger(name).warning("worker exiting")
    assert [line["logger"] for line in lines(out)] == ["gunicorn.error", "werkzeug"]
    assert before.getvalue() == ""


def test_setting_up_twice_does_not_say_things_twice(out: io.StringIO) -> None:
    configure("INFO", "json", out)
    logging.getLogger("x").warning("once")
    structlog.get_logger().info("once")
    assert len(lines(out)) == 2


def test_what_is_below_the_level_is_not_said() -> None:
    out = io.StringIO()
    configure("WARNING", "json", out)
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    assert out.getvalue() == ""


def test_loggers_that_show_headers_and_bodies_stay_quiet_even_when_debugging() -> None:
    out = io.StringIO()
    configure("DEBUG", "json", out)
    for name in (
        "botocore.endpoint",
        "urllib3.connectionpool",
        "werkzeug",
        "flask_cors.core",
        "gunicorn.access",
        "boto3",
    ):
        logging.getLogger(name).debug("headers: …")
        logging.getLogger(name).info("POST /callbacks/kling/… 200")
    structlog.get_logger().debug("ours")
    assert [line["event"] for line in lines(out)] == ["ours"]


def test_a_raised_level_holds_for_the_talkative_too() -> None:
    out = io.StringIO()
    configure("ERROR", "json", out)
    logging.getLogger("botocore").warning("quiet")
    assert out.getvalue() == ""


def test_warnings_are_logged_like_the_rest(out: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old\nthing", DeprecationWarning, stacklevel=1)
    line = one(out)
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "id_token",
        "nextToken",
        "Authorization",
        "authorization_header",
        "api_key",
        "idempotencyKey",
        "key",
        "secret",
        "client_secret",
        "password",
        "prompt",
        "prompt_text",
        "Fingerprint",
        "fingerprints",
        "cookie",
        "pepper",
        "mac_key",
        "signature",
        "credentials",
        "google_id",
        "GoogleID",
        "email",
    ],
)
def test_whatever_is_named_like_a_secret_is_not_shown(out: io.StringIO, name: str) -> None:
    structlog.get_logger().info(
        "x", **{name: "hunter2", "inner": {name: ["hunter2"], "list": [{name: "hunter2"}]}}
    )
    assert "hunter2" not in out.getvalue()
    line = one(out)
    assert line[name] == line["inner"][name] == line["inner"]["list"][0][name] == REDACTED


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        "Bearer abcdefgh12345",
        "bearer abcdefgh12345",
        "Basic dXNlcjpwYXNz",
        "gAAAAABmZm9vYmFyZm9vYmFyZm9vYmFy",
        "whsec_c2VjcmV0",
        "sk_live_abc123",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_whatever_resembles_a_secret_is_not_shown(out: io.StringIO, secret: str) -> None:
    structlog.get_logger().info(
        f"got {secret}", path=f"/callbacks/{secret}", parts=[secret], error=ValueError(secret)
    )
    logging.getLogger("x").warning("got %s", secret)
    try:
        raise ValueError(f"bad {secret}")
    except ValueError:
        structlog.get_logger().exception("broke")
    assert secret.split()[-1] not in out.getvalue()
    assert out.getvalue().count(REDACTED) == 6


INJECTIONS = [
    "a\nb",
    "a\r\nb",
    "a\x1b[31mb",
    "a\x00b",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "a\x7fb",
    "a\ud800b",
]


@pytest.mark.parametrize("style", ["json", "pretty"])
@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
def test_no_text_can_forge_a_line_or_steer_a_terminal(style: str, text: str) -> None:
    out = io.StringIO()
    configure("INFO", style, out)
    structlog.get_logger().info(text, value=text, parts=[text], named={text: text})
    logging.getLogger("x").warning("%s", text)
    shown = out.getvalue()
    assert len(shown.splitlines()) == shown.count("\n") == 2
    assert all(" " <= character <= "~" for line in shown.splitlines() for character in line)
    if style == "json":
        assert all(text not in str(line) for line in lines(out))


def test_a_trace_is_logged_on_one_line_without_the_values_of_variables(out: io.StringIO) -> None:
    password = "hunter2"
    try:
        raise ValueError("broken\x1b[31m")
    except ValueError:
        structlog.get_logger().exception("broke", number=len(password))
    line = one(out)
    assert line["level"] == "error"
    assert "Traceback" in line["exception"]
    assert "test_logs.py" in line["exception"]
    assert line["exception"].endswith("ValueError: broken\\x1b[31m")
    assert "\n" in line["exception"]
    assert len(re.findall("hunter2", line["exception"])) == 0


def test_a_pretty_trace_is_plain(out: io.StringIO) -> None:
    pretty = io.StringIO()
    configure("INFO", "pretty", pretty)
    password = "hunter2"
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger().exception("broke")
    assert "ValueError: 7" in pretty.getvalue()
    assert "hunter2" not in pretty.getvalue()
    assert "\x1b" not in pretty.getvalue()


def test_colours_are_for_terminals_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    configure("INFO", "pretty", out)
    structlog.get_logger().warning("hello")
    assert "\x1b[" in out.getvalue()


def test_nothing_grows_without_bound(out: io.StringIO) -> None:
    deep: list[Any] = []
    deep.append(deep)
    structlog.get_logger().info(
        "e" * 10**6,
        text="x" * 10**6,
        many=list(range(10**4)),
        deep=deep,
        names={str(n): n for n in range(99)},
    )
    line = one(out)
    assert len(line["event"]) == len(line["text"]) == MAX_TEXT + 1
    assert len(line["many"]) == len(line["names"]) == 50
    assert line["deep"] == [[[["…"]]]]
    try:
        raise ValueError("x" * 10**6)
    except ValueError:
        structlog.get_logger().exception("broke")
    assert len(lines(out)[1]["exception"]) == MAX_TRACEBACK


def test_objects_are_logged_by_their_class_alone(out: io.StringIO) -> None:
    class Order:
        def __repr__(self) -> str:
            return "Order(prompt='hunter2')"

    structlog.get_logger().info(
        "x", order=Order(), orders=[Order()], raw=b"hunter2", none=None, yes=True, half=0.5
    )
    line = one(out)
    assert (line["order"], line["orders"], line["raw"]) == ("<Order>", ["<Order>"], "<bytes>")
    assert (line["none"], line["yes"], line["half"]) == (None, True, 0.5)


def test_lines_of_many_threads_stay_whole(out: io.StringIO) -> None:
    def speak(number: int) -> None:
        for _ in range(50):
            structlog.get_logger().info("x", number=number, text="y" * 500)
            logging.getLogger("z").warning("z")

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(out)) == 800


@pytest.mark.parametrize("style", ["json", "pretty"])
def test_a_stream_that_cannot_be_written_stops_no_one(style: str) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    configure("INFO", style, Full())
    structlog.get_logger().info("answered")
    logging.getLogger("other").warning("answered")


def test_what_the_live_socket_sends_is_not_logged_at_the_lowest_level() -> None:
    """Its library logs the header with the key, and every word."""
    out = io.StringIO()
    configure("DEBUG", "json", out)
    logging.getLogger("websockets.client").debug("> Authorization: %s", "0123456789abcdef")
    logging.getLogger("asyncio").debug("Using selector: %s", "EpollSelector")
    assert out.getvalue() == ""
