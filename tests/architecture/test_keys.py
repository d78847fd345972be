"""Every key is declared by its feature, and no two kinds of items can have the same key."""

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from service.jobs import keys as jobs_keys
from service.ledger import keys as ledger_keys
from service.storage.key_registry import KeyRegistry
from service.storage.keys import READINESS, DueKind, ItemKind, Key, user_item
from service.users import keys as users_keys

SERVICE = Path(__file__).parents[2] / "service"
KEY_FILES = sorted(SERVICE.glob("*/keys.py"))
FEATURES = [file.parent.name for file in KEY_FILES if file.parent.name != "storage"]


def module(feature: str) -> ModuleType:
    return importlib.import_module(f"service.{feature}.keys")


def registry() -> KeyRegistry:
    modules = [module(feature) for feature in FEATURES]
    return KeyRegistry(
        (kind for keys in modules for kind in keys.ITEMS),
        (kind for keys in modules for kind in getattr(keys, "DUE", ())),
    )


def test_no_two_kinds_of_items_or_of_due_work_collide() -> None:
    assert len(registry().items) >= 9
    assert [kind.name for kind in registry().due]


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_owns_what_its_keys_declare(feature: str) -> None:
    keys = module(feature)
    assert {kind.owner for kind in (*keys.ITEMS, *getattr(keys, "DUE", ()))} == {feature}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_exports_all_its_kinds(feature: str) -> None:
    keys = module(feature)
    due = {id(value) for value in vars(keys).values() if isinstance(value, DueKind)}
    assert due == {id(kind) for kind in getattr(keys, "DUE", ())}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ledger_keys.wallet("ann"), "wallet"),
        (ledger_keys.entry("ann", 7), "entry"),
        (jobs_keys.job("ann", "job_1"), "job"),
        (jobs_keys.idempotency("ann", "/videos", "k"), "idempotency key"),
        (users_keys.profile("ann"), "profile"),
        (users_keys.device("ann", "d"), "device"),
        (users_keys.fingerprint_claim("d"), "device claim"),
        (users_keys.identity_claim("d"), "identity claim"),
        (users_keys.COUNT, "count of users"),
    ],
    ids=str,
)
def test_a_key_belongs_to_the_kind_that_declares_it(key: Key, name: str) -> None:
    kind = registry().kind_of(key)
    assert kind is not None
    assert kind.name == name


@pytest.mark.parametrize(
    "key", [user_item("ann", "SHELF#1"), user_item("ann", "JOB#"), user_item("", "PROFILE")]
)
def test_a_key_that_no_one_declares_has_no_kind(key: Key) -> None:
    assert registry().kind_of(key) is None


def test_the_readiness_probe_reads_where_no_item_lies() -> None:
    assert registry().kind_of(READINESS) is None


def kind(sk: str, pk: str = "USER#<id>") -> ItemKind:
    return ItemKind(f"{pk} {sk}", "toy", pk, sk, "a toy")


@pytest.mark.parametrize(
    "other", ["JOB#<id>", "JOB#<id>#<part>", "JOB#HEAD", "J<rest>", "<anything>"]
)
def test_kinds_that_could_have_the_same_key_are_refused(other: str) -> None:
    twin = ItemKind("other", "toy", "USER#<id>", other, "a toy")
    with pytest.raises(ValueError, match="collide"):
        KeyRegistry([kind("JOB#<id>"), twin])


@pytest.mark.parametrize("other", ["JOB", "JOB#", "JOBS#<id>", "METADATA"])
def test_kinds_that_cannot_have_the_same_key_are_taken(other: str) -> None:
    assert len(KeyRegistry([kind("JOB#<id>"), kind(other)]).items) == 2


def test_the_same_sort_key_may_serve_in_different_partitions() -> None:
    assert len(KeyRegistry([kind("CLAIM", "A#<id>"), kind("CLAIM", "B#<id>")]).items) == 2


def test_due_work_of_the_same_name_is_refused() -> None:
    with pytest.raises(ValueError, match="due work"):
        KeyRegistry([], [DueKind("JOB", "jobs", 4), DueKind("JOB", "toy", 1)])


def test_due_work_is_spread_over_its_shards_and_keeps_its_place() -> None:
    due = DueKind("TOY", "toy", shards=4)
    found = {due.index(f"toy_{number}", 5)["GSI2PK"] for number in range(100)}
    assert found == {"DUE#TOY#0", "DUE#TOY#1", "DUE#TOY#2", "DUE#TOY#3"}
    assert due.index("toy_1", 5) == due.index("toy_1", 5)
    assert due.index("toy_1", 5)["GSI2SK"] == "0000000000005"


def test_keys_are_built_in_keys_files_only() -> None:
    wrong = [
        f"{file.relative_to(SERVICE)}:{node.lineno}"
        for file in SERVICE.rglob("*.py")
        if file not in KEY_FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Key"
    ]
    assert wrong == []
