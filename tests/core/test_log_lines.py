"""Log lines for a terminal: short, with the status first."""

from typing import Any

import pytest

from service.core.log_lines import readable

AT = "2026-11-29T12:03:41.123456Z"
JOB = "job_01m8hz23m44nm7szy60kbsvecp"


def request(**facts: Any) -> dict[str, Any]:
    return {
        "timestamp": AT,
        "level": "info",
        "event": "request",
        "request_id": "req_01m8hz23m44nm7szy60kbsvecq",
        "method": "POST",
        "route": "/videos",
        "status": 200,
        "milliseconds": 34.6,
        **facts,
    }


def test_a_request_begins_with_its_status_and_ends_with_its_job() -> None:
    shown = readable(request(job_id=JOB), colours=False)
    assert shown == f"200 12:03:41 POST /videos 35 ms {JOB}"


def test_a_request_without_a_job_is_named_by_its_own_id() -> None:
    shown = readable(request(status=403, code="INSUFFICIENT_CREDITS"), colours=False)
    assert shown == (
        "403 12:03:41 POST /videos 35 ms INSUFFICIENT_CREDITS req_01m8hz23m44nm7szy60kbsvecq"
    )


def test_another_line_begins_with_its_level() -> None:
    event = {"timestamp": AT, "level": "warning", "event": "provider_silent", "job_id": JOB}
    assert readable(event, colours=False) == f"WARNING 12:03:41 provider_silent job_id={JOB}"


@pytest.mark.parametrize("length", [1, 60, 1000])
def test_a_line_fits_the_width(length: int) -> None:
    for event in (request(note="x" * length), {"event": "x", "note": ["y" * length]}):
        assert len(readable(event, colours=False, width=88)) <= 88


@pytest.mark.parametrize(
    ("facts", "colour"),
    [
        ({"status": 200}, "32"),
        ({"status": 404}, "33"),
        ({"status": 503}, "31"),
        ({"status": 200, "route": "/callbacks/<provider>/<token>"}, "2"),
        ({"status": 200, "route": "/health/ready"}, "2"),
        ({"status": 503, "route": "/health/ready"}, "31"),
    ],
)
def test_a_request_is_coloured_by_its_status(facts: dict[str, Any], colour: str) -> None:
    assert readable(request(**facts), colours=True).startswith(f"\x1b[{colour}m{facts['status']} ")


@pytest.mark.parametrize(
    ("level", "colour"), [("error", "31"), ("warning", "33"), ("debug", "2"), ("info", "")]
)
def test_another_line_is_coloured_by_its_level(level: str, colour: str) -> None:
    shown = readable({"level": level, "event": "x"}, colours=True)
    assert shown.startswith(f"\x1b[{colour}m" if colour else "INFO x")


def test_an_exception_follows_whole() -> None:
    trace = "Traceback …\n" + "z" * 300
    assert readable({"event": "broke", "exception": trace}, colours=False).endswith(f"\n{trace}")
