"""A video is charged once its copy is there, whatever happens to the copying."""

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from service.app import create_app
from service.core.erasure import StepOutcome
from service.jobs.entities import JobStatus
from service.providers.base import TaskStatus
from service.storage.media_bucket import PART_BYTES
from service.videos.addresses import CopyAddresses
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.provider import REAL_LINK
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import MAC_KEY
from tests.videos.conftest import API, FILE, Copying, memory_world_of

DAY = 24 * 3600
ADDRESSES = CopyAddresses(MAC_KEY, API)


def shown(world: Copying, job_id: str, user_id: str = "ann") -> dict[str, Any]:
    """The video's own fields."""
    job = world.service.job(job_id, user_id)
    fields = world.service.operations.render(job)
    return {name: fields[name] for name in ("videoUrl", "videoExpiresAt")}


def state(world: Copying, job_id: str) -> tuple[JobStatus, float, int]:
    """The job's status, what was charged for it, and how many copies lie in the bucket."""
    job = world.service.job(job_id)
    return job.status, world.service.balance()[2], len(world.copies())


def test_a_video_is_copied_before_it_is_charged_and_played_from_the_copy(copying: Copying) -> None:
    job_id = copying.finished()
    copying.work()
    (copy,) = copying.copies()
    assert (copy["key"], copy["size"], copy["contentType"]) == (
        ADDRESSES.key("ann", job_id),
        len(FILE),
        "video/mp4",
    )
    job = copying.service.job(job_id)
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, 1000)
    link = shown(copying, job_id)
    assert str(link["videoUrl"]).startswith(f"{API}/videos/files/")
    assert link["videoUrl"] == shown(copying, job_id)["videoUrl"], "apps may keep it"
    assert "example.com/bs2" not in str(link)
    assert copying.service.audit().violations == ()


def test_its_address_leads_whoever_has_it_to_the_file_until_the_copy_is_deleted(
    copying: Copying,
) -> None:
    job_id = copying.finished()
    copying.work()
    client = create_app(copying.service.parts).test_client()
    path = urlsplit(shown(copying, job_id)["videoUrl"]).path
    response = client.get(path)
    assert response.status_code == 302
    assert "max-age" in response.headers["Cache-Control"]
    assert requests.get(response.headers["Location"], timeout=30).content == FILE
    ranged = requests.get(response.headers["Location"], headers={"Range": "bytes=4-7"}, timeout=30)
    assert ranged.content == b"ftyp"
    copying.clock.advance(90 * DAY - 1)
    assert client.get(path).status_code == 302
    copying.clock.advance(1)
    gone: Any = client.get(path)
    assert (gone.status_code, gone.json["code"]) == (404, "VIDEO_NOT_FOUND")


@pytest.mark.parametrize("change", [lambda t: t[:-4], lambda t: "A" + t[1:], lambda t: t + "AAAA"])
@pytest.mark.parametrize("place", ["token", "nothing"])
def test_an_address_that_is_not_ours_is_not_found(
    copying: Copying, change: Any, place: str
) -> None:
    now = copying.clock.now()
    token = ADDRESSES.url("ann", copying.finished(), now + 60_000).rpartition("/")[2]
    assert ADDRESSES.key_named(token, now) is not None
    wrong = change(token) if place == "token" else change("x" * 8)
    assert ADDRESSES.key_named(wrong, now) is None
    assert CopyAddresses(b"n" * 32, API).key_named(token, now) is None


FAULTS = [
    ("kling", "video", "cut"),
    ("kling", "video", "html:200"),
    ("kling", "video", "status:403"),
    ("kling", "video", "reset"),
    ("s3", "head", "status:403"),
    ("s3", "put", "status:403"),
    ("s3", "put", "status:400:EntityTooLarge"),
]


@pytest.mark.parametrize(("service", "operation", "fault"), FAULTS)
def test_what_cannot_be_copied_is_neither_charged_nor_lost_and_tried_again(
    copying: Copying, service: str, operation: str, fault: str
) -> None:
    copying.broken(service, operation, fault, count=-1)
    job_id = copying.finished()
    copying.work()
    assert state(copying, job_id) == (JobStatus.SUBMITTED, 0, 0)
    copying.calls()
    copying.work(3, step=0.5)
    assert copying.calls(service) == [], "not again in every round"
    copying.mended()
    copying.work(3)
    assert state(copying, job_id) == (JobStatus.SUCCEEDED, 1, 1)
    assert copying.service.balance() == (2, 0, 1)
    assert copying.service.audit().violations == ()


def test_a_write_whose_response_is_lost_is_done_once(copying: Copying) -> None:
    copying.broken("s3", "put", "lost-answer", count=2)
    job_id = copying.finished()
    copying.work(4)
    assert state(copying, job_id) == (JobStatus.SUCCEEDED, 1, 1)


def test_a_copy_that_is_there_already_is_not_made_again(copying: Copying) -> None:
    """A process that dies between the copy and the capture."""
    job_id = copying.finished()
    key = ADDRESSES.key("ann", job_id)
    copying.bucket.put_once(key, "video/mp4", iter([FILE]))
    copying.work()
    assert (copying.downloads.fetched, state(copying, job_id)[0]) == (0, JobStatus.SUCCEEDED)
    assert len(copying.copies()) == 1


def test_past_the_hard_limit_the_vendors_address_is_delivered(copying: Copying) -> None:
    copying.broken("s3", "put", "status:403", count=-1)
    job_id = copying.finished()
    copying.work(20, step=3600)
    assert copying.service.job(job_id).status is JobStatus.SUBMITTED
    copying.work(6, step=3600)
    assert state(copying, job_id) == (JobStatus.SUCCEEDED, 1, 0)
    assert shown(copying, job_id)["videoUrl"] == REAL_LINK
    assert copying.service.audit().violations == ()


@pytest.mark.parametrize("status", [404, 410])
def test_a_video_that_the_vendor_has_not_got_at_the_hard_limit_is_not_charged(
    copying: Copying, status: int
) -> None:
    copying.broken("kling", "video", f"status:{status}", count=-1)
    job_id = copying.finished()
    copying.work(20, step=3600)
    assert state(copying, job_id) == (JobStatus.SUBMITTED, 0, 0)
    copying.work(6, step=3600)
    job = copying.service.job(job_id)
    assert (job.status, job.failure) == (JobStatus.FAILED, "GENERATION_FAILED")
    assert (job.captured, job.house_loss) == (0, 1000)
    assert copying.service.balance() == (3, 0, 0)
    assert copying.service.audit().violations == ()


@pytest.mark.parametrize("fault", ["status:403", "status:500", "reset", "html:200"])
def test_a_video_of_which_no_one_knows_at_the_hard_limit_is_delivered_as_it_is(
    copying: Copying, fault: str
) -> None:
    copying.broken("kling", "video", fault, count=-1)
    job_id = copying.finished()
    copying.work(26, step=3600)
    assert state(copying, job_id) == (JobStatus.SUCCEEDED, 1, 0)
    assert copying.service.audit().violations == ()


def test_a_video_too_large_for_a_copy_is_delivered_where_the_vendor_has_it_at_once(
    copying: Copying,
) -> None:
    copying.broken("kling", "video", "oversize", count=-1)
    job_id = copying.finished()
    copying.work()
    assert state(copying, job_id) == (JobStatus.SUCCEEDED, 1, 0)
    assert shown(copying, job_id)["videoUrl"] == REAL_LINK
    assert copying.service.audit().violations == ()


def test_a_copy_found_later_expires_as_the_bucket_deletes_it(copying: Copying) -> None:
    """A process that dies between the copy and the capture, hours before the next look."""
    job_id = copying.finished()
    key = ADDRESSES.key("ann", job_id)
    copying.bucket.put_once(key, "video/mp4", iter([FILE]))
    stored_at = copying.bucket.head(key).stored_at
    copying.clock.advance(5 * 3600)
    copying.work()
    result: Any = copying.service.job(job_id).result
    assert result["copyExpiresAt"] == stored_at + 90 * DAY * 1000


def test_a_video_that_comes_after_the_release_is_given_where_the_vendor_has_it(
    copying: Copying,
) -> None:
    job_id = copying.service.submit().job.job_id
    copying.work(50, step=3600)
    assert copying.service.job(job_id).failure == "PROVIDER_UNRESOLVED"
    copying.service.provider.book(job_id, TaskStatus.SUCCEEDED)
    copying.service.settlement.resolve("ann", job_id)
    assert (shown(copying, job_id)["videoUrl"], copying.copies()) == (REAL_LINK, [])


def test_no_request_copies_but_has_the_worker_do_it_at_once(copying: Copying) -> None:
    """A callback, or an operator's command."""
    job_id = copying.finished()
    copying.clock.advance(1)
    job = copying.service.settlement.resolve("ann", job_id)
    assert (job.status, copying.downloads.fetched) == (JobStatus.SUBMITTED, 0)
    assert copying.service.job(job_id).due_at == copying.clock.now()
    copying.work(step=0.001)
    assert state(copying, job_id)[0] is JobStatus.SUCCEEDED


def test_a_copy_costs_two_calls_of_s3_and_no_further_write_unit(copying: Copying) -> None:
    user = "110248495921238986420"
    copying.finished(user)
    job_id = copying.finished(user)
    copying.calls()
    meter = Meter(copying.service.dynamodb, RawClient(memory_client(copying.service.where)))
    with meter.watch() as captured:
        job = copying.service.settlement.in_background().resolve(user, job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert (copying.calls(), copying.downloads.fetched) == (["head", "put"], 1)
    assert captured.calls == ["GetItem", "TransactGetItems", "TransactWriteItems"]
    assert captured.writes == 7
    assert captured.max_bytes["JOB"] <= 1024


def test_an_erasure_waits_for_copies_under_way_and_removes_them_all(copying: Copying) -> None:
    kept = copying.finished("bob")
    copying.finished()
    copying.work()
    steps = {step.name: step for step in copying.service.parts.erasure_steps()}
    remove, empty = steps["video_copies"].run, steps["job_content"].run
    assert remove("ann") is StepOutcome.WAITING
    assert empty("ann") is StepOutcome.DONE
    copying.clock.advance(899)
    assert remove("ann") is StepOutcome.WAITING
    copying.clock.advance(1)
    assert remove("ann") is StepOutcome.DONE
    assert [each["key"] for each in copying.copies()] == [ADDRESSES.key("bob", kept)]
    assert remove("ann") is StepOutcome.DONE
    assert remove("carol") is StepOutcome.DONE


def test_an_erasure_waits_as_long_as_a_copy_may_take(copying: Copying) -> None:
    """However soon what users upload must have arrived."""
    world = memory_world_of(
        copying, videos_copy_days=90, videos_copy_seconds=600, uploads_post_seconds=60
    )
    copying.finished()
    copying.work()
    steps = {step.name: step for step in world.parts.erasure_steps()}
    assert steps["job_content"].run("ann") is StepOutcome.DONE
    copying.clock.advance(600)
    assert steps["video_copies"].run("ann") is StepOutcome.WAITING
    copying.clock.advance(60)
    assert steps["video_copies"].run("ann") is StepOutcome.DONE


def test_an_export_lists_the_copies(copying: Copying) -> None:
    job_id = copying.finished()
    copying.work()
    parts = {part.name: part for part in copying.service.parts.export_parts()}
    listed: Any = parts["videoCopies"].read("ann")
    assert [(each["jobId"], each["bytes"]) for each in listed] == [(job_id, len(FILE))]


def test_copies_outlive_the_setting(copying: Copying) -> None:
    job_id = copying.finished()
    copying.work()
    url = shown(copying, job_id)["videoUrl"]
    later = Copying(
        memory_world_of(copying, videos_copy_days=0),
        *(copying.bucket, copying.downloads, copying.simulators, copying.clock),
    )
    assert shown(later, job_id)["videoUrl"] == url
    assert create_app(later.service.parts).test_client().get(urlsplit(url).path).status_code == 302
    uncopied = later.finished()
    later.work()
    assert shown(later, uncopied)["videoUrl"] == REAL_LINK
    steps = {step.name: step for step in later.service.parts.erasure_steps()}
    assert steps["video_copies"].run("ann") is StepOutcome.DONE
    assert copying.copies() == []


def test_without_a_bucket_a_copied_video_is_shown_where_the_vendor_has_it(copying: Copying) -> None:
    job_id = copying.finished()
    copying.work()
    path = urlsplit(shown(copying, job_id)["videoUrl"]).path
    bare = memory_world_of(copying, videos_copy_days=0, uploads_bucket="")
    fields = bare.operations.render(bare.job(job_id))
    assert fields["videoUrl"] == REAL_LINK
    assert create_app(bare.parts).test_client().get(path).status_code == 404


def test_the_audit_finds_half_a_copy(copying: Copying) -> None:
    work: Any = copying.service.operations.work("kling:image2video")
    whole = {"videoUrl": REAL_LINK, "videoExpiresAt": 1, "copyBytes": 5, "copyExpiresAt": 9}
    assert list(work.result_faults(whole)) == []
    for change in ({"copyBytes": 0}, {"copyExpiresAt": "x"}):
        assert list(work.result_faults(whole | change))
    del whole["copyBytes"]
    assert list(work.result_faults(whole))


def test_a_large_video_is_copied_in_parts(copying: Copying) -> None:
    parts = [b"\0\0\0\x18ftyp" + b"a" * (PART_BYTES - 8), b"b" * 100]
    copying.bucket.put_once("videos/large", "video/mp4", iter(parts))
    (copy,) = copying.copies()
    assert copy["size"] == PART_BYTES + 100
    assert copying.calls() == ["parts"] * 4
    assert copying._books()["openMultipartUploads"] == 0


def test_a_large_video_that_breaks_off_leaves_nothing(copying: Copying) -> None:
    def breaking() -> Any:
        yield b"a" * PART_BYTES
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        copying.bucket.put_once("videos/large", "video/mp4", breaking())
    assert (copying.copies(), copying._books()["openMultipartUploads"]) == ([], 0)
