"""Imports point down, and each outside system has one adapter."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.feature_files import EXTRA, USES_EXTRA, USUAL, WIRING
from tests.architecture.files_across import ACROSS, EXTRA_ACROSS

SERVICE = Path(__file__).parents[2] / "service"
DEVSTACK = SERVICE.parent / "devstack"

ENTRIES = {"wsgi", "worker", "relay", "cli"}
# Upper layers may import lower ones; packages of one layer do not know each other.
LAYERS = [
    ENTRIES,
    {"app"},
    {"admin"},
    {"repair"},
    {"audit", "finance"},
    {"live", "compatible", "catch_up"},
    {"videos", "transcription", "text", "analytics"},
    {"jobs", "billing", "promo_codes", "bulk_grants"},
    {"accounts", "erasure"},
    {"passwords"},
    {"sessions"},
    {"notifications", "entitlements"},
    {"users", "server_keys", "uploads"},
    {"ledger", "catalog", "providers", "identity", "encryption", "passkeys", "results"},
    {"feature"},
    {"web"},
    {"storage", "settings"},
    {"outbound", "media"},
    {"core"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FEATURES = {each for names in LAYERS[2:14] for each in names} - {"providers"}

# Who may import what from outside, by its first name.
DOORS = {
    "boto3": {
        *("storage/secrets.py", "storage/objects.py", "storage/kms.py"),
        "storage/media_bucket.py",
        "notifications/mail_sender.py",
        "erasure/user_pool.py",
    },
    "botocore": {
        *("storage/dynamodb.py", "storage/credentials.py", "storage/signing.py"),
        *("storage/secrets.py", "storage/objects.py", "storage/kms.py"),
        "storage/media_bucket.py",
        "notifications/mail_sender.py",
        "erasure/user_pool.py",
    },
    "websockets": {
        *("live/sessions.py", "live/serving.py", "live/sockets.py"),
        "providers/assemblyai/streaming.py",
    },
    "stripe": {"billing/stripe_api.py", "billing/stripe_transport.py"},
    "webauthn": {"passkeys/ceremonies.py"},
    "os": {"settings.py"},
    "time": {"core/clock.py"},
    "datetime": {"core/clock.py", "core/days.py"},
    "random": {"app.py"},
    "click": {"cli.py", "feature.py"}
    | {
        f"admin/{name}_commands.py"
        for name in (
            *("campaign", "erasure", "passkey", "price", "purchase", "review", "stripe_event"),
            "support",
        )
    }
    | {"admin/webhook_commands.py", "admin/server_key_commands.py"}
    | {
        f"{feature}/commands.py"
        for feature in ("admin", "audit", "encryption", "finance", "jobs", "passwords")
    },
}


@dataclass(frozen=True)
class Import:
    file: Path
    line: int
    module: str

    @property
    def place(self) -> str:
        return str(self.file.relative_to(SERVICE))


def _files() -> list[Path]:
    return sorted(SERVICE.rglob("*.py"))


@cache
def _imports(file: Path) -> tuple[Import, ...]:
    return tuple(_imports_of(file))


def _imports_of(file: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield Import(file, node.lineno, f"{node.module}.{alias.name}")


def _ours() -> Iterator[tuple[Import, tuple[str, ...], tuple[str, ...]]]:
    """Each import of our own code as (import, from where, to where), as names below `service`."""
    for file in _files():
        here = file.relative_to(SERVICE).with_suffix("").parts
        for found in _imports(file):
            if found.module.startswith("service."):
                yield found, here, tuple(found.module.split(".")[1:])


def test_imports_point_down() -> None:
    wrong = [
        f"{found.place}:{found.line} imports {found.module}"
        for found, here, there in _ours()
        if here[0] != there[0] and not LEVEL[here[0]] < LEVEL[there[0]]
    ]
    assert wrong == []


def test_every_module_has_its_layer() -> None:
    top = {file.relative_to(SERVICE).with_suffix("").parts[0] for file in _files()} - {"__init__"}
    assert top <= set(LEVEL)


def test_only_the_edges_of_a_feature_import_the_web() -> None:
    """Domain code can be run without Flask; `settings` reads the sizes of the web process."""
    edges = ("routes", "schemas", "feature", "enforcement", "settings")
    wrong = [
        f"{found.place}:{found.line} imports {found.module}"
        for found, here, there in _ours()
        if there[0] == "web" and here[0] not in ("web", "app") and not here[-1].endswith(edges)
    ]
    assert wrong == []


def test_only_wiring_and_commands_know_what_a_feature_is() -> None:
    wrong = [
        found.place
        for found, here, there in _ours()
        if there[0] == "feature"
        and here[0] not in ENTRIES | {"app"}
        and not here[-1].endswith((*WIRING, "commands"))
    ]
    assert wrong == []


def test_the_service_does_not_know_its_devstack() -> None:
    wrong = [
        f"{found.place}:{found.line}"
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] in ("devstack", "tests")
    ]
    assert wrong == []


def test_simulators_use_no_product_code_but_the_clock_ids_and_settings() -> None:
    allowed = ("service.core.clock", "service.core.ids", "service.settings", "devstack.simulators")
    wrong = [
        f"{file}:{found.line} imports {found.module}"
        for file in sorted((DEVSTACK / "simulators").rglob("*.py"))
        for found in _imports(file)
        if found.module.startswith(("service", "devstack", "tests"))
        and not found.module.startswith(allowed)
    ]
    assert wrong == []


def test_only_entries_import_the_composition_root() -> None:
    wrong = [
        found.place
        for found, here, there in _ours()
        if there[0] == "app" and here[0] not in ENTRIES
    ]
    assert wrong == []


def test_inside_a_feature_files_import_only_what_their_kind_may() -> None:
    wrong = []
    for found, here, there in _ours():
        if here[0] != there[0] or here[0] not in FEATURES or len(there) < 2 or len(here) < 2:
            continue
        if here[1] in WIRING:
            continue
        place = (here[0], here[1])
        allowed = EXTRA.get(place, USUAL.get(here[1], set())) | USES_EXTRA.get(place, set())
        if there[1] not in allowed:
            wrong.append(f"{found.place}:{found.line} imports {found.module}")
    assert wrong == []


def test_across_features_only_operations_and_entities_are_used() -> None:
    """Settings and checks may name those of features below: their bounds and proofs depend on each
    other."""
    wrong = []
    for found, here, there in _ours():
        if here[0] == there[0] or here[0] not in FEATURES or here[0] in ("audit", "repair"):
            continue
        if there[0] not in FEATURES | {"providers"}:
            continue
        shared = {"base", "downloads", "generation", "registry", "speech"}
        allowed = shared if there[0] == "providers" else set(ACROSS)
        if here[-1] in WIRING | {"settings"}:
            allowed |= {"settings", "kling", "assemblyai", "twitch"}
        if here[-1] == "checks":
            allowed |= {"checks", "keys"}
        if there[1] not in allowed and there[:2] not in EXTRA_ACROSS:
            wrong.append(f"{found.place}:{found.line} imports {found.module}")
    assert wrong == []


def test_a_feature_uses_the_usual_file_names() -> None:
    usual = {*USUAL, *WIRING, "__init__"}
    odd = {
        (file.parent.name, file.stem)
        for feature in FEATURES
        for file in (SERVICE / feature).glob("*.py")
        if file.stem not in usual
    }
    assert odd <= set(EXTRA)


@pytest.mark.parametrize("name", sorted(DOORS))
def test_each_outside_thing_has_its_door(name: str) -> None:
    users = {
        found.place
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] == name
    }
    assert users <= DOORS[name]


def test_requests_is_used_by_outbound_clients_only() -> None:
    users = {
        found.place
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] == "requests"
    }
    assert users <= {
        "outbound/network.py",
        "outbound/sockets.py",
        "providers/http.py",
        "identity/key_sets.py",
        "identity/feature.py",
    }


def test_flask_is_used_at_the_edges_only() -> None:
    wrong = [
        found.place
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] == "flask"
        and not found.place.startswith(("web/", "identity/enforcement"))
        and not file.stem.endswith(("routes", "app", "feature"))
    ]
    assert wrong == []


def test_no_import_stands_inside_a_function() -> None:
    wrong = [
        f"{file.relative_to(SERVICE)}:{node.lineno}"
        for file in _files()
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert wrong == []
