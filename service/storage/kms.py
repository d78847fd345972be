"""The only door to KMS (AWS KMS API Reference: GenerateDataKey, Encrypt, Decrypt)."""

from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import ClientError

from service.storage.wrapping import (
    KEY_BYTES,
    Context,
    DataKeyUnavailable,
    NewKey,
    NotUnwrapped,
    WrappedKey,
)

log = structlog.get_logger()

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
TRIES = 2
# KMS says with these that the bytes, their context or the key that wrapped them are not the ones
# named. Everything else may pass.
_NOT_OURS = {"InvalidCiphertextException", "IncorrectKeyException"}


class KmsWrapping:
    """Wraps with a symmetric KMS key. The context is KMS's encryption context: it is authenticated,
    the roles' policies are conditional on it, and CloudTrail records it with each use."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    @classmethod
    def connect(cls, region: str, key_id: str) -> "KmsWrapping":
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
        )
        return cls(boto3.client("kms", region_name=region, config=config), key_id)

    def new_key(self, context: Context) -> NewKey:
        content = self._call(
            "generate_data_key", KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=context
        )
        return NewKey(_plaintext(content), _wrapped(content))

    def wrap(self, plaintext: bytes, context: Context) -> WrappedKey:
        return _wrapped(
            self._call(
                "encrypt", KeyId=self._key_id, Plaintext=plaintext, EncryptionContext=context
            )
        )

    def unwrap(self, key: WrappedKey, context: Context) -> bytes:
        # With `KeyId`, KMS refuses what another key has wrapped.
        content = self._call(
            "decrypt", KeyId=key.by, CiphertextBlob=key.wrapped, EncryptionContext=context
        )
        return _plaintext(content)

    def wraps(self, key: WrappedKey) -> bool:
        return key.by == self._key_id

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_OURS:
                raise NotUnwrapped from None
            log.error("kms_refused", operation=operation, error=code)
            raise DataKeyUnavailable from error
        except Exception as error:
            # Where something else responds in its place, botocore raises whatever its parser meets.
            log.error("kms_not_reached", operation=operation, error=type(error).__name__)
            raise DataKeyUnavailable from error


def _plaintext(content: Any) -> bytes:
    plaintext: object = content.get("Plaintext")
    if not isinstance(plaintext, bytes) or len(plaintext) != KEY_BYTES:
        raise DataKeyUnavailable
    return plaintext


def _wrapped(content: Any) -> WrappedKey:
    wrapped: object = content.get("CiphertextBlob")
    by: object = content.get("KeyId")
    if not isinstance(wrapped, bytes) or not wrapped or not isinstance(by, str):
        raise DataKeyUnavailable
    return WrappedKey(wrapped, by)
