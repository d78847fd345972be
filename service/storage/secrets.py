"""The only door to Secrets Manager."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from service.core.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient


class SecretUnavailable(Unavailable):
    """A secret cannot be read. Names no secret: the log does."""

    code = "SECRET_UNAVAILABLE"
    summary = "The service cannot read one of its secrets right now."
    retry_after = 5


class SecretsManager:
    """Reads secrets by name. Nothing is cached here: who uses a secret knows how long it is good
    for."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client

    @classmethod
    def connect(cls, region: str) -> "SecretsManager":
        config = Config(
            connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
        )
        return cls(boto3.client("secretsmanager", region_name=region, config=config))

    def read(self, name: str) -> str:
        """The current value. Raises `SecretUnavailable`."""
        try:
            secret: object = self._client.get_secret_value(SecretId=name)["SecretString"]
        except Exception as error:
            # Where something else responds in its place, botocore raises whatever its parser meets.
            raise SecretUnavailable from error
        if not isinstance(secret, str):
            raise SecretUnavailable
        return secret
