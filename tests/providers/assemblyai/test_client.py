"""A create is sent once, its outcome is certain or it is not, and what was created is found
again."""

import json
from dataclasses import replace

import pytest

from service.core.days import DAY
from service.core.metrics import Metric
from service.providers.assemblyai import client as client_module
from service.providers.base import (
    Accepted,
    CallbackEvent,
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    TaskStatus,
    link_digest,
)
from tests.providers.assemblyai.harness import AUDIO, KEYS, WRONG, AssemblyAiHarness, request_of

UNAVAILABLE, BUSY = Rejected(RejectionReason.UNAVAILABLE), Rejected(RejectionReason.BUSY)


def create(world: AssemblyAiHarness, job_id: str = "job_1", audio: str = AUDIO) -> str:
    outcome = world.client().create(request_of(job_id, audio), world.soon())
    assert isinstance(outcome, Accepted)
    return outcome.task.task_id


def test_a_request_carries_the_bare_key_and_the_bound_of_what_is_transcribed(
    world: AssemblyAiHarness,
) -> None:
    request = request_of(language="pt", speaker_labels=True)
    assert isinstance(world.client().create(request, world.soon()), Accepted)
    sent = world.journal("create")[0]
    assert sent["headers"]["Authorization"] == "assemblyai-local-api-key"
    body = sent["body"] if isinstance(sent["body"], dict) else json.loads(sent["body"])
    assert body == {
        "audio_url": AUDIO,
        "audio_end_at": 3_600_000,
        "speech_models": ["universal-2"],
        "speaker_labels": True,
        "language_code": "pt",
        "webhook_url": "https://farebox.example/callbacks/assemblyai/job_1",
        "webhook_auth_header_name": "X-Farebox-Callback",
        "webhook_auth_header_value": "callback-secret",
    }


def test_a_finished_transcript_is_found_with_its_words(world: AssemblyAiHarness) -> None:
    task_id = create(world)
    found = world.client().fetch_task(task_id, world.sought())
    assert isinstance(found, Found)
    assert found.task.status is TaskStatus.SUCCEEDED
    assert found.task.facts["audioSeconds"] == 90
    assert found.task.document["text"].startswith("Hello, this is a simulated recording")
    assert len(found.task.document["words"]) == 180


def test_a_transcript_of_hours_is_found_whole(world: AssemblyAiHarness) -> None:
    """Of several megabytes: more than any other vendor's response has."""
    client, audio = world.client(seconds=30.0), "https://audio.example.com/talk-20000s.mp3"
    request = request_of("job_1", audio)
    accepted = client.create(replace(request, max_seconds=36_000), world.soon())
    assert isinstance(accepted, Accepted)
    found = client.fetch_task(accepted.task.task_id, world.sought(audio=audio))
    assert isinstance(found, Found)
    assert len(found.task.document["words"]) == 40_000


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("status:400", UNAVAILABLE),
        ("status:400:language", Rejected(RejectionReason.LANGUAGE)),
        ("status:400:balance", UNAVAILABLE),
        ("status:402", UNAVAILABLE),
        ("status:403", UNAVAILABLE),
        ("status:429", BUSY),
        ("status:408", Indeterminate()),
        ("status:500", Indeterminate()),
        ("status:503", Indeterminate()),
        ("html:502", Indeterminate()),
        ("html:403", UNAVAILABLE),
        ("garbage", Indeterminate()),
        ("lost-answer", Indeterminate()),
        ("reset", Indeterminate()),
        ("late", Indeterminate()),
    ],
)
def test_an_outcome_is_a_refusal_only_where_that_is_proved(
    world: AssemblyAiHarness, fault: str, outcome: object
) -> None:
    world.fault("create", fault, count=1 if outcome != BUSY else 3, seconds=0)
    assert world.client().create(request_of(), world.soon()) == outcome
    sent = len(world.journal("create"))
    assert sent == (3 if outcome == BUSY else 1)
    is_counted = outcome == UNAVAILABLE and fault != "status:400"
    assert world.metrics.counts[Metric.PROVIDER_REFUSES_US] == is_counted


def test_a_busy_vendor_is_tried_again_and_takes_one(world: AssemblyAiHarness) -> None:
    world.fault("create", "status:429", count=2)
    create(world)
    assert len(world.tasks()) == 1


def test_a_proxy_that_refuses_proves_nothing_while_the_list_cannot_be_read(
    world: AssemblyAiHarness,
) -> None:
    world.fault("create", "html:403")
    world.fault("list", "status:500")
    assert world.client().create(request_of(), world.soon()) == Indeterminate()


def test_nothing_is_sent_without_a_key_or_a_connection(world: AssemblyAiHarness) -> None:
    nowhere = world.client("http://127.0.0.1:1")
    assert nowhere.create(request_of(), world.soon()) == UNAVAILABLE
    world.keys = [type(KEYS)()]
    assert world.client().create(request_of(), world.soon()) == UNAVAILABLE
    assert world.journal("create") == []
    assert world.metrics.counts[Metric.PROVIDER_NOT_REACHED] == 2


def test_a_key_that_was_replaced_is_read_again(world: AssemblyAiHarness) -> None:
    world.keys = [WRONG, KEYS]
    client = world.client()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.providers.assemblyai.credentials.MIN_SECONDS_BETWEEN_READS", 0.0)
        assert isinstance(client.create(request_of(), world.soon()), Accepted)
    world.keys = [WRONG]
    assert world.client().create(request_of("job_2"), world.soon()) == UNAVAILABLE


def test_a_transcript_is_found_by_the_address_of_its_callback(world: AssemblyAiHarness) -> None:
    others = [create(world, f"job_{number}") for number in (2, 3)]
    mine = create(world)
    create(world, "job_4", "https://audio.example.com/other.mp3")
    found = world.client().fetch_task(None, world.sought())
    assert isinstance(found, Found)
    assert found.task.task_id == mine
    assert found.task.task_id not in others


def test_a_transcript_is_deleted_and_may_be_deleted_again(world: AssemblyAiHarness) -> None:
    task_id = create(world)
    client = world.client()
    assert client.delete(task_id)
    assert client.fetch_task(task_id, world.sought()) == NotFound()
    assert client.delete(task_id)
    assert client.delete("unknown")


@pytest.mark.parametrize("fault", ["status:500", "garbage", "html:502", "reset", "status:401"])
def test_a_deletion_without_proof_is_not_done(world: AssemblyAiHarness, fault: str) -> None:
    task_id = create(world)
    world.fault("delete", fault)
    assert not world.client().delete(task_id)
    assert world.client().delete(task_id)


def test_transcripts_of_its_own_audio_are_fetched_first(world: AssemblyAiHarness) -> None:
    mine = create(world)
    for number in range(2, 5):
        create(world, f"job_{number}", f"https://audio.example.com/other-{number}.mp3")
    found = world.client().fetch_task(None, world.sought())
    assert isinstance(found, Found)
    assert found.task.task_id == mine
    assert len(world.journal("query")) == 1


def test_one_that_was_created_long_after_it_was_sent_is_found(world: AssemblyAiHarness) -> None:
    mine = create(world)
    create(world, "job_2", "https://audio.example.com/other.mp3")
    sought = world.sought()
    early = replace(sought, sent_from=sought.sent_from - DAY, sent_until=sought.sent_until - DAY)
    found = world.client().fetch_task(None, early)
    assert isinstance(found, Found)
    assert found.task.task_id == mine
    assert len(world.journal("query")) == 1


def test_an_upload_whose_create_got_no_response_is_found_by_its_link_without_the_signature(
    world: AssemblyAiHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind more others of that time than are fetched one by one."""
    monkeypatch.setattr(client_module, "MAX_OTHERS", 2)
    link = "https://files.example.com/uploads/d/upl_1"
    world.fault("create", "lost-answer")
    request = request_of(audio=f"{link}?versionId=v&X-Amz-Signature=1")
    assert world.client().create(request, world.soon()) == Indeterminate()
    for number in range(4):
        create(world, f"other_{number}", f"https://audio.example.com/{number}.mp3?X-Amz-Date=1")
    sought = replace(world.sought(), audio_digest=link_digest(f"{link}?X-Amz-Signature=2"))
    assert world.client().fetch_task(None, replace(sought, audio_digest=None)) == Indeterminate()
    found = world.client().fetch_task(None, replace(sought, is_link=True))
    assert isinstance(found, Found)
    assert world.client().fetch_task(None, replace(sought, job_id="job_9", is_link=True)) == (
        NotFound()
    )


def test_what_was_never_created_is_not_found(world: AssemblyAiHarness) -> None:
    create(world, "job_2")
    assert world.client().fetch_task(None, world.sought()) == NotFound()
    assert world.client().fetch_task("gone", world.sought()) == NotFound()


def test_a_transcript_is_found_behind_many_others(
    world: AssemblyAiHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 2)
    mine = create(world)
    for number in range(7):
        create(world, f"other_{number}", f"https://audio.example.com/{number}.mp3")
    found = world.client().fetch_task(None, world.sought())
    assert isinstance(found, Found)
    assert found.task.task_id == mine
    monkeypatch.setattr(client_module, "MAX_PAGES", 2)
    assert world.client().fetch_task(None, world.sought("job_9")) == Indeterminate()


@pytest.mark.parametrize("fault", ["status:500", "garbage", "html:502", "reset", "status:401"])
@pytest.mark.parametrize("operation", ["list", "query"])
def test_a_search_that_breaks_proves_nothing(
    world: AssemblyAiHarness, operation: str, fault: str
) -> None:
    create(world)
    world.fault(operation, fault, count=-1)
    assert world.client().fetch_task(None, world.sought()) == Indeterminate()


@pytest.mark.parametrize("fault", ["status:500", "garbage", "html:502", "reset", "status:401"])
def test_a_query_that_breaks_proves_nothing(world: AssemblyAiHarness, fault: str) -> None:
    task_id = create(world)
    world.fault("query", fault, count=-1)
    assert world.client().fetch_task(task_id, world.sought()) == Indeterminate()


def test_another_jobs_transcript_is_not_believed(world: AssemblyAiHarness) -> None:
    other = create(world, "job_2")
    assert world.client().fetch_task(other, world.sought()) == Indeterminate()
    assert world.metrics.counts[Metric.PROVIDER_FOREIGN_TASKS] == 1


@pytest.mark.parametrize(
    ("name", "rejection"), [("missing", RejectionReason.AUDIO), ("noaudio", RejectionReason.AUDIO)]
)
def test_a_recording_that_cannot_be_used_fails_for_that_reason(
    world: AssemblyAiHarness, name: str, rejection: RejectionReason
) -> None:
    audio = f"https://audio.example.com/{name}.mp3?signature=secret"
    task_id = create(world, audio=audio)
    found = world.client().fetch_task(task_id, world.sought(audio=audio))
    assert isinstance(found, Found)
    assert (found.task.status, found.task.rejection) == (TaskStatus.FAILED, rejection)
    assert "secret" not in found.task.reason


def test_any_other_failure_is_the_vendors(world: AssemblyAiHarness) -> None:
    world.fault("create", "job-fails")
    task_id = create(world)
    found = world.client().fetch_task(task_id, world.sought())
    assert isinstance(found, Found)
    assert found.task.status is TaskStatus.FAILED


@pytest.mark.parametrize(
    ("header", "body", "event"),
    [
        ("callback-secret", b'{"status":"completed"}', CallbackEvent(True)),
        ("callback-secret", b'{"status":"error"}', CallbackEvent(True)),
        ("callback-secret", b'{"status":"processing"}', CallbackEvent(False)),
        ("callback-secret", b"[]", None),
        ("callback-secre\xe9", b'{"status":"completed"}', None),
        ("", b'{"status":"completed"}', None),
    ],
)
def test_a_callback_counts_only_with_the_secret(
    world: AssemblyAiHarness, header: str, body: bytes, event: CallbackEvent | None
) -> None:
    headers = {"x-farebox-callback": header} if header else {}
    assert world.client().read_callback(headers, body, 0) == event
