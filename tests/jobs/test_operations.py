"""Submitting a job: the hold, the single send, devices, and every outcome of a send."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from service.catalog.entities import UnknownPromptKey
from service.core.amounts import SCALE
from service.core.public_urls import AddressRefused
from service.jobs.entities import JobStatus, ProviderBusy, ProviderUnavailable
from service.ledger import keys as ledger_keys
from service.ledger.entities import InsufficientCredits, WalletFrozen
from service.providers.base import Indeterminate, Rejected, RejectionReason, TaskStatus
from service.storage.writes import Update, When
from service.users import keys as users_keys
from service.users.entities import DeviceAlreadyUsed
from service.videos.entities import ContentRejected, ImageRejected, ImageTooLarge, ImageUnusable
from tests.doubles.pictures import in_base64, jpeg, png
from tests.doubles.service_harness import ServiceHarness, order


@pytest.mark.protocol("hold-first")
def test_a_placed_job_is_held_sent_once_and_recorded(world: ServiceHarness) -> None:
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTED
    assert (placed.job.task_id, placed.remaining) == (f"task-{placed.job.job_id}", 2 * SCALE)
    assert world.job(placed.job.job_id) == placed.job
    assert world.balance() == (2, 1, 0)
    assert [request.job_id for request in world.provider.sent] == [placed.job.job_id]


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.FAILED])
def test_each_entry_of_a_job_says_what_it_was_for_and_for_which_request(
    world: ServiceHarness, status: TaskStatus
) -> None:
    job = world.submit(request_id="mine").job
    world.provider.book(job.job_id, status)
    world.work_until(60)
    entries = list(world.ledger.entries("ann"))[1:]
    assert len(entries) == 2
    for entry in entries:
        assert entry.details == {"operation": job.operation, "requestId": "mine"}
    assert world.job(job.job_id).request_id == "mine"
    assert world.audit().violations == ()


@pytest.mark.protocol("three-calls")
def test_a_known_user_is_served_in_three_calls(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    world.submit()
    assert wire.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]


@pytest.mark.protocol("three-calls")
def test_a_known_user_with_a_key_is_served_in_three_calls(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    world.submit(key="k1")
    assert wire.calls == ["TransactGetItems", "TransactWriteItems", "UpdateItem"]


def test_a_new_device_of_a_known_user_is_served_in_three_calls(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    world.submit(device="tablet")
    assert wire.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]
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


def test_the_twenty_first_device_pushes_another_out_of_the_set(
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


@pytest.mark.protocol("refused-before-hold")
def test_without_credits_nothing_is_written_or_sent(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=1)
    world.submit()
    before = world.items()
    with pytest.raises(InsufficientCredits):
        world.submit()
    assert world.items() == before
    assert len(world.provider.sent) == 1


@pytest.mark.protocol("refused-before-hold")
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
        (in_base64(png(299, 299)), ImageUnusable),
        (in_base64(jpeg(1200, 400)), ImageUnusable),
        (in_base64(png()[:40]), ImageUnusable),
        (f"data:image/png;base64,{in_base64(jpeg())}", ImageUnusable),
        ("https://images.example.com/" + "a" * 8166, AddressRefused),
    ],
)
@pytest.mark.protocol("refused-before-hold")
def test_an_image_that_cannot_be_used_is_refused_before_anything_is_written(
    world: ServiceHarness, image: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        world.submit(image=image)
    assert world.items() == []


def test_an_image_may_be_sent_as_base64_and_is_kept_as_its_hash(world: ServiceHarness) -> None:
    image = in_base64(jpeg())
    job = world.submit(image=image).job
    kept = (job.payload["imageLength"], len(str(job.payload["imageHash"])))
    assert kept == (len(image), 22)
    assert image not in str(world.items())


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (f"data:image/jpeg;base64,{in_base64(jpeg())}", in_base64(jpeg())),
        (base64.encodebytes(jpeg()).decode(), in_base64(jpeg())),
        ("HTTPS://Images.Example.com/a.jpg", "https://images.example.com/a.jpg"),
    ],
)
def test_one_image_spelt_differently_is_one_request_and_is_sent_in_its_plain_form(
    world: ServiceHarness, first: str, again: str
) -> None:
    jobs = {world.submit(image=image, key="one").job.job_id for image in (first, again)}
    assert len(jobs) == 1
    assert [sent.image for sent in world.provider.sent] == [again]


def test_an_address_of_the_max_length_keeps_the_job_small(world: ServiceHarness) -> None:
    job = world.submit(image="https://images.example.com/" + "a" * 8165).job
    assert job.payload["imageLength"] == 8192
    assert all(len(str(item)) < 1_500 for item in world.items())


@pytest.mark.protocol("refused-before-hold")
def test_an_unknown_prompt_is_refused_with_the_known_ones_and_signs_no_one_up(
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
@pytest.mark.protocol("rejected")
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
@pytest.mark.protocol("indeterminate")
def test_an_indeterminate_send_leaves_the_job_to_the_worker_and_is_no_failure(
    world: ServiceHarness, outcome: Any
) -> None:
    world.provider.creates = [outcome]
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTING
    assert world.balance() == (2, 1, 0)
    assert len(world.provider.sent) == 1
