"""Data keys are wrapped by KMS (moto stands in for it), or by a key of our own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from structlog.testing import capture_logs

from service.storage.kms import KmsWrapping
from service.storage.wrapping import (
    DataKeyUnavailable,
    LocalWrapping,
    NotUnwrapped,
    WrappedKey,
    Wrapping,
)
from tests.doubles.imposter import imposter

ANN = {"table": "UserCredits", "user": "ann"}

ARN = "arn:aws:kms:us-east-1:1:key/one"


@pytest.fixture
def kms() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("kms", region_name="us-east-1")


def new_kms_key(kms: Any) -> str:
    arn: str = kms.create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(params=["kms", "local"])
def wrapping(request: pytest.FixtureRequest, kms: Any) -> Wrapping:
    if request.param == "local":
        return LocalWrapping(b"m" * 32)
    return KmsWrapping.connect("us-east-1", new_kms_key(kms))


def test_what_was_wrapped_can_be_unwrapped(wrapping: Wrapping) -> None:
    new = wrapping.new_key(ANN)
    assert len(new.plaintext) == 32
    assert wrapping.unwrap(new.wrapped_key, ANN) == new.plaintext
    assert wrapping.wraps(new.wrapped_key)


def test_a_key_can_be_wrapped_anew(wrapping: Wrapping) -> None:
    new = wrapping.new_key(ANN)
    again = wrapping.wrap(new.plaintext, ANN)
    assert again.wrapped != new.wrapped_key.wrapped
    assert wrapping.unwrap(again, ANN) == new.plaintext


def test_two_keys_are_never_the_same(wrapping: Wrapping) -> None:
    assert wrapping.new_key(ANN).plaintext != wrapping.new_key(ANN).plaintext


@pytest.mark.parametrize(
    "context", [ANN | {"user": "bob"}, ANN | {"table": "Other"}, {"table": "UserCredits"}, {}]
)
def test_a_key_is_unwrapped_only_for_its_table_and_user(
    wrapping: Wrapping, context: dict[str, str]
) -> None:
    with pytest.raises(NotUnwrapped):
        wrapping.unwrap(wrapping.new_key(ANN).wrapped_key, context)


def test_altered_bytes_are_not_unwrapped(wrapping: Wrapping) -> None:
    key = wrapping.new_key(ANN).wrapped_key
    for altered in (key.wrapped[:-1] + bytes([key.wrapped[-1] ^ 1]), b"", b"short"):
        with pytest.raises((NotUnwrapped, DataKeyUnavailable)):
            wrapping.unwrap(WrappedKey(altered, key.by), ANN)


def test_a_plain_key_is_in_no_repr(wrapping: Wrapping) -> None:
    new = wrapping.new_key(ANN)
    assert repr(new.plaintext) not in repr(new)


def test_another_secret_unwraps_nothing() -> None:
    key = LocalWrapping(b"m" * 32).new_key(ANN).wrapped_key
    with pytest.raises(NotUnwrapped):
        LocalWrapping(b"n" * 32).unwrap(key, ANN)


def test_kms_receives_which_key_has_wrapped(kms: Any) -> None:
    """So that it refuses bytes which somebody wrapped with a key of theirs."""
    one = KmsWrapping.connect("us-east-1", new_kms_key(kms))
    other = KmsWrapping(kms, new_kms_key(kms))
    key = one.new_key(ANN).wrapped_key
    sent: list[Any] = []
    kms.meta.events.register(
        "provide-client-params.kms.Decrypt", lambda params, **_: sent.append(params["KeyId"])
    )
    assert not other.wraps(key)
    assert other.unwrap(key, ANN)
    assert sent == [key.by]


@contextmanager
def kms_that_refuses(code: str) -> Iterator[KmsWrapping]:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    body = f'{{"__type": "{code}"}}'.encode()
    with imposter(400, {"Content-Type": "application/x-amz-json-1.1"}, body) as server:
        client = boto3.client(
            "kms", region_name="us-east-1", endpoint_url=server.url, config=config
        )
        yield KmsWrapping(client, ARN)


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyException"])
def test_bytes_that_kms_refuses_are_no_key_of_ours(code: str) -> None:
    with kms_that_refuses(code) as wrapping, pytest.raises(NotUnwrapped):
        wrapping.unwrap(WrappedKey(b"wrapped", ARN), ANN)


@pytest.mark.parametrize(
    "code",
    ["DisabledException", "KMSInvalidStateException", "NotFoundException", "AccessDeniedException"],
)
def test_a_kms_key_that_cannot_be_used_is_unavailable_and_not_named(code: str) -> None:
    with kms_that_refuses(code) as wrapping, capture_logs() as logs:
        for act in (
            lambda: wrapping.new_key(ANN),
            lambda: wrapping.wrap(b"k" * 32, ANN),
            lambda: wrapping.unwrap(WrappedKey(b"wrapped", ARN), ANN),
        ):
            with pytest.raises(DataKeyUnavailable) as error:
                act()
            assert error.value.retry_after_seconds == 5
            assert ARN not in error.value.message
    assert {(line["event"], line["error"]) for line in logs} == {("kms_refused", code)}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Please sign in.</html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"Plaintext": "AAAA", "CiphertextBlob": "AAAA", "KeyId": "arn"}'),
        (200, b'{"Plaintext": 5, "CiphertextBlob": {}, "KeyId": "arn"}'),
        (302, b""),
        (400, b'{"__type": "AccessDeniedException"}'),
        (500, b"[]"),
    ],
)
def test_what_something_else_responds_is_no_key(status: int, body: bytes) -> None:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    with imposter(status, {"Content-Type": "application/x-amz-json-1.1"}, body) as server:
        client = boto3.client(
            "kms", region_name="us-east-1", endpoint_url=server.url, config=config
        )
        wrapping = KmsWrapping(client, ARN)
        with pytest.raises(DataKeyUnavailable):
            wrapping.new_key(ANN)
        with pytest.raises(DataKeyUnavailable):
            wrapping.unwrap(WrappedKey(b"wrapped", ARN), ANN)
