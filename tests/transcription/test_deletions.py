"""A user deletes one transcript: here at once, at the vendor soon, and the job stays."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from service.app import create_app
from service.erasure.operations import Erasures
from service.jobs.entities import Failure, Job, JobStatus
from service.results import keys as result_keys
from service.results.operations import Results
from service.storage.table import StorageUnavailable
from service.storage.writes import REPLACE, Put, Update
from service.transcription import keys
from service.transcription.deletions import Deletions
from service.transcription.entities import TranscriptionNotEnded
from service.transcription.operations import Transcriptions
from service.transcription.sweeps import DueDeletions
from tests.doubles.gauges import Gauges
from tests.transcription.conftest import World, spoken, world_of

DAY = 86_400


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(stage="dev", trust_bare_google_id=True, kms_key_id="")


@pytest.fixture(scope="module")
def site(world: World) -> FlaskClient:
    return create_app(world.harness.parts).test_client()


@pytest.fixture(autouse=True)
def a_vendor_that_responds(world: World) -> None:
    world.vendor.is_down = False
    world.vendor.deleted.clear()


def delivered(world: World, *ends: int) -> Job:
    job = world.transcribe().job
    world.vendor.completes(job, 60, spoken(*(ends or (1000, 2000))))
    return world.settled(job)


def delete(site: FlaskClient, job_id: str, user_id: str = "ann") -> tuple[int, Any]:
    response = site.delete(f"/transcriptions/{job_id}", headers={"X-Google-ID": user_id})
    assert response.json is not None
    return response.status_code, response.json.get("code")


def swept(world: World) -> None:
    deletions = world.harness.parts.get(Deletions)
    DueDeletions(deletions, lambda: False).run_once()


def under_way(world: World) -> list[str]:
    found = [str(item["SK"]["S"]) for item in world.harness.items()]
    return [sk for sk in found if sk.startswith(keys.DELETION_PREFIX)]


def test_a_deleted_transcript_is_gone_in_every_form_and_its_job_stays(
    world: World, site: FlaskClient
) -> None:
    job = delivered(world)
    wallet = world.harness.wallet()
    assert delete(site, job.job_id) == (200, None)
    headers = {"X-Google-ID": "ann"}
    shown: Any = site.get(f"/transcriptions/{job.job_id}", headers=headers).json
    assert (shown["data"]["transcript"], shown["data"]["status"]) == (None, "SUCCEEDED")
    assert shown["data"]["receipt"]["usage"] == {"milliseconds": 60_000}
    for form in ("text", "srt", "vtt"):
        path = f"/transcriptions/{job.job_id}?format={form}"
        refused: Any = site.get(path, headers=headers).json
        assert (refused["code"], refused["details"]) == ("NO_TRANSCRIPT", {"status": "SUCCEEDED"})
    assert world.vendor.deleted == []
    swept(world)
    assert world.vendor.deleted == [f"t_{job.job_id}"]
    assert under_way(world) == []
    assert world.harness.job(job.job_id) == job
    assert world.harness.wallet() == wallet
    assert world.violations() == []


def test_what_lies_in_chunks_is_gone_too(world: World, site: FlaskClient) -> None:
    job = delivered(world, *range(10, 60_000, 10))
    chunks = f"{result_keys.RESULT_PREFIX}{job.job_id}"
    assert any(item["PK"]["S"] == chunks for item in world.harness.items())
    delete(site, job.job_id)
    world.harness.work_until(2 * 3600, step=600)
    assert not any(item["PK"]["S"] == chunks for item in world.harness.items())
    assert world.violations() == []


def test_a_deletion_can_be_repeated_before_and_after_it_is_done(
    world: World, site: FlaskClient
) -> None:
    job = delivered(world)
    for _ in range(2):
        assert delete(site, job.job_id) == (200, None)
    assert len(under_way(world)) == 1
    swept(world)
    assert delete(site, job.job_id) == (200, None)
    swept(world)
    assert under_way(world) == []
    assert world.violations() == []


def test_an_open_one_is_refused_and_nothing_is_written(world: World, site: FlaskClient) -> None:
    job = world.transcribe().job
    before = world.harness.items()
    response: Any = site.delete(f"/transcriptions/{job.job_id}", headers={"X-Google-ID": "ann"})
    assert (response.status_code, response.json["code"]) == (409, "TRANSCRIPTION_NOT_ENDED")
    assert response.json["details"] == {"status": "SUBMITTED"}
    assert world.harness.items() == before


def test_one_that_may_still_deliver_is_refused_until_it_no_longer_can() -> None:
    world = world_of()
    job = world.transcribe().job
    world.harness.work_until(DAY + 3600, step=1800)
    given_up = world.harness.job(job.job_id)
    assert (given_up.failure, given_up.watch_until is not None) == (
        Failure.PROVIDER_UNRESOLVED,
        True,
    )
    before = world.harness.items()
    transcriptions = world.harness.parts.get(Transcriptions)
    with pytest.raises(TranscriptionNotEnded):
        transcriptions.delete("ann", job.job_id)
    assert world.harness.items() == before
    world.harness.work_until(DAY + 3600, step=1800)
    transcriptions.delete("ann", job.job_id)
    swept(world)
    assert world.vendor.deleted == [f"t_{job.job_id}"]
    assert world.harness.job(job.job_id).status is JobStatus.FAILED
    assert world.violations() == []


def test_another_s_is_as_unknown_as_any_and_so_is_a_video(world: World, site: FlaskClient) -> None:
    job = delivered(world)
    video = world.harness.submit("ann", "phone-of-ann").job.job_id
    unknown = "job_00000000000000000000000000"
    before = world.harness.items()
    for job_id, user in ((job.job_id, "bob"), (unknown, "ann"), (video, "ann"), ("x", "ann")):
        assert delete(site, job_id, user) == (404, "JOB_NOT_FOUND")
    assert world.harness.items() == before


def test_the_vendor_is_called_until_it_confirms_and_an_operator_learns_how_long(
    world: World, site: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = delivered(world)
    world.vendor.is_down = True
    delete(site, job.job_id)
    with capture_logs() as logs:
        swept(world)
        swept(world)
    left = [line for line in logs if line["event"] == "transcript_left_at_vendor"]
    assert [line["job_id"] for line in left] == [job.job_id]
    world.harness.clock.advance(3 * DAY)
    monkeypatch.setattr(world.harness.parts.get(Deletions), "_metrics", gauges := Gauges())
    swept(world)
    assert max(gauges.snapshot) >= 3 * DAY
    assert (world.vendor.deleted, len(under_way(world))) == ([], 1)
    world.vendor.is_down = False
    swept(world)
    assert world.vendor.deleted == []
    world.harness.clock.advance(15 * 60)
    swept(world)
    assert (world.vendor.deleted, under_way(world)) == ([f"t_{job.job_id}"], [])


def test_a_process_that_dies_after_the_record_has_the_worker_do_the_rest(
    world: World, site: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = delivered(world)

    def dies(*_: object) -> bool:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Results, "erase_content", dies)
        assert delete(site, job.job_id) == (503, "STORAGE_UNAVAILABLE")
    swept(world)
    found = world.results.read("ann", job.job_id)
    assert found is not None
    assert found.content is None
    assert world.vendor.deleted == [f"t_{job.job_id}"]


def test_what_a_table_editor_wants_is_not_deleted_and_stops_no_other() -> None:
    world = world_of()
    kept, wanted = delivered(world), delivered(world)
    now = world.harness.clock.now()
    forged = {
        "requestedAt": "2026-01-01T00:00:00.000Z",
        "mac": "x" * 22,
        **keys.DUE_DELETIONS.index(kept.job_id, now - 1),
    }
    world.harness.table.write(Put(keys.deletion("ann", kept.job_id), forged))
    world.harness.parts.get(Transcriptions).delete("ann", wanted.job_id)
    with capture_logs() as logs:
        swept(world)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "transcript_not_deleted_yet"
    ]
    assert world.vendor.deleted == [f"t_{wanted.job_id}"]
    found = world.results.read("ann", kept.job_id)
    assert found is not None
    assert found.content is not None
    assert world.violations() == ["is not as this service wrote it (its MAC does not hold)"]


def test_one_whose_place_in_the_index_was_edited_is_found_by_the_audit() -> None:
    world = world_of()
    job = delivered(world)
    world.harness.parts.get(Transcriptions).delete("ann", job.job_id)
    key = keys.deletion("ann", job.job_id)
    world.harness.table.write(Update(key, REPLACE, {"GSI2PK": "DUE#TRANSCRIPT_DELETION#7"}))
    assert world.violations() == ["its index attributes are not those of its shard and time"]


def test_an_erasure_is_done_with_deletions_that_are_under_way() -> None:
    world = world_of()
    job = delivered(world)
    world.vendor.is_down = True
    world.harness.parts.get(Transcriptions).delete("ann", job.job_id)
    world.harness.parts.get(Erasures).request("ann", "req_01kb7r3v6q8f2x0m4n5p6q7r8s")
    world.harness.work_until(60)
    assert len(under_way(world)) == 1
    world.vendor.is_down = False
    world.harness.work_until(3600, step=300)
    assert under_way(world) == []
    assert set(world.vendor.deleted) == {f"t_{job.job_id}"}
    assert world.violations() == []
