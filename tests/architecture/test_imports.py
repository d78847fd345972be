"""Imports point down, each outside thing has one door, and nothing grows beyond its size."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVICE = Path(__file__).parents[2] / "service"
DEVSTACK = SERVICE.parent / "devstack"

ENTRIES = {"wsgi", "worker", "cli"}
LAYERS = [
    ENTRIES,
    {"app"},
    {"repair"},
    {"audit"},
    {"jobs"},
    {"users"},
    {"ledger", "catalog", "providers", "identity"},
    {"storage", "web"},
    {"core", "settings"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# Inside a feature: which file may import which.
INSIDE = {
    "entities": set(),
    "store": {"entities"},
    "operations": {"entities", "store"},
    "schemas": {"entities"},
    "routes": {"entities", "schemas", "operations"},
    "sweeps": {"entities", "operations", "store"},
}
# Files beyond the usual names (docs/decisions.md), and what those may import of their feature.
BESIDE = {
    ("jobs", "holds"): {"entities", "store"},
    ("jobs", "settlement"): {"entities", "store"},
    ("jobs", "images"): {"entities"},
    ("ledger", "wallet_locks"): {"entities"},
    ("audit", "replay"): set(),
    ("audit", "records"): {"entities"},
    ("audit", "daily"): {"entities", "operations"},
    ("repair", "account_records"): set(),
    ("repair", "repair_plan"): set(),
}
USED_BESIDE = {
    ("jobs", "operations"): {"holds", "settlement", "images"},
    ("jobs", "routes"): {"holds"},
    ("jobs", "sweeps"): {"settlement"},
    ("ledger", "operations"): {"wallet_locks"},
    ("audit", "daily"): {"records"},
    ("repair", "repair_plan"): {"account_records"},
    ("repair", "operations"): {"repair_plan", "account_records"},
}
FEATURES = {"audit", "repair", "jobs", "users", "ledger", "catalog", "identity"}
ACROSS = {"operations", "entities"}

# Who may import what from outside, by its first name.
DOORS = {
    "boto3": {
        *("storage/table.py", "storage/secrets.py", "storage/objects.py"),
    },
    "botocore": {
        *("storage/table.py", "storage/secrets.py", "storage/objects.py"),
    },
    "os": {"settings.py"},
    "time": {"core/clock.py"},
    "datetime": {"core/clock.py"},
    "random": {"app.py"},
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
    wrong = []
    for found, here, there in _ours():
        if here[0] == there[0]:
            continue
        same_floor_is_fine = LEVEL[there[0]] == len(LAYERS) - 1
        if not (
            LEVEL[here[0]] < LEVEL[there[0]]
            or (LEVEL[here[0]] == LEVEL[there[0]] and same_floor_is_fine)
        ):
            wrong.append(f"{found.place}:{found.line} imports {found.module}")
    assert wrong == []


def test_every_module_has_its_floor() -> None:
    top = {file.relative_to(SERVICE).with_suffix("").parts[0] for file in _files()} - {"__init__"}
    assert top == set(LEVEL)


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
        allowed = BESIDE.get((here[0], here[1]), INSIDE.get(here[1], set())) | USED_BESIDE.get(
            (here[0], here[1]), set()
        )
        if here[0] == "identity":
            continue
        if there[1] not in allowed:
            wrong.append(f"{found.place}:{found.line} imports {found.module}")
    assert wrong == []


def test_across_features_only_operations_and_entities_are_used() -> None:
    wrong = []
    for found, here, there in _ours():
        if (
            here[0] == there[0]
            or here[0] not in FEATURES
            or there[0] not in FEATURES | {"providers"}
        ):
            continue
        allowed = {"base", "registry"} if there[0] == "providers" else ACROSS
        if there[1] not in allowed and here[0] not in ("audit", "repair"):
            wrong.append(f"{found.place}:{found.line} imports {found.module}")
    assert wrong == []


def test_a_feature_uses_the_usual_file_names() -> None:
    usual = {*INSIDE, "__init__"}
    odd = {
        (file.parent.name, file.stem)
        for feature in FEATURES - {"identity"}
        for file in (SERVICE / feature).glob("*.py")
        if file.stem not in usual
    }
    assert odd == set(BESIDE)


@pytest.mark.parametrize("name", sorted(DOORS))
def test_each_outside_thing_has_its_door(name: str) -> None:
    users = {
        found.place
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] == name and not found.place.startswith(())
    }
    assert users <= DOORS[name]


def test_requests_is_used_by_outbound_clients_only() -> None:
    users = {
        found.place
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] == "requests"
    }
    product = {place for place in users if not place.startswith(())}
    assert product <= {"app.py", "providers/http.py", "identity/google.py"}


def test_flask_is_used_at_the_edges_only() -> None:
    wrong = [
        found.place
        for file in _files()
        for found in _imports(file)
        if found.module.split(".")[0] == "flask"
        and not found.place.startswith(("web/", "identity/enforcement"))
        and file.stem not in ("routes", "app")
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


def test_nothing_is_called_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [str(path) for path in SERVICE.rglob("*") if path.stem in vague] == []


def test_files_and_functions_keep_their_size() -> None:
    wrong = []
    for file in _files():
        text = file.read_text()
        if len(text.splitlines()) > 400:
            wrong.append(f"{file.name}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 50 and not node.name.endswith("_blueprint"):
                    wrong.append(f"{file.name}:{node.name} has {length} lines")
    assert wrong == []
