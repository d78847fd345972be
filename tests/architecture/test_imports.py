"""Imports point down, and each outside system has one adapter."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVICE = Path(__file__).parents[2] / "service"
DEVSTACK = SERVICE.parent / "devstack"

ENTRIES = {"wsgi", "worker", "cli"}
# Upper layers may import lower ones; packages of one layer do not know each other.
LAYERS = [
    ENTRIES,
    {"app"},
    {"admin"},
    {"repair"},
    {"audit"},
    {"videos", "analytics"},
    {"jobs", "promo_codes", "bulk_grants"},
    {"users", "notifications"},
    {"ledger", "catalog", "providers", "identity", "encryption"},
    {"feature"},
    {"web"},
    {"storage", "settings"},
    {"outbound"},
    {"core"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FEATURES = {each for names in LAYERS[2:9] for each in names} - {"providers"}

# The usual files of a feature, and which others of the same feature each may import.
USUAL = {
    "entities": set(),
    "keys": set(),
    "settings": set(),
    "store": {"entities", "keys"},
    "operations": {"entities", "keys", "store"},
    "schemas": {"entities"},
    "routes": {"entities", "schemas", "operations"},
    "sweeps": {"entities", "keys", "operations", "store"},
    "checks": {"entities", "keys", "store"},
    "commands": {"entities", "operations"},
}
# Files for one concern each; their docstrings say why. What they may import of their feature, and
# which usual files import them.
EXTRA = {
    ("jobs", "holds"): {"entities", "job_ids", "keys", "store", "work"},
    ("jobs", "job_ids"): set(),
    ("jobs", "judging"): {"entities", "work"},
    ("jobs", "settlement"): {"entities", "judging", "settlement_terms", "store", "work"},
    ("jobs", "settlement_terms"): {"entities", "keys", "store"},
    ("jobs", "submit_places"): {"entities"},
    ("jobs", "work"): {"entities"},
    ("users", "directory"): {"entities", "store"},
    ("catalog", "pricing"): set(),
    ("catalog", "price_list"): {"pricing"},
    ("catalog", "current_prices"): {"entities", "price_list", "store"},
    ("catalog", "scheduling"): {"entities", "keys", "price_list", "pricing", "store"},
    ("videos", "images"): {"entities", "image_headers"},
    ("videos", "image_headers"): set(),
    ("videos", "work"): {"checks", "entities", "images", "schemas"},
    ("jobs", "waiting"): {"keys", "store"},
    ("jobs", "search"): {"entities", "job_ids", "keys", "store"},
    ("jobs", "report"): {"entities", "search"},
    ("ledger", "details"): set(),
    ("ledger", "restrictions"): set(),
    ("ledger", "grant_proofs"): {"details", "entities", "grants", "keys", "lots"},
    ("ledger", "grants"): {
        *("details", "entities", "keys", "lots", "movements", "operations", "restrictions"),
    },
    ("ledger", "movements"): {"details", "entities", "limits", "lots", "restrictions"},
    ("ledger", "limits"): {"entities"},
    ("ledger", "history"): {"entities", "history_lines", "keys", "store"},
    ("ledger", "history_lines"): {"entities", "lots"},
    ("ledger", "low_balance"): {"entities", "keys", "store"},
    ("ledger", "scale"): {"keys"},
    ("ledger", "wallet_locks"): {"entities"},
    ("ledger", "grant_terms"): {"lots", "restrictions"},
    ("ledger", "lots"): {"restrictions"},
    ("ledger", "replay"): {"entities", "lots", "movements", "store"},
    ("admin", "client"): set(),
    ("admin", "corrections"): {"entities", "log", "operations"},
    ("admin", "correction_schemas"): {"corrections", "schemas"},
    ("admin", "correction_routes"): {
        *("correction_schemas", "corrections", "entities", "routes", "schemas"),
    },
    ("admin", "campaign_commands"): {"client", "commands"},
    ("admin", "campaigns"): {"entities", "operations"},
    ("admin", "campaign_schemas"): {"correction_schemas", "schemas"},
    ("admin", "campaign_routes"): {"campaign_schemas", "campaigns", "routes", "schemas"},
    ("admin", "log"): {"entities", "keys", "store"},
    ("admin", "prices"): {"entities", "operations"},
    ("admin", "price_schemas"): {"correction_schemas", "schemas"},
    ("admin", "price_routes"): {"price_schemas", "prices", "routes"},
    ("admin", "lookup"): set(),
    ("admin", "support"): {"entities", "log", "operations"},
    ("admin", "support_commands"): {"timeline"},
    ("admin", "support_routes"): {
        *("entities", "lookup", "routes", "schemas", "support", "support_schemas", "timeline"),
    },
    ("admin", "support_schemas"): {"entities", "lookup", "schemas", "timeline"},
    ("admin", "timeline"): {"entities", "log"},
    ("audit", "accepted"): {"anchors", "keys", "store"},
    ("audit", "anchors"): set(),
    ("audit", "anchor_objects"): {"anchors"},
    ("audit", "records"): {"anchors", "entities"},
    ("audit", "daily"): {"anchors", "anchor_objects", "entities", "operations", "records"},
    ("audit", "report"): {"entities"},
    ("audit", "ledger_report"): {"entities"},
    ("audit", "partitions"): {"proofs", "store"},
    ("audit", "proofs"): set(),
    ("bulk_grants", "part_runs"): {"entities", "keys", "store"},
    ("ledger", "owners"): {"keys"},
    ("identity", "enforcement"): {"entities", "signatures"},
    ("identity", "operator_keys"): set(),
    ("identity", "operators"): {"entities", "operator_keys", "signatures", "store"},
    ("identity", "signatures"): {"entities", "operator_keys"},
    ("identity", "google"): {"entities", "claims", "signing_keys"},
    ("identity", "claims"): {"entities", "signing_keys"},
    ("identity", "signing_keys"): {"entities"},
    ("notifications", "alerts"): {"entities", "store"},
    ("notifications", "dead_letters"): {"deliveries", "entities", "keys", "store"},
    ("notifications", "deliveries"): {"endpoints", "entities", "keys", "sender", "store"},
    ("notifications", "endpoints"): {"entities", "keys", "store"},
    ("notifications", "expiry"): {"entities", "keys", "operations", "store"},
    ("notifications", "refusals"): {"entities", "operations"},
    ("notifications", "sender"): {"entities"},
    ("repair", "account_records"): set(),
    ("repair", "bound_keys"): set(),
    ("repair", "granted"): set(),
    ("repair", "sentences"): set(),
    ("repair", "repair_plan"): {"account_records", "bound_keys", "granted", "sentences"},
}
USES_EXTRA = {
    ("admin", "checks"): {"corrections", "support"},
    ("admin", "commands"): {"client"},
    ("admin", "operations"): {"log"},
    ("admin", "routes"): {"log"},
    ("identity", "settings"): {"operator_keys"},
    ("catalog", "entities"): {"pricing"},
    ("catalog", "store"): {"price_list", "pricing"},
    ("catalog", "operations"): {"current_prices", "pricing"},
    ("catalog", "schemas"): {"pricing"},
    ("catalog", "sweeps"): {"current_prices"},
    ("catalog", "checks"): {"price_list"},
    ("jobs", "operations"): {"holds", "settlement", "submit_places", "waiting", "work"},
    ("jobs", "checks"): {"work"},
    ("jobs", "routes"): {"work"},
    ("jobs", "schemas"): {"work"},
    ("videos", "operations"): {"images"},
    ("videos", "routes"): {"work"},
    ("videos", "schemas"): {"images"},
    ("bulk_grants", "sweeps"): {"part_runs"},
    ("jobs", "sweeps"): {"settlement"},
    ("jobs", "commands"): {"report", "search", "settlement"},
    ("notifications", "routes"): {"refusals"},
    ("notifications", "sweeps"): {"dead_letters", "deliveries", "endpoints"},
    ("ledger", "operations"): {"wallet_locks", "lots"},
    ("ledger", "entities"): {"details", "lots", "restrictions"},
    ("ledger", "routes"): {"history"},
    ("ledger", "schemas"): {"history", "history_lines", "limits", "lots"},
    ("ledger", "store"): {"lots"},
    ("ledger", "checks"): {"grant_proofs", "grants", "replay"},
    ("ledger", "sweeps"): {"grants"},
    ("audit", "commands"): {"daily", "ledger_report", "report", "store"},
    ("audit", "checks"): {"accepted"},
    ("audit", "operations"): {"accepted", "anchors", "partitions", "proofs"},
    ("audit", "store"): {"anchors"},
    ("repair", "operations"): {"repair_plan", "account_records"},
}
ACROSS = {"operations", "entities"}
# Files for one concern that other features use as well.
EXTRA_ACROSS = {
    *(("catalog", "price_list"), ("catalog", "pricing"), ("catalog", "schemas")),
    *(("catalog", "scheduling"), ("ledger", "low_balance")),
    *(("ledger", "details"), ("ledger", "lots"), ("ledger", "movements")),
    *(("ledger", "restrictions"), ("ledger", "grants"), ("ledger", "history")),
    *(("ledger", "grant_terms"), ("ledger", "owners"), ("ledger", "limits")),
    *(("jobs", "work"), ("jobs", "schemas"), ("jobs", "search"), ("users", "directory")),
    *(("jobs", "settlement"), ("jobs", "settlement_terms")),
}
# The only wiring: these may import every file of their own feature.
WIRING = {"feature"}

# Who may import what from outside, by its first name.
DOORS = {
    "boto3": {"storage/secrets.py", "storage/objects.py", "storage/kms.py"},
    "botocore": {
        *("storage/dynamodb.py", "storage/credentials.py", "storage/signing.py"),
        *("storage/secrets.py", "storage/objects.py", "storage/kms.py"),
    },
    "os": {"settings.py"},
    "time": {"core/clock.py"},
    "datetime": {"core/clock.py", "core/days.py"},
    "random": {"app.py"},
    "click": {"cli.py", "feature.py"}
    | {f"admin/{name}_commands.py" for name in ("campaign", "support")}
    | {f"{feature}/commands.py" for feature in ("admin", "audit", "encryption", "jobs")},
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


def _imports(file: Path) -> Iterator[Import]:
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
        allowed = {"base", "registry"} if there[0] == "providers" else set(ACROSS)
        if here[-1] in WIRING | {"settings"}:
            allowed |= {"settings", "kling"}
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
        "identity/google.py",
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
