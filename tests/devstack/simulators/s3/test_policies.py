"""The simulated S3 enforces a form's policy to the letter, whoever wrote it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from devstack.simulators.s3.errors import S3Error
from devstack.simulators.s3.policies import check_form
from devstack.simulators.s3.signatures import ALGORITHM, Keys

KEYS = Keys("local", "secret")
NOW = 1_790_000_000_000
CREDENTIAL = "local/20260921/us-east-1/s3/aws4_request"
CONDITIONS: list[Any] = [
    {"bucket": "b"},
    {"key": "uploads/x"},
    {"Content-Type": "image/png"},
    ["content-length-range", 1, 10],
    ["starts-with", "$x-amz-meta-note", "n"],
    {"x-amz-algorithm": ALGORITHM},
    {"x-amz-credential": CREDENTIAL},
]
FIELDS = {
    "key": "uploads/x",
    "Content-Type": "image/png",
    "x-amz-meta-note": "note",
    "x-amz-algorithm": ALGORITHM,
    "x-amz-credential": CREDENTIAL,
}


def signed(
    fields: Mapping[str, str] = FIELDS,
    conditions: object = CONDITIONS,
    expiration: object = "2026-12-21T00:00:00Z",
) -> dict[str, str]:
    policy = json.dumps({"expiration": expiration, "conditions": conditions})
    text = base64.b64encode(policy.encode()).decode()
    return {**fields, "policy": text, "x-amz-signature": KEYS.sign(CREDENTIAL, text)}


def code(fields: Mapping[str, str], size: int = 5, bucket: str = "b") -> str:
    with pytest.raises(S3Error) as refused:
        check_form(fields, bucket, size, KEYS, NOW)
    return refused.value.code


def test_what_the_policy_says_may_be_written() -> None:
    assert check_form(signed(), "b", 10, KEYS, NOW) == ("uploads/x", "image/png")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"key": "uploads/y"}, "AccessDenied"),
        ({"Content-Type": "image/jpeg"}, "AccessDenied"),
        ({"Content-Type": "Image/png"}, "AccessDenied"),
        ({"x-amz-meta-note": "other"}, "AccessDenied"),
        ({"acl": "public-read"}, "AccessDenied"),
        ({"x-amz-algorithm": "AWS2"}, "InvalidArgument"),
        ({"x-amz-credential": CREDENTIAL.replace("local", "other")}, "InvalidAccessKeyId"),
        ({"x-amz-credential": CREDENTIAL.replace("s3", "sqs")}, "AuthorizationHeaderMalformed"),
        ({"x-amz-credential": CREDENTIAL.replace("us", "eu")}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": "0"}, "SignatureDoesNotMatch"),
        ({"policy": ""}, "AccessDenied"),
        ({"KEY": "uploads/x"}, "InvalidArgument"),
    ],
    ids=str,
)
def test_everything_else_is_refused(change: dict[str, str], expected: str) -> None:
    assert code(signed() | change) == expected


@pytest.mark.parametrize(("size", "expected"), [(0, "EntityTooSmall"), (11, "EntityTooLarge")])
def test_the_length_is_bounded(size: int, expected: str) -> None:
    assert code(signed(), size) == expected


def test_another_bucket_is_refused() -> None:
    assert code(signed(), bucket="c") == "AccessDenied"


@pytest.mark.parametrize("until", ["2026-01-01T00:00:00Z", "never", None])
def test_a_policy_ends(until: object) -> None:
    assert code(signed(expiration=until)) in ("AccessDenied", "InvalidPolicyDocument")


@pytest.mark.parametrize("conditions", [None, {}, ["x"], [["eq", "$key"]], [["like", "$key", "u"]]])
def test_a_policy_must_be_one(conditions: object) -> None:
    assert code(signed(conditions=conditions)) == "InvalidPolicyDocument"
