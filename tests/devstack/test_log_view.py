"""The logs of a local stack: readable in the terminal, whole in a file."""

import io
import json
from pathlib import Path

import pytest

from devstack import log_view
from devstack.log_view import LogView, find_in_log, readable_line
from devstack.terminal import Terminal

JOB = "job_01m8hz23m44nm7szy60kbsvecp"
REQUEST = json.dumps(
    {
        "timestamp": "2026-11-29T12:03:41.123456Z",
        "level": "info",
        "event": "request",
        "request_id": "req_1",
        "method": "POST",
        "route": "/videos",
        "status": 200,
        "milliseconds": 34.6,
        "job_id": JOB,
    }
)


def test_a_line_of_the_service_is_readable_and_fits_the_terminal() -> None:
    terminal, file = io.StringIO(), io.StringIO()
    say = LogView(Terminal(terminal), file).relay("web")
    say(REQUEST)
    say(json.dumps({"event": "x" * 300}))
    first, second = terminal.getvalue().splitlines()
    assert first == f"web       | 200 12:03:41 POST /videos 35 ms {JOB}"
    assert len(second) == 100
    assert file.getvalue().startswith(f"web {REQUEST}\n")


@pytest.mark.parametrize("line", ["Listening on 8000", "{not json", "[1]", "", "{}x"])
def test_any_other_line_is_shown_as_it_is(line: str) -> None:
    assert readable_line(line) == line


def test_metrics_are_not_shown() -> None:
    terminal, file = io.StringIO(), io.StringIO()
    LogView(Terminal(terminal), file).relay("web")(json.dumps({"_aws": {}, "Requests": 1}))
    assert (terminal.getvalue(), file.getvalue()) == ("", "")


def test_the_file_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_view, "MAX_FILE_BYTES", 25)
    terminal, file = io.StringIO(), io.StringIO()
    say = LogView(Terminal(terminal), file).relay("web")
    for number in range(5):
        say(f"line {number}")
    assert file.getvalue() == "web line 0\nweb line 1\n"
    assert "line 4" in terminal.getvalue()


def test_a_file_that_cannot_be_written_stops_no_line() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    terminal = io.StringIO()
    say = LogView(Terminal(terminal), Full()).relay("web")
    say("one")
    say("two")
    assert terminal.getvalue() == "web       | one\nweb       | two\n"


def test_an_id_leads_to_the_lines_of_its_job(tmp_path: Path) -> None:
    worker = json.dumps({"event": "settled", "job_id": JOB})
    other = json.dumps({"event": "request", "request_id": "req_2"})
    file = tmp_path / "stack.log"
    file.write_text(f"web {other}\nweb {REQUEST}\nworker {worker}\n", encoding="utf-8")
    said: list[str] = []
    assert find_in_log(file, "req_1", said.append) == (JOB,)
    assert said == [f"web {REQUEST}", f"worker {worker}"]


def test_without_a_log_nothing_is_found(tmp_path: Path) -> None:
    assert find_in_log(tmp_path / "stack.log", "req_1", pytest.fail) == ()
