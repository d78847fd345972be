"""What an erasure removes of a user's uploads, and what an export lists."""

from typing import Any

import pytest

from service.core.erasure import StepOutcome
from service.uploads import keys
from service.uploads.personal_data import FilesUnavailable
from tests.doubles.sounds import wav
from tests.doubles.upload_forms import post_form
from tests.uploads.conftest import PNG, World


def test_every_version_and_every_item_goes_and_no_one_elses(world: World) -> None:
    begun = world.uploads.begin("ann", "image/png", 10_000)
    for _ in range(3):
        post_form(begun.form.url, begun.form.fields, PNG)
    world.ready(wav(), "audio/wav")
    kept = world.ready(user_id="bob")
    world.clock.advance(1201)
    assert world.data.remove("ann") is StepOutcome.DONE
    assert [each["key"].rpartition("/")[2] for each in world.objects()] == [kept.upload_id]
    assert world.table.query("USER#ann", "U", limit=9).items == ()
    assert world.table.get(keys.usage("bob")) is not None
    assert world.data.remove("ann") is StepOutcome.DONE


def test_it_waits_until_nothing_that_a_form_sent_can_still_arrive(world: World) -> None:
    world.ready()
    for seconds in (0, 300, 899):
        world.clock.advance(seconds)
        assert world.data.remove("ann") is StepOutcome.WAITING
    assert len(world.objects()) == 1
    world.clock.advance(1)
    assert world.data.remove("ann") is StepOutcome.DONE


@pytest.mark.parametrize("operation", ["list", "delete"])
def test_an_outage_holds_it_up_and_the_items_stay(world: World, operation: str) -> None:
    world.ready()
    world.clock.advance(1201)
    for _ in range(2):
        world.fault(operation, "status:503")
    with pytest.raises(FilesUnavailable):
        world.data.remove("ann")
    assert len(world.table.query("USER#ann", "UPLOAD#", limit=9).items) == 1
    simulators = world.simulators._simulators
    assert simulators is not None
    simulators.control._faults.reset()
    assert world.data.remove("ann") is StepOutcome.DONE
    assert world.objects() == []


def test_an_export_lists_them_without_keys_or_links(world: World) -> None:
    world.ready()
    world.ready(wav(), "audio/wav")
    world.uploads.begin("ann", "image/jpeg", 5)
    shown: list[Any] = list(world.data.exported("ann"))
    found = {each["contentType"]: each["status"] for each in shown}
    assert found == {"image/png": "ready", "audio/wav": "ready", "image/jpeg": "open"}
    assert "uploads/" not in str(shown)
