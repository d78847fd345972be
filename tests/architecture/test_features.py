"""A new feature is a folder of its own and one line in the ordered list."""

from typing import Any

import pytest

from service import cli
from service.app import FEATURES, create_app, sections
from service.audit.proofs import Checks
from service.core.erasure import ErasurePhase, ErasureStep, StepOutcome
from service.core.settings import SettingsError
from service.feature import Declaration, Feature, key_registry
from service.settings import declared, read_settings
from service.storage.checks import ItemCheck
from service.storage.writes import Put
from service.worker import background
from tests.architecture.toy.feature import SHELF, TOY, TidyShelves, Toys, shelf
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import ServiceHarness

WITH_TOY: tuple[Declaration, ...] = (*FEATURES, TOY)


@pytest.fixture
def harness(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, features=WITH_TOY)


def test_its_operations_can_be_found_and_replaced(harness: ServiceHarness) -> None:
    assert harness.parts.get(Toys).limit == 7


def test_its_route_is_served_and_documented(harness: ServiceHarness) -> None:
    served = create_app(harness.parts).test_client()
    assert served.get("/toys").json["data"] == {"limit": 7}  # type: ignore[index]
    assert "/toys" in served.get("/openapi.json").json["paths"]  # type: ignore[index]


def test_its_sweep_runs_with_the_others(harness: ServiceHarness) -> None:
    with background(lambda: False) as lent:
        sweeps = harness.parts.sweeps(lent)
    names = [sweep.name for sweep in sweeps]
    assert names == [
        *("unfinished_results", "due_grants", "bulk_grants"),
        *("outbox", "expiring_credits", "mail", "webhooks", "erasures"),
        *("due_jobs", "tidy_shelves"),
    ]
    assert isinstance(sweeps[-1], TidyShelves)


def test_its_setting_is_read_with_the_others_and_so_are_its_faults() -> None:
    assert declared(sections(WITH_TOY))[-1].name == "toy_limit"
    with pytest.raises(SettingsError) as error:
        read_settings(sections(WITH_TOY), {"TOY_LIMIT": "many", "PORT": "0"})
    names = {fault.split()[0] for fault in error.value.faults}
    assert {"TOY_LIMIT", "PORT"} <= names


def test_its_command_runs_and_is_listed(
    client: Any,
    table_name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = operator_environment(client.meta.endpoint_url, table_name)
    for name, value in (environment | {"TOY_LIMIT": "9"}).items():
        monkeypatch.setenv(name, value)
    assert cli.main(["toys"], WITH_TOY) == 0
    assert capsys.readouterr().out == "9 toys\n"
    assert cli.main(["--help"], WITH_TOY) == 0
    assert "print how many toys a shelf takes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "fault"),
    [(8, "holds 8 toys, 7 at most"), (None, "cannot be read (KeyError: 'count')")],
)
def test_its_check_is_part_of_the_audit(
    harness: ServiceHarness, count: int | None, fault: str
) -> None:
    harness.table.write(Put(shelf("a"), {"count": 7}))
    assert harness.audit().violations == ()
    harness.table.write(Put(shelf("b"), {"count": count}))
    assert [violation.what for violation in harness.audit().violations] == [fault]


def test_its_erasure_step_and_its_part_of_the_export_are_collected(harness: ServiceHarness) -> None:
    assert "toys" in [step.name for step in harness.parts.erasure_steps()]
    assert harness.parts.export_parts()[-1].read("user") == ["user"]


def test_erasure_steps_run_in_the_order_of_their_phases(harness: ServiceHarness) -> None:
    def done(user_id: str) -> StepOutcome:
        del user_id
        return StepOutcome.DONE

    late = ErasureStep("late", done, ErasurePhase.FORGET)
    early = ErasureStep("early", done, ErasurePhase.ACCESS)
    harness.parts.add("more toys", Feature(erasure=(late, early)))
    names = [step.name for step in harness.parts.erasure_steps()]
    assert names.index("early") < names.index("toys") < names.index("late")


@pytest.mark.parametrize("kind", ["erasure step", "part of the export"])
def test_two_of_the_same_name_are_refused(harness: ServiceHarness, kind: str) -> None:
    again = harness.parts.features["toy"]
    if kind == "erasure step":
        harness.parts.add("other toys", Feature(erasure=again.erasure))
        with pytest.raises(ValueError, match="registered twice: toys"):
            harness.parts.erasure_steps()
    else:
        harness.parts.add("other toys", Feature(exports=again.exports))
        with pytest.raises(ValueError, match="registered twice: toys"):
            harness.parts.export_parts()


def test_items_that_no_feature_declares_are_violations(client: Any, table_name: str) -> None:
    harness = ServiceHarness(client, table_name)
    harness.table.write(Put(shelf("a"), {"count": 7}))
    (violation,) = harness.audit().violations
    assert (violation.item, violation.what) == (
        "SHELF#a/TOYS",
        "is of a kind that no feature declares",
    )


def test_something_is_proved_of_every_kind_of_item(harness: ServiceHarness) -> None:
    assert harness.parts.get(Checks).unproved() == set()


def test_a_kind_of_which_nothing_is_proved_is_found(harness: ServiceHarness) -> None:
    without_toy = [
        check
        for check in harness.parts.checks()
        if not (isinstance(check, ItemCheck) and check.kind == SHELF)
    ]
    assert Checks(key_registry(WITH_TOY), lambda: without_toy).unproved() == {SHELF.name}


def test_every_feature_has_a_name_and_settings_of_its_own() -> None:
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
    assert declared(sections())
