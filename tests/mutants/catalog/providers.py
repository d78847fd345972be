"""What may be sent again, and what a provider's response proves."""

from tests.mutants.mutant import Mutant, mutant

KLING = "tests/providers/kling/test_client.py"
REFUSALS = "tests/providers/kling/test_refusal_counts.py"
CREATES = "tests/providers/kling/test_create_responses.py"
HTTP = "tests/providers/test_http.py"
DEADLINES = "tests/providers/test_deadlines.py"
OWNERSHIP = "tests/providers/kling/test_ownership.py"
SILENCE = "tests/providers/kling/test_silence.py"
CREDENTIALS = "tests/providers/kling/test_credentials.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "sent-again-after-no-answer",
        KLING,
        "providers.kling.client:Kling._send",
        "return Indeterminate()",
        "return None",
    ),
    mutant(
        "no-answer-is-never-sent",
        KLING,
        "providers.http:ProviderHttp.send_once",
        "raise NoResponse from E",
        "raise NeverSent from E",
    ),
    mutant(
        "sent-after-the-window",
        KLING,
        "providers.kling.client:Kling.create",
        """
        if self._clock.monotonic() >= U:
            break
        """,
        "U = max(U, self._clock.monotonic() + 5)",
    ),
    mutant(
        "refusal-behind-a-5xx",
        KLING,
        "providers.kling.client:_refusal",
        "C not in REASON_OF_CODE or not 400 <= S < 500",
        "C not in REASON_OF_CODE",
    ),
    mutant(
        "any-404-is-not-found",
        KLING,
        "providers.kling.client:_is_not_found",
        "(S, C) == TASK_NOT_FOUND",
        "S == 404",
    ),
    mutant(
        "any-1201-is-not-found",
        CREATES,
        "providers.kling.client:_is_not_found",
        "refused and is_task_not_found(M, I)",
        "refused",
    ),
    mutant(
        "bad-setting-blames-the-picture",
        CREATES,
        "providers.kling.client:_refusal",
        "rejection_of(M) or RejectionReason.UNAVAILABLE",
        "rejection_of(M) or RejectionReason.IMAGE",
    ),
    mutant(
        "id-in-use-is-a-refusal",
        CREATES,
        "providers.kling.client:_refusal",
        """
        if is_id_in_use(M):
            return None
        """,
        "pass",
    ),
    mutant(
        "page-of-a-proxy-believed",
        CREATES,
        "providers.kling.client:Kling._turned_away",
        "isinstance(X, NotFound)",
        "True",
    ),
    mutant(
        "408-is-a-refusal",
        CREATES,
        "providers.kling.client:_is_from_a_proxy",
        "400 <= S < 500 and S != REQUEST_TIMEOUT",
        "400 <= S < 500",
    ),
    mutant(
        "stale-token-wakes-somebody",
        REFUSALS,
        "providers.kling.client:Kling.create",
        """
        self._credentials.renew()
        continue
        """,
        "self._credentials.renew()",
    ),
    mutant(
        "refused-look-wakes-nobody",
        REFUSALS,
        "providers.kling.client:Kling._lookup",
        "self._count_refusal(R)",
        "None",
    ),
    mutant(
        "another-task-believed",
        KLING,
        "providers.kling.client:Kling._is_own",
        'X in (None, T.task_id) and Y in (None, "", J)',
        'Y in (None, "", J)',
    ),
    mutant(
        "task-of-another-job-believed",
        KLING,
        "providers.kling.client:Kling._is_own",
        'X in (None, T.task_id) and Y in (None, "", J)',
        "X in (None, T.task_id)",
    ),
    mutant(
        "sent-on-a-connection-that-came-late",
        HTTP,
        "providers.http:ProviderHttp._connect",
        """
        if C.timeout <= 0:
            raise NeverSent
        """,
        "C.timeout = abs(C.timeout)",
    ),
    mutant(
        "time-limit-for-each-receive",
        DEADLINES,
        "outbound.sockets:BoundedSocket._limit",
        "self._until - self._clock.monotonic()",
        "8.0",
    ),
    mutant(
        "another-jobs-task-accepted",
        OWNERSHIP,
        "providers.kling.client:Kling._created",
        "T is None or not self._is_own(R, T, None, J)",
        "T is None",
    ),
    mutant(
        "silence-not-counted",
        SILENCE,
        "providers.kling.client:Kling._send",
        'self._reports.silent("create", J, S)',
        "None",
    ),
    mutant(
        "signed-again-the-same",
        CREDENTIALS,
        "providers.kling.credentials:KlingCredentials._signed",
        "begins_at - (begins_at == self._token_begins_at)",
        "begins_at",
    ),
)
