"""Objects in S3: a response that is not S3's own is never believed."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from service.storage.objects import ObjectChanged, Objects, ObjectsUnavailable
from tests.doubles.imposter import Imposter, imposter

PAGE = b"<html>Please sign in.</html>"
ID = {"x-amz-request-id": "A1B2C3"}
HTML = {"Content-Type": "text/html"}
XML = {"Content-Type": "application/xml"}
GONE = b"<Error><Code>NoSuchKey</Code></Error>"
FOREIGN = {
    "a page": (200, HTML, PAGE),
    "a page with a tag": (200, {**HTML, "ETag": '"page"'}, PAGE),
    "no tag": (200, ID, b""),
    "a page behind 404": (404, HTML, PAGE),
    "a page behind 409": (409, HTML, PAGE),
    "a page behind 412": (412, HTML, PAGE),
    "an error without a request id": (404, XML, GONE),
}


def bucket_at(server: Imposter) -> Objects:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return Objects(boto3.client("s3", endpoint_url=server.url, config=config), "bucket")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_write_may_or_may_not_have_happened(name: str) -> None:
    for over in (None, '"tag"'):
        with imposter(*FOREIGN[name]) as server, pytest.raises(ObjectsUnavailable):
            bucket_at(server).write("day.json", b"{}", over)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_read_fails(name: str) -> None:
    with imposter(*FOREIGN[name]) as server, pytest.raises(ObjectsUnavailable):
        bucket_at(server).read("day.json")


def test_a_bucket_that_is_not_there_is_not_an_object_that_is_not_there() -> None:
    body = b"<Error><Code>NoSuchBucket</Code></Error>"
    with imposter(404, {**XML, **ID}, body) as server, pytest.raises(ObjectsUnavailable):
        bucket_at(server).read("day.json")


@pytest.fixture
def bucket() -> Any:
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="bucket")
        yield Objects.connect("us-east-1", "bucket")


def test_an_object_comes_back_with_its_tag(bucket: Objects) -> None:
    tag = bucket.write("day.json", b"one", None)
    found = bucket.read("day.json")
    assert found is not None
    assert (found.body, found.tag) == (b"one", tag)
    assert bucket.read("other.json") is None


def test_only_the_version_that_was_read_is_written_over(bucket: Objects) -> None:
    tag = bucket.write("day.json", b"one", None)
    for over in (None, '"other"'):
        with pytest.raises(ObjectChanged):
            bucket.write("day.json", b"two", over)
    assert bucket.write("day.json", b"two", tag) != tag
