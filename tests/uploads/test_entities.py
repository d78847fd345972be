"""How much one user may begin to upload, and what a file may be called."""

import pytest

from service.uploads.entities import (
    DAY,
    TooManyOpenUploads,
    Upload,
    UploadDailyLimit,
    UploadNotFound,
    Usage,
    file_name_fault,
    is_reference,
    upload_id_of,
)
from tests.uploads.conftest import LIMITS

NOW = 20_000 * DAY + 5000
ID = "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"


def upload(number: int, size: int = 1000, now: int = NOW) -> Upload:
    return Upload("ann", f"upl_{number}", "image/png", size, now, now + 300_000, now + DAY)


def test_only_so_many_are_open_at_once() -> None:
    usage = Usage()
    for number in range(3):
        usage = usage.begun(upload(number), LIMITS)
    with pytest.raises(TooManyOpenUploads) as refused:
        usage.begun(upload(3), LIMITS)
    assert refused.value.retry_after_seconds == 301
    assert usage.ended("upl_1").begun(upload(3), LIMITS).open.keys() == {"upl_0", "upl_2", "upl_3"}


def test_a_form_that_has_expired_is_open_no_more() -> None:
    usage = Usage()
    for number in range(3):
        usage = usage.begun(upload(number), LIMITS)
    later = usage.begun(upload(3, now=NOW + 300_000), LIMITS)
    assert list(later.open) == ["upl_3"]


def test_a_day_has_its_bytes_and_the_next_one_again() -> None:
    half = LIMITS.max_bytes_a_day // 2
    usage = Usage().begun(upload(0, half), LIMITS).begun(upload(1, half), LIMITS)
    with pytest.raises(UploadDailyLimit) as refused:
        usage.begun(upload(2, 1), LIMITS)
    assert refused.value.retry_after_seconds == (DAY - 5000) // 1000 + 1
    tomorrow = usage.begun(upload(2, 1, NOW + DAY), LIMITS)
    assert tomorrow.bytes_of_day == 1


def test_what_has_ended_counts_for_the_day() -> None:
    usage = Usage().begun(upload(0, 700), LIMITS).ended("upl_0")
    assert (usage.bytes_of_day, dict(usage.open), usage.version) == (700, {}, 2)


@pytest.mark.parametrize(
    "name",
    [
        "a.png",
        "Ä photo (1).jpeg",
        ".profile",
        "a..b",
        "no extension",
        "at 1.23\u202fPM.png",
        "a:b?.png",
    ],
)
def test_a_file_may_have_any_plain_name(name: str) -> None:
    assert file_name_fault(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("../a.png", "/etc/passwd", "a\\b.png", "C:\\a.png", "..", ".", " ", "a\0.png", "a\n"),
        *("...", ". .", "a\x7f.png", "a\x85.png", "a/", "\\\\host\\a.png"),
    ],
)
def test_a_path_is_no_name(name: str) -> None:
    assert file_name_fault(name) is not None


def test_a_reference_names_an_upload() -> None:
    assert is_reference(f"upload:{ID}")
    assert not is_reference(f"https://example.com/upload:{ID}")
    assert upload_id_of(f"upload:{ID}") == ID


@pytest.mark.parametrize("text", ["", "upl_", ID.upper(), f"{ID}/..", f"../{ID}", f"{ID}\n"])
def test_what_cannot_be_an_id_is_not_found(text: str) -> None:
    with pytest.raises(UploadNotFound):
        upload_id_of(f"upload:{text}")
