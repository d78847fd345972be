"""The bucket of users' files: a response that is not S3's own is never believed."""

from typing import Any

import boto3
import pytest
from botocore.config import Config

from service.storage.media_bucket import (
    PART_BYTES,
    MediaBucket,
    MediaExists,
    MediaGone,
    MediaUnavailable,
)
from tests.doubles.imposter import Imposter, imposter

PAGE = b"<html>Please sign in.</html>"
ID = {"x-amz-request-id": "A1B2C3"}
XML = {"Content-Type": "application/xml"}
HTML = {"Content-Type": "text/html"}


def bucket_at(server: Imposter) -> MediaBucket:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    made: Any = boto3.client("s3", endpoint_url=server.url, config=config)
    return MediaBucket(lambda: (made, made), "bucket")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, HTML, PAGE),
        (200, ID, b""),
        (200, {**ID, "x-amz-version-id": "null"}, b""),
        (403, HTML, PAGE),
        (500, {**XML, **ID}, b"<Error><Code>InternalError</Code></Error>"),
    ],
)
def test_an_object_without_a_version_is_not_believed(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    with imposter(status, headers, body) as server, pytest.raises(MediaUnavailable):
        bucket_at(server).head("key")


def test_another_range_than_requested_is_not_believed() -> None:
    for body in (b"", b"abc", b"abcdef"):
        with imposter(206, ID, body) as server, pytest.raises(MediaUnavailable):
            bucket_at(server).read("key", "version", 0, 5)


def test_a_page_that_deletes_nothing_is_no_deletion() -> None:
    for headers, body in (({**HTML}, PAGE), ({**XML, **ID}, b"<Error><Code>Slow</Code></Error>")):
        with imposter(503, headers, body) as server, pytest.raises(MediaUnavailable):
            bucket_at(server).delete_below("uploads/x/")


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion"])
def test_what_is_not_there_is_said_to_be_gone(code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    with imposter(404, {**XML, **ID}, body) as server, pytest.raises(MediaGone):
        bucket_at(server).read("key", "version", 0, 5)


def test_a_form_names_one_key_one_type_and_a_range() -> None:
    bucket = MediaBucket.of("eu-central-1", "files", "", "")
    form = bucket.form("uploads/x", "image/png", 77, 300)
    assert form.url == "https://files.s3.eu-central-1.amazonaws.com/"
    assert (form.fields["key"], form.fields["Content-Type"]) == ("uploads/x", "image/png")
    link = bucket.link("uploads/x", "v1", 60)
    assert link.startswith("https://files.s3.eu-central-1.amazonaws.com/uploads/x?")
    assert "versionId=v1" in link
    assert "X-Amz-Expires=60" in link


@pytest.mark.parametrize("parts", [[b"small"], [b"a" * PART_BYTES, b"b"]])
def test_a_page_is_no_proof_that_an_object_was_written(parts: list[bytes]) -> None:
    with imposter(200, HTML, PAGE) as server, pytest.raises(MediaUnavailable):
        bucket_at(server).put_once("key", "video/mp4", iter(parts))


def test_an_object_that_is_there_is_not_written_over() -> None:
    body = b"<Error><Code>PreconditionFailed</Code></Error>"
    with imposter(412, {**XML, **ID}, body) as server, pytest.raises(MediaExists):
        bucket_at(server).put_once("key", "video/mp4", iter([b"small"]))
