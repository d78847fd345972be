"""Secrets are read from Secrets Manager at run time (moto stands in for it)."""

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from service.storage.secrets import SecretsManager, SecretUnavailable
from tests.doubles.imposter import imposter


@mock_aws
def test_a_secret_is_read_as_it_is_now() -> None:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    client.create_secret(Name="farebox/kling", SecretString="one")
    secrets = SecretsManager.connect("us-east-1")
    assert secrets.read("farebox/kling") == "one"
    client.put_secret_value(SecretId="farebox/kling", SecretString="two")
    assert secrets.read("farebox/kling") == "two"


@mock_aws
def test_a_secret_that_is_not_there_is_unavailable_and_not_named() -> None:
    with pytest.raises(SecretUnavailable) as error:
        SecretsManager.connect("us-east-1").read("farebox/nothing")
    assert "nothing" not in error.value.message


@mock_aws
def test_a_binary_secret_is_unavailable() -> None:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    client.create_secret(Name="binary", SecretBinary=b"x")
    with pytest.raises(SecretUnavailable):
        SecretsManager.connect("us-east-1").read("binary")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Please sign in.</html>"),
        (200, b"[]"),
        (200, b"null"),
        (200, b"\xff\xfe"),
        (200, b'{"SecretString": ["a"]}'),
        (302, b""),
        (403, b"[]"),
        (500, b"[]"),
    ],
)
def test_what_something_else_responds_is_no_secret(status: int, body: bytes) -> None:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    with imposter(status, {"Content-Type": "text/html"}, body) as server:
        client = boto3.client("secretsmanager", endpoint_url=server.url, config=config)
        with pytest.raises(SecretUnavailable):
            SecretsManager(client).read("farebox/kling")
