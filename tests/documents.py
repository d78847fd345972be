"""The parts of the documents that follow from the code: tables of errors and settings in the
README, and `.env.example`.

`make documents` writes them; `tests/architecture/test_documents.py` fails when they are stale."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import service
from service.core.errors import FareboxError
from service.settings import Secret, Settings
from service.web.errors import status_of

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
EXAMPLE = ROOT / ".env.example"
# Read by gunicorn's own configuration (docker/gunicorn.conf.py), before there is a service.
SERVER_SETTINGS = (
    ("HOST", "`127.0.0.1`", "address the web process listens on; 0.0.0.0 in the container"),
    ("WEB_CONCURRENCY", "`2`", "web processes"),
    (
        "DRAIN_SECONDS",
        "`15`",
        "how long a stopping web process still serves, not ready any more; 0: not at all",
    ),
)
_OUTSIDE = ("devstack.simulators", "devstack", "service.wsgi")


def errors() -> list[type[FareboxError]]:
    """Every error with a code of its own, by status and code."""
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.startswith(_OUTSIDE):
            importlib.import_module(module.name)
    ours = (error for error in _subclasses(FareboxError) if error.__module__.startswith("service."))
    named = {error for error in ours if "code" in vars(error)}
    return sorted(named, key=lambda error: (status_of(error), error.code))


def _subclasses(kind: type[FareboxError]) -> Iterator[type[FareboxError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def error_table() -> str:
    rows = [f"| {status_of(error)} | `{error.code}` | {error.summary} |" for error in errors()]
    return "\n".join(["| status | code | meaning |", "|---|---|---|", *rows])


def settings_table() -> str:
    rows = [f"| `{name}` | {default} | {text} |" for name, default, text in _settings()]
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


def env_example() -> str:
    lines = [
        "# Every setting of the service with its default. Empty: not set. What each must keep: README, Configuration.",
        "",
    ]
    for name, default, text in _settings():
        lines += [f"# {text}", f"{name}={default.strip('`')}", ""]
    return "\n".join(lines)


def _settings() -> Iterator[tuple[str, str, str]]:
    for setting in fields(Settings):
        yield setting.name.upper(), _shown(setting.default), str(setting.metadata["help"])
    yield from SERVER_SETTINGS


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    if default in ((), "", Secret()):
        return ""
    return f"`{default}`"


def readme() -> str:
    """The README with its tables as they should be."""
    text = README.read_text(encoding="utf-8")
    for name, table in (("errors", error_table()), ("settings", settings_table())):
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}\n{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
    EXAMPLE.write_text(env_example(), encoding="utf-8")
