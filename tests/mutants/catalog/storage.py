"""What a call to DynamoDB may be taken for."""

from tests.mutants.mutant import Mutant, breaks, mutant

STORAGE = "tests/storage/test_table.py"

FOREIGN = "tests/storage/test_foreign_responses.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "foreign-response",
        "foreign-response-believed",
        "storage.connection:_check_response",
        """
        if F:
            log.error(E, status=S, fault=F)
            raise X
        """,
        "",
    ),
    mutant(
        "crc-not-compared",
        FOREIGN,
        "storage.integrity:response_fault",
        "C is not None and C != str(zlib.crc32(B))",
        "False",
    ),
    mutant(
        "missing-crc-believed",
        FOREIGN,
        "storage.integrity:response_fault",
        "C is None and status < 300",
        "False",
    ),
    mutant(
        "content-type-not-looked-at",
        FOREIGN,
        "storage.integrity:response_fault",
        "not V.startswith(P)",
        "False",
    ),
    breaks(
        "no-hidden-retry",
        "botocore-retries",
        "storage.connection:connect",
        '{"mode": M, "total_max_attempts": 1}',
        '{"mode": M, "total_max_attempts": 3}',
    ),
    breaks(
        "fresh-token",
        "same-client-request-token",
        "storage.table:Table.transact",
        "self._client.transact_write_items(TransactItems=W)",
        'self._client.transact_write_items(TransactItems=W, ClientRequestToken="same")',
    ),
    mutant(
        "lost-answer-is-a-failure",
        STORAGE,
        "storage.table:Table._send",
        """
        except BotoCoreError as error:
            raise MaybeApplied from error
        """,
        """
        except BotoCoreError as error:
            raise NotApplied from error
        """,
    ),
)
