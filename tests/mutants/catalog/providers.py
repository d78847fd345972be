"""What may be sent again, and what a provider's response proves."""

from tests.mutants.mutant import Mutant, breaks, breaks_by, mutant
from tests.mutants.rewriting import Change

KLING = "tests/providers/kling/test_client.py"
REFUSALS = "tests/providers/kling/test_refusal_counts.py"
CREATES = "tests/providers/kling/test_create_responses.py"
HTTP = "tests/providers/test_http.py"
DEADLINES = "tests/providers/test_deadlines.py"
OWNERSHIP = "tests/providers/kling/test_ownership.py"
SILENCE = "tests/providers/kling/test_silence.py"
CREDENTIALS = "tests/providers/kling/test_credentials.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "never-sent-again",
        "sent-again-after-no-answer",
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
    breaks(
        "window",
        "sent-after-the-window",
        "providers.kling.client:Kling.create",
        """
        if self._clock.monotonic() >= U:
            break
        """,
        "U = max(U, self._clock.monotonic() + 5)",
    ),
    breaks(
        "second-try-proved",
        "refusal-behind-a-5xx",
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
    breaks(
        "ours-not-theirs",
        "bad-setting-blames-the-picture",
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
    breaks(
        "proxy-4xx",
        "page-of-a-proxy-believed",
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
        "refused-look-wakes-no-one",
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
    breaks(
        "own-task",
        "task-of-another-job-believed",
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
    breaks(
        "one-deadline",
        "time-limit-for-each-receive",
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
    breaks(
        "second-try-differs",
        "second-token-begins-as-late",
        "providers.kling.credentials:KlingCredentials.renew",
        "self._backdated_seconds = S",
        "",
    ),
    breaks(
        "never-sent-proved",
        "no-connection-may-have-arrived",
        "providers.http:ProviderHttp._connect",
        "raise NeverSent from E",
        "raise NoResponse from E",
    ),
    breaks_by(
        "no-redirect",
        "redirect-followed",
        Change(
            "providers.http:ProviderHttp._pooled",
            """self._pool.request(
                M, U, headers=H, timeout=T, redirect=False, preload_content=False
            )""",
            "self._pool.request(M, U, headers=H, timeout=T, preload_content=False)",
        ),
        Change(
            "outbound.network:Network.pool",
            "PoolManager(maxsize=S, retries=False, ssl_context=T)",
            "PoolManager(maxsize=S, ssl_context=T)",
        ),
    ),
    breaks(
        "callback-authentic",
        "unsigned-callback-believed",
        "providers.kling.client:Kling.read_callback",
        "S and not signature_holds(S, H, B, N)",
        "False",
    ),
)
