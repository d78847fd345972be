"""What operators write down for each other about a user is sealed with that user's data key."""

from typing import Any

import pytest

from service.admin import keys
from service.admin.entities import NOT_KEPT
from service.admin.log import OperatorLog
from service.storage.data_keys import DataUnreadable
from service.storage.writes import Update, When
from tests.admin.admin_api import AdminApi
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import LAPTOP
from tests.faults.enumeration.tables import MemoryBehind

USER = "/admin/users/ann"
LARGE = {"amount": 1000.001, "kind": "paid"}
SECRET = "Her brother has called about her illness."


@pytest.fixture
def world() -> ServiceHarness:
    world = ServiceHarness(None, MemoryBehind.name, connected=memory_client())
    world.submit("ann")
    return world


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def done(reply: tuple[int, Any]) -> Any:
    status, response = reply
    assert status == 200, response
    return response["data"]


def reasons(api: AdminApi) -> list[Any]:
    return [each["reason"] for each in done(api.get(f"{USER}/actions"))["actions"]]


def note(api: AdminApi, reason: str = SECRET) -> Any:
    return done(api.post(f"{USER}/notes", {"reason": reason}))


def request(api: AdminApi, reason: str = SECRET) -> str:
    found: str = done(api.post(f"{USER}/adjustments", LARGE | {"reason": reason}))["approval"][
        "approvalId"
    ]
    return found


def decide(world: ServiceHarness, approval_id: str, how: str, reason: str = SECRET) -> Any:
    path = f"/admin/approvals/{approval_id}/{how}"
    return AdminApi(world, LAPTOP).post(path, {"reason": reason})


def is_in_clear(world: ServiceHarness, text: str = SECRET) -> bool:
    return text in str(world.items())


def release_device(api: AdminApi) -> Any:
    (device,) = done(api.get(USER))["devices"]
    return done(api.post(f"{USER}/devices/{device['device']}/release", {"reason": SECRET}))


def resolve_job(api: AdminApi) -> Any:
    (job,) = api.world.jobs.page("ann", 5, None).jobs
    return done(api.post(f"{USER}/jobs/{job.job_id}/resolve", {"reason": SECRET}))


def reject(api: AdminApi) -> Any:
    return done(decide(api.world, request(api), "reject"))


@pytest.mark.parametrize("act", [note, request, reject, release_device, resolve_job])
def test_a_reason_that_no_user_reads_is_not_stored_in_clear(
    world: ServiceHarness, api: AdminApi, act: Any
) -> None:
    act(api)
    assert not is_in_clear(world)
    assert set(reasons(api)) == {SECRET}
    timeline = done(api.get(f"{USER}/timeline?limit=50"))["events"]
    assert SECRET in {each["action"]["reason"] for each in timeline if each["action"]}
    assert world.audit().violations == ()


def test_the_response_shows_the_reason_at_once_and_again(api: AdminApi) -> None:
    first = api.post(f"{USER}/notes", {"reason": SECRET}, "key-1")
    again = api.post(f"{USER}/notes", {"reason": SECRET}, "key-1")
    assert done(first)["action"]["reason"] == done(again)["action"]["reason"] == SECRET
    assert api.replayed
    other = api.post(f"{USER}/notes", {"reason": "Another."}, "key-1")
    assert (other[0], other[1]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_the_reason_that_the_user_reads_is_in_clear_once_it_is_approved(
    world: ServiceHarness, api: AdminApi
) -> None:
    approval_id = request(api, "A gift.")
    assert not is_in_clear(world, "A gift.")
    approved = done(decide(world, approval_id, "approve"))["action"]
    assert (approved["reason"], approved["details"]["approvalReason"]) == ("A gift.", SECRET)
    assert list(world.ledger.entries("ann"))[-1].details["reason"] == "A gift."
    assert not is_in_clear(world)
    assert reasons(api) == ["A gift.", "A gift."]
    assert world.audit().violations == ()


def test_of_an_erased_user_nothing_private_is_read_or_added_and_the_chain_holds(
    world: ServiceHarness, api: AdminApi
) -> None:
    note(api)
    approval_id = request(api)
    world.parts.core.data_keys.erase("ann")
    assert reasons(api) == [None, None]
    (approval,) = done(api.get("/admin/approvals"))["approvals"]
    assert approval["reason"] is None
    assert world.audit().violations == ()
    before = world.ledger.read_snapshot("ann")
    refusal = decide(world, approval_id, "approve")
    assert (refusal[0], refusal[1]["code"]) == (409, "DATA_ERASED")
    assert world.ledger.read_snapshot("ann") == before
    assert note(api)["action"]["reason"] == NOT_KEPT
    assert not is_in_clear(world)
    assert world.audit().violations == ()


def test_a_reason_copied_to_another_record_cannot_be_opened_and_is_named(
    world: ServiceHarness, api: AdminApi
) -> None:
    note(api)
    note(api, "Harmless.")
    first = world.table.get(keys.record("ann", 1)) or {}
    copy = {"private": first["private"]}
    world.table.write(Update(keys.record("ann", 2), When(), set=copy))
    with pytest.raises(DataUnreadable):
        world.parts.get(OperatorLog).page("ann", 5, None)
    named = [violation.item for violation in world.audit().violations]
    assert named == [str(keys.record("ann", 2))]


def test_an_unknown_user_gets_no_data_key(world: ServiceHarness, api: AdminApi) -> None:
    before = [item for item in world.items() if not item["PK"]["S"].startswith("NONCE#")]
    paths = ("notes", "adjustments", "jobs/job_00000000000000000000000000/resolve")
    for path in paths:
        body = {"reason": SECRET, **(LARGE if path == "adjustments" else {})}
        assert api.post(f"/admin/users/nobody/{path}", body)[0] == 404
    after = [item for item in world.items() if not item["PK"]["S"].startswith("NONCE#")]
    assert after == before
