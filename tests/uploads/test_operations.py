"""An upload's life: a form, a file, what was found in it, and a link to that very version."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from service.core.ids import RandomIds
from service.ledger.entities import AccountClosing
from service.uploads import keys, store
from service.uploads.entities import (
    DAY,
    Facts,
    TooManyOpenUploads,
    UploadDailyLimit,
    UploadKind,
    UploadNotFound,
    UploadNotScanned,
    UploadsNotConfigured,
    UploadStatus,
    UploadsUnavailable,
    UploadTooBig,
    UploadUnusable,
)
from service.uploads.operations import UploadKeys, Uploads
from tests.doubles.pictures import jpeg, png
from tests.doubles.service_harness import MAC_KEY
from tests.doubles.sounds import mp3, wav
from tests.doubles.upload_forms import fetch, post_form
from tests.uploads.conftest import LIMITS, PNG, World

IMAGE, AUDIO = UploadKind.IMAGE, UploadKind.AUDIO
SCANNED = pytest.mark.parametrize(
    "world", [replace(LIMITS, waits_for_scan=True)], indirect=True, ids=["scanned"]
)


def test_an_image_is_found_to_be_what_it_is(world: World) -> None:
    upload = world.ready(jpeg(640, 480), "image/jpeg")
    assert upload.facts == Facts(width=640, height=480)
    assert (upload.status, upload.size) == (UploadStatus.READY, len(jpeg(640, 480)))


def test_sound_is_found_to_last_as_long_as_it_says(world: World) -> None:
    assert world.ready(wav(2.5), "audio/wav").facts == Facts(milliseconds=2500)
    assert world.ready(mp3(), "audio/mpeg").facts.milliseconds == pytest.approx(2000, abs=30)


def test_a_provider_fetches_exactly_the_version_that_was_checked(world: World) -> None:
    begun = world.uploads.begin("ann", "image/png", 10_000)
    post_form(begun.form.url, begun.form.fields, PNG)
    world.uploads.complete("ann", begun.upload.upload_id)
    swapped = post_form(begun.form.url, begun.form.fields, b"<svg onload=alert(1)>")
    assert swapped.status_code == 204
    source = world.uploads.source("ann", begun.upload.upload_id, IMAGE)
    assert fetch(source.url).content == PNG
    assert source.facts == Facts(width=320, height=320)
    assert world.uploads.complete("ann", begun.upload.upload_id).size == len(PNG)


def test_the_first_use_completes_it(world: World) -> None:
    upload_id = world.sent()
    assert world.uploads.source("ann", upload_id, IMAGE).size == len(PNG)
    stored = store.read_upload(world.table, "ann", upload_id)
    assert stored is not None
    assert stored.status is UploadStatus.READY


def test_a_link_is_fresh_and_leads_nowhere_else(world: World) -> None:
    upload = world.ready()
    url = world.uploads.source("ann", upload.upload_id, IMAGE).url
    assert f"versionId={upload.version_id}" in url
    assert not re.search(r"\bann\b", url)
    for changed in (url.replace("versionId=", "versionId=0"), url.replace("upl_0", "upl_1")):
        assert fetch(changed).status_code == 403
    assert fetch(url.partition("?")[0]).status_code == 403


def test_unknown_foreign_and_unfinished_ids_are_refused_alike(world: World) -> None:
    foreign = world.ready(user_id="bob").upload_id
    unfinished = world.uploads.begin("ann", "image/png", 100).upload.upload_id
    errors = set()
    for upload_id in (foreign, unfinished, RandomIds().new("upl", 0), "upl_", "../../etc"):
        for verb in (
            lambda each: world.uploads.complete("ann", each),
            lambda each: world.uploads.source("ann", each, IMAGE),
        ):
            with pytest.raises(UploadNotFound) as refused:
                verb(upload_id)
            errors.add((refused.value.message, tuple(refused.value.details)))
    assert len(errors) == 1


def test_what_has_expired_is_not_there(world: World) -> None:
    upload = world.ready()
    world.clock.advance(7 * DAY / 1000)
    with pytest.raises(UploadNotFound):
        world.uploads.source("ann", upload.upload_id, IMAGE)


def test_a_file_of_the_other_kind_is_refused(world: World) -> None:
    upload = world.ready(wav(), "audio/wav")
    with pytest.raises(UploadUnusable, match="audio/wav, where image"):
        world.uploads.source("ann", upload.upload_id, IMAGE)
    assert world.uploads.source("ann", upload.upload_id, AUDIO).facts.milliseconds == 2000


def test_a_refusal_is_final_whatever_is_posted_later(world: World) -> None:
    begun = world.uploads.begin("ann", "image/png", 10_000)
    post_form(begun.form.url, begun.form.fields, png(100, 100))
    for _ in range(2):
        with pytest.raises(UploadUnusable, match="at least 300"):
            world.uploads.complete("ann", begun.upload.upload_id)
        post_form(begun.form.url, begun.form.fields, PNG)


def test_nothing_is_written_for_what_is_too_big(world: World) -> None:
    for kind, size in (("image/png", 10 * 2**20 + 1), ("audio/wav", 2 * 2**20 + 1)):
        with pytest.raises(UploadTooBig):
            world.uploads.begin("ann", kind, size)
    assert world.table.query("USER#ann", "U", limit=5).items == ()


def test_no_one_begins_an_upload_while_being_erased(world: World) -> None:
    with pytest.raises(AccountClosing):
        world.uploads.begin("leaving", "image/png", 1000)
    assert world.table.query("USER#leaving", "U", limit=9).items == ()


def test_limits_are_refused_with_nothing_written(world: World) -> None:
    for _ in range(3):
        world.uploads.begin("ann", "image/png", 1000)
    before = world.table.query("USER#ann", "U", limit=9).items
    with pytest.raises(TooManyOpenUploads):
        world.uploads.begin("ann", "image/png", 1000)
    assert world.table.query("USER#ann", "U", limit=9).items == before
    world.uploads.begin("bob", "image/png", 1000)


def test_completing_one_makes_room_for_another(world: World) -> None:
    for _ in range(5):
        world.ready()
    usage = store.usage_from(world.table.get(keys.usage("ann")))
    assert (dict(usage.open), usage.bytes_of_day) == ({}, 5 * len(PNG))


def test_a_day_s_bytes_are_counted_by_what_was_announced(world: World) -> None:
    for _ in range(2):
        world.uploads.begin("ann", "image/png", 10 * 2**20)
    with pytest.raises(UploadDailyLimit):
        world.uploads.begin("ann", "image/png", 1)


def test_many_at_once_begin_no_more_than_the_limit(world: World) -> None:
    def begin(_: int) -> bool:
        try:
            world.uploads.begin("ann", "image/png", 1000)
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        begun = sum(threads.map(begin, range(16)))
    assert begun == len(store.usage_from(world.table.get(keys.usage("ann"))).open) <= 3


def test_two_at_once_agree_on_one_version(world: World) -> None:
    upload_id = world.sent()
    with ThreadPoolExecutor(4) as threads:
        found = set(
            threads.map(lambda _: world.uploads.complete("ann", upload_id).version_id, range(8))
        )
    assert len(found) == 1


@pytest.mark.parametrize("operation", ["head", "get"])
@pytest.mark.parametrize("fault", ["status:503", "status:403", "html:502", "garbage"])
def test_an_outage_of_the_storage_decides_nothing(world: World, operation: str, fault: str) -> None:
    upload_id = world.sent()
    world.fault(operation, fault)
    world.fault(operation, fault)
    with pytest.raises(UploadsUnavailable):
        world.uploads.complete("ann", upload_id)
    stored = store.read_upload(world.table, "ann", upload_id)
    assert stored is not None
    assert stored.status is UploadStatus.OPEN
    simulators = world.simulators._simulators
    assert simulators is not None
    simulators.control._faults.reset()
    assert world.uploads.complete("ann", upload_id).status is UploadStatus.READY


@SCANNED
def test_a_file_waits_for_its_scan(world: World) -> None:
    upload_id = world.sent()
    with pytest.raises(UploadNotScanned):
        world.uploads.complete("ann", upload_id)
    scanned(world, "NO_THREATS_FOUND")
    assert world.uploads.complete("ann", upload_id).status is UploadStatus.READY


@SCANNED
@pytest.mark.parametrize("result", ["THREATS_FOUND", "UNSUPPORTED", "ACCESS_DENIED", "FAILED"])
def test_only_what_was_found_clean_is_used(world: World, result: str) -> None:
    upload_id = world.sent()
    scanned(world, result)
    with pytest.raises(UploadUnusable, match="malware"):
        world.uploads.complete("ann", upload_id)


def scanned(world: World, result: str) -> None:
    simulators = world.simulators._simulators
    assert simulators is not None
    found = world.objects()[-1]
    version = simulators.s3._store.get(found["bucket"], found["key"])
    version.tags["GuardDutyMalwareScanStatus"] = result


def test_without_a_bucket_nothing_can_be_uploaded(world: World) -> None:
    no_one: frozenset[str] = frozenset()
    uploads = Uploads(
        *(world.table, None, UploadKeys(MAC_KEY), LIMITS, world.clock, RandomIds()),
        is_closing=no_one.__contains__,
    )
    with pytest.raises(UploadsNotConfigured):
        uploads.begin("ann", "image/png", 1)
    with pytest.raises(UploadsNotConfigured):
        uploads.complete("ann", "upl_")
    with pytest.raises(UploadsNotConfigured):
        uploads.source("ann", "upl_", IMAGE)
