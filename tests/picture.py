"""Draws parts of the output of a real `make demo` as `docs/images/demo.svg`: `make picture`."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"
COMMAND = (sys.executable, "-m", "devstack", "demo")
MAX_SECONDS = 120
SHOWN_STEPS = ("3", "12", "14", "15")
COLUMNS = 104
GAP = "⋮"

_STYLED = re.compile(r"\x1b\[(\d+)m([^\x1b]*)")
_STEP = re.compile(r"\x1b\[1m(\d+)\. ")
_LINE_HEIGHT, _CHARACTER_WIDTH, _MARGIN = 19, 7.83, 20
_STYLE = (
    "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "fill:#d4d7dd;white-space:pre}.s1{font-weight:700;fill:#fff}.s32,.c{fill:#7ee787}"
    ".s33{fill:#f2cc60}.s36{fill:#79c0ff}.s90,.g{fill:#8b949e}"
)


def demo_output() -> list[str]:
    """Returns the demo's output as a terminal shows it, colours included. Raises
    `CalledProcessError`."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(COMMAND, stdout=terminal, cwd=PICTURE.parents[2]) as demo:
        os.close(terminal)
        output = b"".join(_chunks(controller))
        if demo.wait(MAX_SECONDS) != 0:
            raise subprocess.CalledProcessError(demo.returncode, COMMAND, output)
    return output.decode().replace("\r\n", "\n").splitlines()


def _chunks(controller: int) -> Iterator[bytes]:
    """Linux reports a closed terminal as an I/O error, other systems as an end of file."""
    try:
        while chunk := os.read(controller, 4096):
            yield chunk
    except OSError:
        return


def excerpt(lines: list[str]) -> list[str]:
    """Returns the steps worth showing and the summary, with a mark wherever something is left
    out."""
    step, marked = "", []
    for line in lines:
        found = _STEP.match(line)
        step = found[1] if found else step
        marked.append((step in SHOWN_STEPS, line))
    shown = ["$ make demo"]
    for is_shown, group in groupby(marked, key=lambda pair: pair[0]):
        shown += [line for _, line in group] if is_shown else [GAP, ""]
    return shown


def svg(lines: list[str]) -> str:
    width = round(COLUMNS * _CHARACTER_WIDTH) + 2 * _MARGIN
    height = len(lines) * _LINE_HEIGHT + 2 * _MARGIN
    rows = [
        f'<text x="{_MARGIN}" y="{_MARGIN + (number + 1) * _LINE_HEIGHT - 5}"{_class_of(line)}>'
        f"{_marked_up(line)}</text>"
        for number, line in enumerate(lines)
        if line
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' role="img" aria-label="Output of make demo"><style>{_STYLE}</style>'
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>'
    )
    return "\n".join([head, *rows, "</svg>\n"])


def _class_of(line: str) -> str:
    if line.startswith("$"):
        return ' class="c"'
    return ' class="g"' if line == GAP else ""


def _marked_up(line: str) -> str:
    """The line with a `tspan` for each style, cut to the width of the picture."""
    parts, left = [], COLUMNS
    for style, text in _styled(line):
        shown = text if len(text) <= left else text[: left - 1] + "…"
        left -= len(shown)
        marked_up = escape(shown, quote=False)
        parts.append(f'<tspan class="s{style}">{marked_up}</tspan>' if style else marked_up)
        if left == 0:
            break
    return "".join(parts)


def _styled(line: str) -> Iterator[tuple[str, str]]:
    """Yields the parts of the line that are not empty, each with its style (empty: plain)."""
    for style, text in _STYLED.findall(f"\x1b[0m{line}"):
        if text:
            yield "" if style == "0" else style, text


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg(excerpt(demo_output())), encoding="utf-8")
