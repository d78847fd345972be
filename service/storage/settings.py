"""How the table is reached."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, Url, setting

# How long a call waits for its turn. With 1,900 requests at once in a process, 99 of 100 calls get
# theirs within 1.5 s. The submit window must hold this wait for each of a wallet write's calls, so
# it stays short.
CALL_WAIT_SECONDS = 2.0


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

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.dynamodb_connect_timeout_seconds > self.dynamodb_read_timeout_seconds:
            # The limit of the connection holds for the handshake and for sending as well.
            yield (
                "DYNAMODB_CONNECT_TIMEOUT_SECONDS must not be more than "
                "DYNAMODB_READ_TIMEOUT_SECONDS"
            )
