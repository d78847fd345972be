"""What a call to DynamoDB may be taken for."""

from tests.mutants.mutant import Mutant, mutant

STORAGE = "tests/storage/test_table.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "botocore-retries",
        STORAGE,
        "storage.table:connect",
        '{"mode": M, "total_max_attempts": 1}',
        '{"mode": M, "total_max_attempts": 3}',
    ),
    mutant(
        "same-client-request-token",
        f"{STORAGE} tests/architecture",
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
