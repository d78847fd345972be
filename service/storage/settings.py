"""How the table is reached."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, Url, setting

# How long a call waits for its turn. With 1,900 requests at once in a process, 99 of 100 calls get
# theirs within 1.5 s. The submit window must hold this wait for each of a wallet write's calls, so
# it stays short.
CALL_WAIT_SECONDS = 2.0

_KMS_KEY = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")


@dataclass(frozen=True, kw_only=True)
class StorageSettings(Section):
    dynamodb_table_name: str = setting("UserCredits", "the table")
    dynamodb_endpoint_url: Url = setting(
        Url(), "another address of DynamoDB; only outside production", development_only=True
    )
    dynamodb_connect_timeout_seconds: float = setting(
        1.0, "longest wait for a connection to DynamoDB"
    )
    dynamodb_read_timeout_seconds: float = setting(3.0, "longest wait for a response from DynamoDB")
    kms_key_id: str = setting(
        "",
        "ARN of the KMS key that wraps the users' data keys; without it a key derived from "
        "LEDGER_MAC_KEY does, outside production",
    )
    sealed_table_name: str = setting(
        "",
        "the table's name when data in it was first encrypted, if it has been restored under "
        "another (default: DYNAMODB_TABLE_NAME)",
    )

    @property
    def sealed_name(self) -> str:
        """What encrypted data is bound to."""
        return self.sealed_table_name or self.dynamodb_table_name

    def production_rules(self) -> Iterator[str]:
        if not self.kms_key_id:
            yield "KMS_KEY_ID is missing: in production, KMS wraps the users' data keys"

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.kms_key_id and not _KMS_KEY.fullmatch(self.kms_key_id):
            # Each data key records the ARN that wrapped it.
            yield "KMS_KEY_ID must be the ARN of a key, as in arn:aws:kms:REGION:ACCOUNT:key/ID"
        if self.dynamodb_connect_timeout_seconds > self.dynamodb_read_timeout_seconds:
            # The limit of the connection holds for the handshake and for sending as well.
            yield (
                "DYNAMODB_CONNECT_TIMEOUT_SECONDS must not be more than "
                "DYNAMODB_READ_TIMEOUT_SECONDS"
            )
