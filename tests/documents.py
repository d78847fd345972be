"""What follows from the code: tables in `docs/`, `.env.example`, the settings in compose.

`make documents` writes them; `tests/architecture/test_documents.py` fails when they are stale."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import service
from devstack.environment import stack_environment
from devstack.ports import Ports
from service.app import FEATURES, sections
from service.core.errors import FareboxError
from service.core.settings import Secret
from service.feature import key_registry
from service.live.entities import SOCKET_ERRORS
from service.settings import declared
from service.videos.entities import FAILURES
from service.web.errors import status_of
from service.web.openapi.errors import catalogue
from tests.infrastructure.bill import idle_costs, idle_table
from tests.protocol.marked import table as rule_table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
EXAMPLE = ROOT / ".env.example"
COMPOSE = ROOT / "docker-compose.yml"
IDLE_COSTS = ROOT / "release" / "idle_costs.json"
_COMPOSE_KEYS = {
    "FINGERPRINT_PEPPERS": "1:local-pepper-that-is-worth-nothing-elsewhere",
    "LEDGER_MAC_KEY": "local-ledger-key-that-is-worth-nothing-elsewhere",
    "CALLBACK_TOKEN_KEYS": "local-callback-key-that-is-worth-nothing-elsewhere",
    "ACCESS_TOKEN_KEYS": "local:bG9jYWwtYWNjZXNzLXRva2VuLWtleS1uby1zZWNyZXQ",
    "OPERATOR_KEYS": "local:hmac-sha256:local-operator-key-that-is-worth-nothing-elsewhere",
}
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
_OUTSIDE = "service.wsgi"


def errors() -> list[type[FareboxError]]:
    """Every error with a code of its own that a response may carry, by status and code."""
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.startswith(_OUTSIDE):
            importlib.import_module(module.name)
    ours = (error for error in _subclasses(FareboxError) if error.__module__.startswith("service."))
    named = {error for error in ours if "code" in vars(error)} - set(SOCKET_ERRORS)
    return sorted(named, key=lambda error: (status_of(error), error.code))


def _subclasses(kind: type[FareboxError]) -> Iterator[type[FareboxError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def error_table() -> str:
    rows = [
        f"| {error['status']} | `{error['code']}` | {error['meaning']} | {error['advice']} |"
        for error in catalogue(errors())
    ]
    rows = [row.replace("<", "&lt;") for row in rows]
    return "\n".join(["| status | code | meaning | what to do |", "|---|---|---|---|", *rows])


def failure_table() -> str:
    rows = [
        f"| `{failure}` | {message} |"
        for failure, message in sorted((code, text.message) for code, text in FAILURES.items())
    ]
    return "\n".join(["| code | message |", "|---|---|", *rows])


def item_table() -> str:
    rows = [
        f"| {kind.name} | {kind.owner} | `{kind.pk}` | `{kind.sk}` | {kind.index} | "
        f"{kind.description} |"
        for kind in key_registry(FEATURES).items
    ]
    head = "| item | owner | PK | SK | index | what it is |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def settings_table() -> str:
    rows = [f"| `{name}` | {default} | {text} |" for name, default, text in _settings()]
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


def env_example() -> str:
    lines = [
        "# Every setting of the service with its default. See docs/settings.md.",
        "# Copy it to `.env` and uncomment what you change: a copy alone changes nothing.",
        "# `make run` and `docker compose up` read it, with other defaults, for one machine.",
        "",
    ]
    for name, default, text in _settings():
        lines += [f"# {text}", f"#{name}={default.strip('`')}", ""]
    return "\n".join(lines)


def _settings() -> Iterator[tuple[str, str, str]]:
    for setting in declared(sections()):
        yield setting.name.upper(), _shown(setting.default), str(setting.metadata["description"])
    yield from SERVER_SETTINGS


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    if default in ((), "", None, Secret()):
        return ""
    return f"`{default}`"


_SIMULATORS_IN_BROWSER = "http://127.0.0.1:${SIMULATOR_PORT:-8090}"


class _ComposePorts(Ports):
    """The addresses of the stack as its containers reach each other."""

    def __init__(self) -> None:
        super().__init__(app=8080, dynamodb=8000, simulators=8090, relay=8080, sockets=8095)

    @property
    def app_url(self) -> str:
        return "http://127.0.0.1:${PORT:-8080}"

    @property
    def sockets_url(self) -> str:
        return "ws://simulators:8095"

    @property
    def dynamodb_url(self) -> str:
        return "http://dynamodb:8000"

    @property
    def simulators_url(self) -> str:
        return "http://simulators:8090"


def compose_settings() -> str:
    """Every setting with the local default of the embedded stack, a block for each section. Some
    differ: the browser reaches the simulators by another address, and the keys are constants."""
    local = stack_environment({}, _ComposePorts(), _COMPOSE_KEYS)
    for name in ("LOCAL_TOKEN_URL", "LOCAL_START_URL", "APP_URL"):
        local[name] = local[name].replace(_ComposePorts().simulators_url, _SIMULATORS_IN_BROWSER)
    local["LIVE_URL"] = "ws://127.0.0.1:${LIVE_PORT:-8085}/transcriptions/stream"
    local["LIVE_HOST"] = "0.0.0.0"
    local["UPLOADS_PUBLIC_URL"] = f"{_SIMULATORS_IN_BROWSER}/s3"
    lines = []
    for kind in sections():
        names = [each.name.upper() for each in declared([kind])]
        lines += [f"  # {kind.__name__.removesuffix('Settings')}"]
        lines += [
            f"  {name}: ${{{name}:-{local.get(name, '')}}}"
            for name in names
            if name not in ("PORT", "LIVE_PORT")
        ]
    return "\n".join(lines)


def compose() -> str:
    """docker-compose.yml with its settings as they should be."""
    text = COMPOSE.read_text(encoding="utf-8")
    start, end = text.index("  # <settings>\n"), text.index("  # </settings>\n")
    return f"{text[:start]}  # <settings>\n{compose_settings()}\n{text[end:]}"


GENERATED: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    DOCS / "errors.md": {"errors": error_table, "failures": failure_table},
    DOCS / "settings.md": {"settings": settings_table},
    DOCS / "data-model.md": {"entities": item_table},
    DOCS / "reliability.md": {"rules": rule_table},
    DOCS / "runbook.md": {"idle": idle_table},
}
"""The generated blocks of each document, each between `<!-- name -->` and `<!-- /name -->`."""


def with_blocks(path: Path) -> str:
    """Returns the document with its generated blocks as they should be. Raises `ValueError` if one
    is not marked."""
    text = path.read_text(encoding="utf-8")
    for name, table in GENERATED[path].items():
        start, end = text.index(f"<!-- {name} -->"), text.index(f"<!-- /{name} -->")
        text = f"{text[:start]}<!-- {name} -->\n{table()}\n{text[end:]}"
    return text


if __name__ == "__main__":
    for document in GENERATED:
        document.write_text(with_blocks(document), encoding="utf-8")
    EXAMPLE.write_text(env_example(), encoding="utf-8")
    IDLE_COSTS.write_text(idle_costs(), encoding="utf-8")
    COMPOSE.write_text(compose(), encoding="utf-8")
