"""Submitting a job: the hold, the single send, devices, and every outcome of a send."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from service.catalog.entities import UnknownPromptKey
from service.core.public_urls import AddressRefused
from service.jobs.entities import (
    CallbackRefused,
    Failure,
    IdempotencyKeyReused,
    JobNotFound,
    JobStatus,
    ProviderBusy,
    ProviderUnavailable,
)
from service.ledger import keys as ledger_keys
from service.ledger.entities import InsufficientCredits, OutcomeUnknown, WalletBusy, WalletFrozen
from service.providers.base import (
    CallbackEvent,
    Indeterminate,
    Rejected,
    RejectionReason,
    TaskStatus,
)
from service.storage.cursor import PageTokenInvalid
from service.storage.writes import Update, When
from service.users import keys as users_keys
from service.users.entities import DeviceAlreadyUsed
from service.videos.entities import (
    ContentRejected,
    ImageRejected,
    ImageTooLarge,
    ImageUnusable,
)
from tests.doubles.service_harness import ServiceHarness, order


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


def test_a_placed_job_is_held_sent_once_and_recorded(world: ServiceHarness) -> None:
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTED
    assert (placed.job.task_id, placed.remaining) == (f"task-{placed.job.job_id}", 2)
    assert world.job(placed.job.job_id) == placed.job
    assert world.balance() == (2, 1, 0)
    assert [request.job_id for request in world.provider.sent] == [placed.job.job_id]


def test_a_known_user_is_served_in_three_calls(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    world.submit()
    assert wire.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]


def test_a_known_user_with_a_key_is_served_in_three_calls(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    world.submit(key="k1")
    assert wire.calls == ["TransactGetItems", "TransactWriteItems", "UpdateItem"]


def test_a_new_device_of_a_known_user_takes_one_read_more(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    world.submit(device="tablet")
    assert wire.calls == ["GetItem", "TransactGetItems", "TransactWriteItems", "UpdateItem"]
    assert len(world.wallet().fingerprints) == 2
    assert world.audit().violations == ()


def test_a_claimed_device_can_be_used_by_another_known_user_but_stays_the_claimants(
    world: ServiceHarness,
) -> None:
    world.submit("ann", "phone")
    world.submit("bob", "laptop")
    world.submit("bob", "phone")
    claim = world.table.get(users_keys.fingerprint_claim(world.users.digests("phone").newest))
    assert claim is not None
    assert claim["userId"] == "ann"
    with pytest.raises(DeviceAlreadyUsed):
        world.submit("eve", "phone")


def test_the_twenty_first_device_pushes_another_out_of_the_set_and_keeps_its_claim(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=30)
    for number in range(21):
        world.submit(device=f"device-{number}")
    fingerprints = world.wallet().fingerprints
    assert len(fingerprints) == 20
    assert world.users.digests("device-20").newest in fingerprints
    with pytest.raises(DeviceAlreadyUsed):
        world.submit("eve", "device-0")


def test_without_credits_nothing_is_written_or_sent(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=1)
    world.submit()
    before = world.items()
    with pytest.raises(InsufficientCredits):
        world.submit()
    assert world.items() == before
    assert len(world.provider.sent) == 1


def test_a_frozen_wallet_holds_nothing(world: ServiceHarness) -> None:
    world.submit()
    world.table.write(
        Update(ledger_keys.wallet("ann"), When(equals={"status": "open"}), set={"status": "frozen"})
    )
    with pytest.raises(WalletFrozen):
        world.submit()


@pytest.mark.parametrize(
    ("image", "refusal"),
    [
        ("http://images.example.com/a.jpg", AddressRefused),
        ("https://127.0.0.1/a.jpg", AddressRefused),
        ("data:image/png;base64,AAAA", ImageUnusable),
        ("AAAA", ImageUnusable),
        ("not base64!", ImageUnusable),
        ("/9j/" + "A" * 14_000_000, ImageTooLarge),
    ],
)
def test_an_image_that_cannot_be_used_is_refused_before_anything_is_written(
    world: ServiceHarness, image: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        world.submit(image=image)
    assert world.items() == []


def test_an_image_may_be_sent_as_base64_and_is_kept_as_its_hash(world: ServiceHarness) -> None:
    image = "/9j/" + "A" * 4000
    job = world.submit(image=image).job
    assert (job.payload["imageLength"], len(str(job.payload["imageHash"]))) == (4004, 22)
    assert image not in str(world.items())


def test_an_unknown_prompt_is_refused_with_the_known_ones_and_signs_nobody_up(
    world: ServiceHarness,
) -> None:
    wrong = replace(order(), prompt_key="no_such_prompt")
    with pytest.raises(UnknownPromptKey) as refusal:
        world.videos.create(wrong)
    assert "foo_prompt" in str(refusal.value.details)
    assert world.items() == []


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        (RejectionReason.IMAGE, ImageRejected),
        (RejectionReason.CONTENT, ContentRejected),
        (RejectionReason.BUSY, ProviderBusy),
        (RejectionReason.UNAVAILABLE, ProviderUnavailable),
    ],
)
def test_a_definite_refusal_returns_the_credit_and_names_the_job(
    world: ServiceHarness, reason: RejectionReason, refusal: type[Any]
) -> None:
    world.provider.creates = [Rejected(reason)]
    with pytest.raises(refusal) as refused:
        world.submit()
    job = world.job(refused.value.details["jobId"])
    assert refused.value.location == f"/jobs/{job.job_id}"
    assert (job.status, job.failure, job.due_at) == (JobStatus.FAILED, refusal.code, None)
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("outcome", [Indeterminate(), RuntimeError("a fault of ours")])
def test_an_indeterminate_send_leaves_the_job_to_the_worker_and_is_no_failure(
    world: ServiceHarness, outcome: Any
) -> None:
    world.provider.creates = [outcome]
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTING
    assert world.balance() == (2, 1, 0)
    assert len(world.provider.sent) == 1


def test_the_same_key_returns_the_same_job(world: ServiceHarness) -> None:
    first = world.submit(key="k1")
    again = world.submit(key="k1")
    assert (again.job, again.replayed, again.remaining) == (first.job, True, 2)
    assert len(world.provider.sent) == 1


def test_the_same_key_from_another_device_is_the_same_request(world: ServiceHarness) -> None:
    first = world.submit(key="k1")
    assert world.submit(key="k1", device="tablet").job == first.job


def test_a_key_belongs_to_its_user(world: ServiceHarness) -> None:
    first = world.submit("ann", "phone", key="k1")
    assert world.submit("bob", "laptop", key="k1").job.job_id != first.job.job_id


def test_a_key_with_another_body_is_refused_and_changes_nothing(world: ServiceHarness) -> None:
    world.submit(key="k1")
    before = world.items()
    with pytest.raises(IdempotencyKeyReused):
        world.submit(key="k1", image="https://images.example.com/other.jpg")
    assert world.items() == before


def test_a_replay_returns_its_job_though_the_credits_are_gone(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=1)
    first = world.submit(key="k1")
    assert world.submit(key="k1").job == first.job


def test_a_twin_that_spends_the_last_credit_in_between_is_no_refusal(
    client: Any, table_name: str
) -> None:
    """The twin's hold comes after this request's first read: the request finds its own job, not an
    empty wallet."""
    world = ServiceHarness(client, table_name, welcome_credits=1)
    world.users.sign_up(order().principal, world.users.digests("phone"))
    twin = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    placed: list[Any] = []
    wire = world.wire()
    wire.before(
        lambda _: (
            placed.append(twin.submit(key="k1")) if len(wire.calls) == 1 and not placed else None
        )
    )
    replay = world.submit(key="k1")
    assert (replay.job, replay.replayed) == (placed[0].job, True)
    assert len(world.provider.sent) == 1


@pytest.mark.parametrize("reason", [RejectionReason.IMAGE, RejectionReason.CONTENT])
def test_a_rejected_job_keeps_its_key(world: ServiceHarness, reason: RejectionReason) -> None:
    world.provider.creates = [Rejected(reason)]
    refusals = []
    for _ in range(2):
        with pytest.raises((ImageRejected, ContentRejected)) as refused:
            world.submit(key="k1")
        refusals.append(refused.value.details["jobId"])
    assert refusals[0] == refusals[1]
    assert len(world.provider.sent) == 1


@pytest.mark.parametrize("reason", [RejectionReason.BUSY, RejectionReason.UNAVAILABLE])
def test_a_job_that_was_never_taken_is_followed_by_another_under_its_key(
    world: ServiceHarness, reason: RejectionReason
) -> None:
    world.provider.creates = [Rejected(reason)]
    with pytest.raises((ProviderBusy, ProviderUnavailable)) as refused:
        world.submit(key="k1")
    successor = world.submit(key="k1")
    assert successor.job.job_id != refused.value.details["jobId"]
    assert (successor.job.status, successor.replayed) == (JobStatus.SUBMITTED, False)
    assert world.submit(key="k1").job == successor.job
    assert world.balance() == (2, 1, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("successor", [False, True])
def test_a_twin_is_not_refused_on_the_wallet_of_before_its_job_was_released(
    client: Any, table_name: str, successor: bool
) -> None:
    """Between its read of wallet and key and its read of the job, that job is released, and in one
    case has a successor."""
    world, other = (ServiceHarness(client, table_name, welcome_credits=1) for _ in range(2))
    world.provider.creates = [Indeterminate()]
    first = world.submit(key="k1").job
    done: list[Any] = []

    def interfere(operation: str) -> None:
        if operation == "GetItem" and not done:
            done.append(other.settlement.decline(first, Failure.PROVIDER_BUSY))
            done.extend([other.submit(key="k1").job] if successor else [])

    world.wire().before(interfere)
    placed = world.submit(key="k1").job
    assert placed.job_id != first.job_id
    assert placed.job_id == (done[1].job_id if successor else placed.job_id)
    assert world.balance() == (0, 1, 0)
    assert world.audit().violations == ()


def test_a_successor_must_have_the_same_body(world: ServiceHarness) -> None:
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(ProviderBusy):
        world.submit(key="k1")
    with pytest.raises(IdempotencyKeyReused):
        world.submit(key="k1", image="https://images.example.com/other.jpg")


def test_a_failed_generation_is_returned_by_its_key_as_stored(world: ServiceHarness) -> None:
    placed = world.submit(key="k1")
    world.provider.book(placed.job.job_id, TaskStatus.FAILED)
    world.settlement.resolve("ann", placed.job.job_id)
    again = world.submit(key="k1")
    assert (again.job.status, again.job.failure, again.remaining) == (
        JobStatus.FAILED,
        "GENERATION_FAILED",
        3,
    )


@pytest.mark.parametrize(
    "fault", ["lost-answer", "lost-request", "throttle", "conflict", "internal", "unreachable"]
)
@pytest.mark.parametrize("key", [None, "k1"])
def test_a_disturbed_hold_makes_one_job(world: ServiceHarness, fault: str, key: str | None) -> None:
    world.submit()
    world.wire().plan("TransactWriteItems", fault)
    placed = world.submit(key=key)
    assert placed.job.status is JobStatus.SUBMITTED
    assert world.balance() == (1, 2, 0)
    assert [request.job_id for request in world.provider.sent].count(placed.job.job_id) == 1
    assert world.audit().violations == ()


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "throttle", "internal"])
def test_a_disturbed_record_ends_in_the_recorded_job(world: ServiceHarness, fault: str) -> None:
    world.submit()
    world.wire().plan("UpdateItem", fault)
    assert world.submit().job.status is JobStatus.SUBMITTED


def test_a_record_that_cannot_be_confirmed_returns_the_job(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("UpdateItem", "lost-request", times=3)
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTING
    world.work_until(60)
    assert world.job(placed.job.job_id).status is JobStatus.SUBMITTED


def test_a_hold_of_unknown_outcome_names_the_job_it_may_have_made(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("TransactWriteItems", "lost-request", times=1000)
    with pytest.raises(OutcomeUnknown) as refused:
        world.submit()
    assert refused.value.location == f"/jobs/{refused.value.details['jobId']}"
    assert len(world.provider.sent) == 1


def test_a_hold_that_lands_late_is_never_sent_and_comes_back(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    wire.plan("TransactWriteItems", "late", times=1000)
    with pytest.raises(OutcomeUnknown) as refused:
        world.submit()
    wire._plans.clear()
    assert 200 in wire.deliver_late()
    job_id = str(refused.value.details["jobId"])
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.work_until(800)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"
    assert job_id not in [request.job_id for request in world.provider.sent]
    assert world.audit().violations == ()


def test_the_time_to_send_begins_after_the_wait_for_the_wallets_lock(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that queued for longer than the window is still sent: the window belongs to its
    hold."""
    world.submit()
    left: list[float] = []
    create = world.provider.create

    @contextmanager
    def slow_lock(_: str) -> Iterator[bool]:
        world.clock.advance(25)
        yield True

    def timed(request: Any, until: float) -> Any:
        left.append(until - world.clock.monotonic())
        return create(request, until)

    monkeypatch.setattr(world.ledger._wallet_locks, "locked", slow_lock)
    monkeypatch.setattr(world.provider, "create", timed)
    world.submit()
    assert left == [8.0]


def test_a_busy_wallet_is_reported_and_nothing_is_sent(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("TransactWriteItems", "conflict", times=1000)
    with pytest.raises(WalletBusy):
        world.submit()
    assert len(world.provider.sent) == 1


def test_a_release_that_cannot_be_confirmed_returns_the_job_as_stored(
    world: ServiceHarness,
) -> None:
    world.submit()
    world.provider.creates = [Rejected(RejectionReason.CONTENT)]
    world.wire().plan("TransactWriteItems", "lost-request", skip=1, times=1000)
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTING


def test_another_users_job_is_not_found_exactly_like_an_unknown_one(world: ServiceHarness) -> None:
    job = world.submit().job
    errors = []
    for job_id in (
        job.job_id,
        job.job_id[:-1] + ("0" if job.job_id[-1] != "0" else "1"),
        "job_x",
        "../METADATA",
    ):
        with pytest.raises(JobNotFound) as refused:
            world.jobs.get("bob", job_id)
        errors.append((refused.value.message, refused.value.details))
    assert errors.count(errors[0]) == 4


def test_jobs_are_listed_newest_first_page_by_page(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=10)
    placed = []
    for _ in range(5):
        placed.append(world.submit().job.job_id)
        world.clock.advance(1)
    first = world.jobs.page("ann", 3, None)
    second = world.jobs.page("ann", 3, first.next_token)
    assert [job.job_id for job in first.jobs + second.jobs] == placed[::-1]
    assert second.next_token is None
    assert world.jobs.page("bob", 3, None).jobs == []


@pytest.mark.parametrize("token", ["x", "!!!!", "TUVUQURBVEE", "A" * 500])
def test_a_foreign_page_token_is_refused(world: ServiceHarness, token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        world.jobs.page("ann", 3, token)


def test_waiting_ends_with_the_job(world: ServiceHarness) -> None:
    job = world.submit().job
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.wire().before(lambda operation: None)
    real_sleep = world.clock.sleep
    world.clock.sleep = lambda seconds: (
        real_sleep(seconds),
        world.settlement.resolve("ann", job.job_id),
    )
    started = world.clock.monotonic()
    assert world.jobs.wait_for("ann", job.job_id, 25).status is JobStatus.SUCCEEDED
    assert world.clock.monotonic() - started < 2


def test_waiting_ends_with_the_time(world: ServiceHarness) -> None:
    job = world.submit().job
    started = world.clock.monotonic()
    assert world.jobs.wait_for("ann", job.job_id, 10).status is JobStatus.SUBMITTED
    assert world.clock.monotonic() - started == pytest.approx(10)


def test_beyond_the_bound_of_waiting_requests_the_response_comes_at_once(
    world: ServiceHarness,
) -> None:
    job = world.submit().job
    assert [world.jobs._places.acquire(blocking=False) for _ in range(2)] == [True, True]
    started = world.clock.monotonic()
    world.jobs.wait_for("ann", job.job_id, 10)
    assert world.clock.monotonic() == started


def test_a_callback_starts_a_lookup_and_is_not_believed(world: ServiceHarness) -> None:
    job = world.submit().job
    token = world.token_cipher.seal(["ann", job.job_id])
    world.jobs.handle_callback("kling", token, {}, b"{}", lambda _: True)
    assert world.job(job.job_id).status is JobStatus.SUBMITTED
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    for _ in range(2):
        world.jobs.handle_callback("kling", token, {}, b"{}", lambda _: True)
    assert world.balance() == (2, 0, 1)


@pytest.mark.parametrize("hint", [CallbackEvent(final=False), None])
def test_a_callback_without_a_final_status_or_signature_starts_no_lookup(
    world: ServiceHarness, hint: CallbackEvent | None
) -> None:
    job = world.submit().job
    world.provider.hint = hint
    token = world.token_cipher.seal(["ann", job.job_id])
    try:
        world.jobs.handle_callback("kling", token, {}, b"{}", lambda _: True)
    except CallbackRefused:
        assert hint is None
    assert world.provider.requested == []


@pytest.mark.parametrize("token", ["", "x", "gAAAAAB" + "A" * 80, "é" * 50, "A" * 5000])
def test_a_forged_callback_token_is_refused(world: ServiceHarness, token: str) -> None:
    with pytest.raises(CallbackRefused):
        world.jobs.handle_callback("kling", token, {}, b"{}", lambda _: True)


def test_the_callback_address_names_neither_user_nor_job(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, public_url="https://farebox.example.com/")
    job = world.submit().job
    url = world.provider.sent[0].callback_url
    assert url is not None
    assert url.startswith("https://farebox.example.com/callbacks/kling/")
    assert job.job_id not in url
    assert world.token_cipher.open(url.rpartition("/")[2]) == ["ann", job.job_id]


def test_a_request_that_wakes_after_its_job_was_released_neither_sends_nor_releases_again(
    client: Any, table_name: str
) -> None:
    """The hold is committed, its response is lost, and the process is suspended until the worker
    has released the job."""
    world = ServiceHarness(client, table_name)
    world.submit()
    worker = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-answer")
    slept: list[bool] = []

    def stand_still(_: str) -> None:
        if wire.calls[-1:] == ["TransactWriteItems"] and not slept:
            slept.append(True)
            worker.work_until(800)

    wire.before(stand_still)
    placed = world.submit()
    assert (placed.job.failure, len(world.provider.sent)) == ("PROVIDER_UNRESOLVED", 1)
    assert world.balance() == (2, 1, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("reason", [RejectionReason.CONTENT, RejectionReason.BUSY])
def test_whatever_goes_wrong_after_the_hold_the_response_names_the_job(
    world: ServiceHarness, reason: RejectionReason
) -> None:
    world.submit()
    world.provider.creates = [Rejected(reason)]

    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault of ours")

    world.jobs._settlement = type("Broken", (), {"decline": broken, "record": broken})()
    assert world.submit().job.status is JobStatus.SUBMITTING


def test_a_conflict_at_the_first_read_is_tried_again(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("TransactGetItems", "conflict", times=4)
    assert world.submit(key="k1").job.status is JobStatus.SUBMITTED
