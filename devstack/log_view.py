"""What the processes log: whole in a file, readable in the terminal."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from devstack.terminal import NAME_COLUMNS, Say, Terminal
from service.core.log_lines import WIDTH, readable

MAX_FILE_BYTES = 20_000_000
_METRICS = "_aws"
_JOB_ID = re.compile(r"\bjob_[0-9a-z]{26}\b")


def readable_line(line: str, *, colours: bool = False) -> str | None:
    """A JSON line of the service made readable, any other line as it is. None for metrics, which
    nothing here collects."""
    try:
        event = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return line
    if not isinstance(event, Mapping):
        return line
    if _METRICS in event:
        return None
    return readable(event, colours=colours, width=WIDTH - NAME_COLUMNS)


class LogView:
    """Lines of several processes, each under its name. `file` receives them as they came, until it
    has `MAX_FILE_BYTES`."""

    def __init__(self, terminal: Terminal, file: TextIO | None = None) -> None:
        self._terminal = terminal
        self._file = file
        self._left_bytes = MAX_FILE_BYTES

    def relay(self, name: str) -> Say:
        """Returns a `Say` for the lines of the process of that name."""
        show = self._terminal.relay(name)

        def say(line: str) -> None:
            shown = readable_line(line, colours=self._terminal.coloured)
            if shown is None:
                return
            self._keep(f"{name} {line}\n")
            for part in shown.splitlines() or [""]:
                show(part)

        return say

    def _keep(self, text: str) -> None:
        self._left_bytes -= len(text.encode())
        if self._file is None or self._left_bytes < 0:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):
            self._file = None


def find_in_log(file: Path, wanted: str, say: Say) -> tuple[str, ...]:
    """Says every line that names the id or, where such a line names a job, that job. Returns the
    ids of these jobs, in the order of the log."""
    ids = {wanted} | {job_id for line in _lines(file) if wanted in line for job_id in _job(line)}
    named = [line for line in _lines(file) if any(each in line for each in ids)]
    for line in named:
        say(line)
    return tuple(dict.fromkeys(job_id for line in named for job_id in _job(line)))


def _lines(file: Path) -> Iterator[str]:
    """Nothing if there is no such file."""
    with suppress(FileNotFoundError), file.open(encoding="utf-8") as lines:
        for line in lines:
            yield line.rstrip("\n")


def _job(line: str) -> list[str]:
    return _JOB_ID.findall(line)
