"""A `python3` for the release scripts that is cheap to start: they start it twenty times for a
deployment, which would be nearly all the time that a test of one takes."""

import atexit
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path


def plain_python(folder: Path) -> None:
    """Puts the command into the folder, found at once whatever chooses between several versions on
    this machine."""
    command = folder / "python3"
    text = _COMMAND.format(python=Path(sys.executable).resolve(), kept=_kept())
    command.write_text(text, encoding="utf-8")
    command.chmod(0o755)


@lru_cache(maxsize=1)
def _kept() -> Path:
    """The folder for what this process has had printed."""
    folder = Path(tempfile.mkdtemp(prefix="farebox-printed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# Without installed packages (-S), of which the scripts use none: to search for them takes most of
# the time in which Python starts. What three of the scripts print follows from their own text,
# their arguments (of a file its name and content, of a template also those of its parts and of the
# parameters next to it) and their input: it is printed once for each, and then copied. What fails
# is not kept.
_COMMAND = """#!/bin/bash
case ${{1##*/}} in
    join.py | parameters.py | rules.py) type sha256sum >/dev/null || exec {python} -S "$@" ;;
    *) exec {python} -S "$@" ;;
esac
files=() sums= input=
for word; do
    if [ -f "$word" ]; then files+=("$word"); fi
    case $word in *.yaml) [ -f "$word" ] || files+=("${{word%.yaml}}"/*.yaml) ;; esac
    if [ -f "${{word%.yaml}}.json" ]; then files+=("${{word%.yaml}}.json"); fi
done
while read -r sum name; do sums+="$sum ${{name##*/}} "; done < <(sha256sum "${{files[@]}}")
if [ "${{1##*/}}" = parameters.py ]; then
    IFS= read -r -d '' input || :
    exec < <(printf %s "$input")
fi
key=$(printf '%s\\0' "${{@##*/}}" "$sums" "$input" | sha256sum)
kept={kept}/${{key%% *}}
if [ ! -e "$kept" ]; then
    {python} -S "$@" >"$kept.$$" || {{ code=$?; cat "$kept.$$"; exit "$code"; }}
    mv "$kept.$$" "$kept"
fi
exec cat "$kept"
"""
