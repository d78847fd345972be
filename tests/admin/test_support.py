"""Helping one user over HTTP: finding them, settling a job by hand, releasing a device."""

from typing import Any

import pytest

from service.jobs.entities import JobStatus
from service.ledger.entities import EntryKind
from service.providers.base import TaskStatus
from tests.admin.actions import action, record
from tests.admin.admin_api import AdminApi
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.people import google
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness, order
from tests.jobs.test_force_release import overdue

REASON = {"reason": "the user wrote to us"}


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def sign_up(world: ServiceHarness, user_id: str = "ann", device: str = "phone") -> None:
    world.users.sign_up(order(user_id).principal, world.users.digests(device))


def search(api: AdminApi, by: str, value: str) -> list[str]:
    status, body = api.post("/admin/search", {"by": by, "value": value}, key=None)
    assert status == 200
    return [user["userId"] for user in body["data"]["users"]]


def actions(api: AdminApi, user_id: str = "ann") -> list[Any]:
    found: list[Any] = api.get(f"/admin/users/{user_id}/actions")[1]["data"]["actions"]
    return found


def test_a_user_is_found_by_everything_that_has_an_index(
    world: ServiceHarness, api: AdminApi
) -> None:
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    job_id = world.submit("ann", "phone").job.job_id
    sign_up(world, "bob", "laptop")
    ways = {"id": "ann", "email": "Ann@example.com", "device": "phone", "job": job_id}
    for by, value in ways.items():
        assert search(api, by, value) == ["ann"], by


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("id", "nobody"),
        ("id", "x" * 400),
        ("id", "a#b"),
        ("email", "nobody"),
        ("device", "nothing"),
        ("job", "job_none"),
        ("job", "job_" + "z" * 26),
    ],
)
def test_what_no_one_is_known_by_finds_no_one(
    world: ServiceHarness, api: AdminApi, by: str, value: str
) -> None:
    sign_up(world)
    assert search(api, by, value) == []


@pytest.mark.parametrize(
    "body", [{}, {"by": "id"}, {"by": "task", "value": "t"}, {"by": "id", "value": 1}, []]
)
def test_a_search_for_nothing_is_refused(api: AdminApi, body: Any) -> None:
    assert api.post("/admin/search", body, key=None)[0] == 400


def test_finding_and_reading_cost_the_same_however_much_happened(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit("ann", "phone").job.job_id
    meter = Meter(world.dynamodb, RawClient(memory_client(world.where)))

    def calls() -> list[list[str]]:
        """Once the key of the address is cached."""
        search(api, "id", "ann")
        bills = []
        for by, value in (("email", "ann@example.com"), ("job", job_id), ("device", "phone")):
            with meter.watch() as bill:
                search(api, by, value)
            bills.append(bill.calls)
        for path in ("", "/timeline?limit=5"):
            with meter.watch() as bill:
                assert api.get(f"/admin/users/ann{path}")[0] == 200
            bills.append(bill.calls)
        return bills

    before = calls()
    for number in range(8):
        sign_up(world, f"user-{number}", f"device-{number}")
    world.submit("ann", "phone")
    assert calls() == before
    nonce = "PutItem"
    assert sorted(before[4]) == ["GetItem", nonce, "Query", "Query", "Query", "Query"]


def test_a_user_is_shown_with_wallet_devices_and_jobs_and_a_masked_address(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit("ann", "phone").job.job_id
    _, body = api.get("/admin/users/ann")
    data = body["data"]
    assert data["email"] == "a***@example.com"
    assert (data["wallet"]["available"], data["wallet"]["held"]) == (2, 1)
    assert [(device["claimed"], device["releasedAt"]) for device in data["devices"]] == [
        (True, None)
    ]
    assert [job["jobId"] for job in data["newestJobs"]] == [job_id]
    assert "ann@example.com" not in str(body)


def test_who_saw_an_address_is_logged(
    world: ServiceHarness, api: AdminApi, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_up(world)
    assert api.get("/admin/users/ann?showEmail=true")[1]["data"]["email"] == "ann@example.com"
    printed = capsys.readouterr().out
    assert "email_shown" in printed
    assert "key:machine" in printed
    assert "ann@example.com" not in printed


@pytest.mark.parametrize("path", ["", "/timeline", "/jobs/job_none", "/actions"])
@pytest.mark.parametrize("user_id", ["nobody", "a%23b", "x" * 3000])
def test_an_unknown_user_is_not_found(api: AdminApi, path: str, user_id: str) -> None:
    status, body = api.get(f"/admin/users/{user_id}{path}")
    if (path, user_id) == ("/actions", "nobody"):
        assert (status, body["data"]["actions"]) == (200, [])
    else:
        assert (status, body["success"]) == (404, False)


def test_a_job_is_shown_with_what_the_provider_calls_it(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit().job.job_id
    _, body = api.get(f"/admin/users/ann/jobs/{job_id}")
    job = body["data"]
    assert (job["status"], job["taskId"], job["held"]) == ("SUBMITTED", f"task-{job_id}", 1)
    assert job["hardLimitAt"] is not None
    assert api.get(f"/admin/users/bob/jobs/{job_id}")[0] == 404


def test_a_job_that_is_resolved_by_hand_is_settled_and_recorded_in_one_transaction(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    wire = world.wire()
    status, body = api.post(f"/admin/users/ann/jobs/{job_id}/resolve", REASON)
    assert (status, body["data"]["job"]["status"]) == (200, "SUCCEEDED")
    assert wire.calls.count("TransactWriteItems") == 1
    details = body["data"]["action"]["details"]
    assert details == {"jobId": job_id, "settledAs": "CAPTURE", "settledByEntry": "3"}
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


def test_resolving_a_job_that_still_runs_is_recorded_too(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit().job.job_id
    _, body = api.post(f"/admin/users/ann/jobs/{job_id}/resolve", REASON)
    assert body["data"]["job"]["status"] == "SUBMITTED"
    (action,) = actions(api)
    assert action == body["data"]["action"]
    assert action["details"] == {"jobId": job_id, "status": "SUBMITTED"}
    assert world.audit().violations == ()


def test_the_same_key_queries_the_provider_once(world: ServiceHarness, api: AdminApi) -> None:
    job_id = world.submit().job.job_id
    path = f"/admin/users/ann/jobs/{job_id}/resolve"
    first = api.post(path, REASON, key="k-1")[1]["data"]
    queries = len(world.provider.requested)
    again = api.post(path, REASON, key="k-1")[1]["data"]
    assert api.replayed
    assert (again["action"], len(world.provider.requested)) == (first["action"], queries)
    status, body = api.post(path, {"reason": "another"}, key="k-1")
    assert (status, body["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_an_overdue_job_is_released_by_hand(world: ServiceHarness, api: AdminApi) -> None:
    job_id = overdue(world)
    status, body = api.post(f"/admin/users/ann/jobs/{job_id}/release", REASON)
    assert status == 200
    job, action = body["data"]["job"], body["data"]["action"]
    assert (job["status"], job["failure"]) == ("FAILED", "PROVIDER_UNRESOLVED")
    assert (action["action"], action["details"]["settledAs"]) == ("release_job", "RELEASE")
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("ended", [False, True])
def test_a_job_that_may_settle_or_has_ended_is_not_released_and_nothing_is_written(
    world: ServiceHarness, api: AdminApi, ended: bool
) -> None:
    job_id = world.submit().job.job_id
    if ended:
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.work_until(60)
    before = written(world)
    status, body = api.post(f"/admin/users/ann/jobs/{job_id}/release", REASON)
    assert (status, body["code"]) == (409, "RELEASE_NOT_ALLOWED")
    assert written(world) == before


@pytest.mark.parametrize("verb", ["resolve", "release"])
@pytest.mark.parametrize(
    ("user_id", "job_id"), [("bob", ""), ("ann", "job_none"), ("ann", "x" * 3000)]
)
def test_a_job_that_is_not_the_user_s_is_not_found_and_nothing_is_written(
    world: ServiceHarness, api: AdminApi, verb: str, user_id: str, job_id: str
) -> None:
    mine = world.submit().job.job_id
    before = written(world)
    status, body = api.post(f"/admin/users/{user_id}/jobs/{job_id or mine}/{verb}", REASON)
    assert (status, body["code"]) == (404, "JOB_NOT_FOUND")
    assert written(world) == before


@pytest.mark.parametrize("what", ["resolve", "release"])
def test_an_action_on_a_job_needs_a_reason_and_a_key(
    world: ServiceHarness, api: AdminApi, what: str
) -> None:
    path = f"/admin/users/ann/jobs/{world.submit().job.job_id}/{what}"
    before = written(world)
    assert api.post(path, {})[0] == 400
    assert api.post(path, REASON, key=None)[0] == 400
    assert written(world) == before


def test_a_lost_response_of_the_settlement_is_recorded_once(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.wire().plan("TransactWriteItems", "lost-answer")
    status, _ = api.post(f"/admin/users/ann/jobs/{job_id}/resolve", REASON)
    assert (status, len(actions(api))) == (200, 1)
    assert world.job(job_id).status is JobStatus.SUCCEEDED
    assert world.audit().violations == ()


def test_a_released_device_lets_somebody_else_in_and_is_recorded(
    world: ServiceHarness, api: AdminApi
) -> None:
    sign_up(world)
    (device,) = api.get("/admin/users/ann")[1]["data"]["devices"]
    path = f"/admin/users/ann/devices/{device['device']}/release"
    status, body = api.post(path, REASON, key="k-1")
    assert (status, body["data"]["action"]["details"]) == (200, {"device": device["device"]})
    assert api.post(path, REASON, key="k-1")[1]["data"] == body["data"]
    sign_up(world, "bob")
    assert world.audit().violations == ()
    before = written(world)
    status, body = api.post(path, REASON, key="k-2")
    assert (status, body["code"]) == (409, "DEVICE_ALREADY_RELEASED")
    assert written(world) == before


@pytest.mark.parametrize(
    ("user_id", "device", "fingerprint", "code"),
    [
        ("bob", "", None, "DEVICE_NOT_FOUND"),
        ("ann", "x" * 22, None, "DEVICE_NOT_FOUND"),
        ("ann", "x" * 3000, None, "DEVICE_NOT_FOUND"),
        ("ann", "", "another-device", "DEVICE_NOT_FOUND"),
        ("a%23b", "", None, "USER_NOT_FOUND"),
    ],
)
def test_a_device_that_is_not_the_user_s_is_not_found_and_nothing_is_written(
    world: ServiceHarness,
    api: AdminApi,
    user_id: str,
    device: str,
    fingerprint: str | None,
    code: str,
) -> None:
    sign_up(world)
    mine = world.users.digests("phone").newest
    before = written(world)
    body = REASON | ({"Fingerprint": fingerprint} if fingerprint else {})
    status, refusal = api.post(f"/admin/users/{user_id}/devices/{device or mine}/release", body)
    assert (status, refusal["code"]) == (404, code)
    assert written(world) == before


def test_an_action_by_hand_and_the_worker_settle_a_job_once(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    query = world.provider.fetch_task

    def slow(task_id: str | None, requested_id: str) -> Any:
        world.provider.fetch_task = query
        world.settlement.resolve("ann", job_id)
        return query(task_id, requested_id)

    world.provider.fetch_task = slow
    status, body = api.post(f"/admin/users/ann/jobs/{job_id}/resolve", REASON)
    assert (status, body["data"]["job"]["status"]) == (200, "SUCCEEDED")
    kinds = [entry.kind for entry in world.ledger.entries("ann")]
    assert kinds == [EntryKind.INITIAL, EntryKind.HOLD, EntryKind.CAPTURE]
    assert len(actions(api)) == 1
    assert world.audit().violations == ()


def test_the_last_query_of_a_release_by_hand_may_still_deliver(
    world: ServiceHarness, api: AdminApi
) -> None:
    job_id = overdue(world)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    _, body = api.post(f"/admin/users/ann/jobs/{job_id}/release", REASON)
    assert body["data"]["job"]["status"] == "SUCCEEDED"
    assert body["data"]["action"]["details"]["settledAs"] == "CAPTURE"


def test_the_audit_names_a_record_of_another_entry(world: ServiceHarness, api: AdminApi) -> None:
    """Such a record could only be written with the key of the log."""
    job_id = world.submit().job.job_id
    facts = {"jobId": job_id, "settledAs": "CAPTURE", "settledByEntry": "2"}
    record(world, action(name="resolve_job", facts=facts))
    assert [fault.what for fault in world.audit().violations] == ["is not what entry 2 says"]


def written(world: ServiceHarness) -> list[Any]:
    """Everything in the table but the nonces of signed requests."""
    return [item for item in world.items() if not item["PK"]["S"].startswith("NONCE#")]
