"""Callbacks start a lookup and prove nothing by themselves."""

from typing import Any

import pytest

from service.jobs.entities import CallbackRefused, JobStatus
from service.providers.base import CallbackEvent, TaskStatus
from tests.doubles.service_harness import ServiceHarness


@pytest.mark.protocol("callback-polls")
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
@pytest.mark.protocol("callback-polls")
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
@pytest.mark.protocol("callback-authentic")
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
