"""What a call to DynamoDB may be taken for, and how often it is sent."""

from tests.mutants.mutant import Mutant, breaks, mutant

TABLE = "tests/storage/test_table.py"
CLIENT = "tests/storage/test_dynamodb.py"
SIGNING = "tests/storage/test_signing.py"
CREDENTIALS = "tests/storage/test_credentials.py"
DISTURBED = "tests/faults/test_connections.py::test_outcomes_are_right_with_threads"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "no-hidden-retry",
        "client-sends-again",
        "storage.dynamodb:DynamoDb.call",
        """
        if not isinstance(response, HttpResponse):
            return response
        """,
        """
        if not isinstance(response, HttpResponse):
            response = self.wire.send(headers, body)
        if not isinstance(response, HttpResponse):
            return response
        """,
    ),
    breaks(
        "no-hidden-retry",
        "client-sends-a-refused-request-again",
        "storage.dynamodb:DynamoDb.call",
        "outcome = outcome_of(response)",
        """
        outcome = outcome_of(response)
        if isinstance(outcome, Refused):
            response = self.wire.send(headers, body)
            outcome = outcome_of(response) if isinstance(response, HttpResponse) else response
        """,
    ),
    mutant(
        "urllib3-sends-again",
        DISTURBED,
        "outbound.exchange:Exchanges.post",
        "self.pool.urlopen(M, P, B, H, timeout=W, retries=False, redirect=False)",
        "self.pool.urlopen(M, P, B, H, timeout=W, redirect=False,"
        " retries=__import__('urllib3').Retry(2, allowed_methods=None))",
    ),
    breaks(
        "fresh-token",
        "same-client-request-token",
        "storage.table:Table.transact",
        "str(uuid4())",
        '"0" * 36',
    ),
    mutant(
        "lost-response-is-a-failure",
        TABLE,
        "storage.table:Table._send",
        "raise MaybeApplied",
        "raise NotApplied",
    ),
    mutant(
        "lost-connection-is-a-failure",
        DISTURBED,
        "storage.dynamodb:HttpWire.send",
        "PossiblyApplied(R)",
        "NeverSent(R)",
    ),
    mutant(
        "connection-that-never-came-about-is-lost",
        DISTURBED,
        "storage.dynamodb:HttpWire.send",
        "NeverSent(R)",
        "PossiblyApplied(R)",
    ),
    mutant(
        "unsigned-request-is-lost",
        CLIENT,
        "storage.dynamodb:DynamoDb.call",
        "NeverSent(R)",
        "PossiblyApplied(R)",
    ),
    mutant(
        "ended-credentials-used",
        CREDENTIALS,
        "storage.credentials:TaskCredentials.__call__",
        "C is None or self._ends_within(0)",
        "C is None",
    ),
    mutant(
        "calls-wait-although-credentials-are-good",
        CREDENTIALS,
        "storage.credentials:TaskCredentials.__call__",
        "C is None or self._ends_within(0)",
        "True",
    ),
    mutant(
        "every-call-refreshes-credentials",
        CREDENTIALS,
        "storage.credentials:TaskCredentials._refreshing",
        "L and not (L.ended.is_set() and self._is_past(L))",
        "False",
    ),
    mutant(
        "clock-set-by-any-refusal",
        CLIENT,
        "storage.dynamodb:DynamoDb.call",
        "isinstance(O, Refused) and O.refusal is Refusal.CLOCK",
        "isinstance(O, Refused)",
    ),
    mutant(
        "clock-set-by-anybody",
        CLIENT,
        "storage.dynamodb:DynamoDb.call",
        "isinstance(O, Refused) and O.refusal is Refusal.CLOCK",
        "isinstance(O, PossiblyApplied) or (isinstance(O, Refused) and O.refusal is Refusal.CLOCK)",
    ),
    mutant(
        "clock-never-set",
        CLIENT,
        "storage.dynamodb:DynamoDb.call",
        "self._signer.set_clock(D)",
        "pass",
    ),
    mutant(
        "signed-with-our-clock-alone",
        SIGNING,
        "storage.signing:Signer.headers",
        "self._clock.now() + self._skew",
        "self._clock.now()",
    ),
    mutant(
        "signed-with-the-key-of-another-day",
        SIGNING,
        "storage.signing:Signer._key",
        "X != (S, D)",
        "X[0] != S",
    ),
    mutant(
        "signed-with-the-key-of-another-secret",
        SIGNING,
        "storage.signing:Signer._key",
        "X != (S, D)",
        "X[1] != D",
    ),
    mutant(
        "conflict-taken-for-a-refused-condition",
        TABLE,
        "storage.table:_cancelled",
        """
        if "TransactionConflict" in C:
            return X
        """,
        """
        C.discard("TransactionConflict")
        """,
    ),
    mutant(
        "missing-table-worth-a-retry",
        TABLE,
        "storage.table:_refused",
        "StorageRefused()",
        "NotApplied()",
    ),
)
