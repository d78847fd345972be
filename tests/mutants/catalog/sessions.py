"""Sessions: refresh tokens, their families and their cookie; access tokens."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

OPERATIONS = "tests/sessions/test_operations.py"
REFRESH_TOKENS = "tests/sessions/test_refresh_tokens.py"
ACCESS_TOKENS = "tests/identity/test_access_tokens.py"
COOKIE = "tests/web/test_page_cookie.py"
SIGN_INS = "tests/sessions/test_sign_ins.py"
ACCOUNTS = "tests/accounts/test_routes.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "reuse-ends-no-family",
        OPERATIONS,
        "sessions.operations:Sessions._exchanged",
        "self._end_reused(S, N)",
        "",
    ),
    mutant(
        "family-ended-by-every-reuse",
        OPERATIONS,
        "sessions.store:end_write",
        'When(equals={"PK": K, "endedAt": None})',
        'When(equals={"PK": K})',
    ),
    mutant(
        "every-refresh-wins",
        OPERATIONS,
        "sessions.store:rotation_write",
        'When(equals={"digest": D, "endedAt": None})',
        ALWAYS,
    ),
    mutant(
        "ended-session-refreshed",
        OPERATIONS,
        "sessions.entities:Session.is_live",
        "self.ended_at is None and N < self.ends_at",
        "N < self.ends_at",
    ),
    mutant(
        "grace-without-end",
        OPERATIONS,
        "sessions.entities:presented",
        "D == session.previous and N < grace_until",
        "D == session.previous",
    ),
    mutant(
        "no-grace",
        OPERATIONS,
        "sessions.entities:presented",
        "D == session.previous and N < grace_until",
        "False",
    ),
    mutant(
        "refresh-token-stored",
        OPERATIONS,
        "sessions.refresh_tokens:digest",
        "seal([_DIGEST, T.text], K)",
        "T.text",
    ),
    mutant(
        "digest-without-a-key",
        REFRESH_TOKENS,
        "sessions.refresh_tokens:digest",
        "seal([_DIGEST, T.text], K)",
        'seal([_DIGEST, T.text], b"")',
    ),
    mutant(
        "guess-ends-a-session",
        OPERATIONS,
        "sessions.refresh_tokens:parsed",
        """
        if not holds(M, H, K):
            return None
        """,
        "",
    ),
    mutant(
        "address-stored-in-clear",
        OPERATIONS,
        "sessions.operations:Sessions._sealed",
        "self._data_keys.seal(U, *P, E)",
        "E.encode()",
    ),
    mutant(
        "lost-response-refused",
        OPERATIONS,
        "sessions.operations:Sessions._rotated",
        """
        except (ConditionFailed, MaybeApplied):
            return False
        """,
        """
        except ConditionFailed:
            return False
        """,
    ),
    mutant(
        "session-opens-a-session",
        SIGN_INS,
        "sessions.sign_ins:SignIns.open",
        """
        if principal.method not in PROVIDERS:
            raise ProviderTokenRequired
        """,
        "",
    ),
    mutant(
        "access-token-outlives-its-session",
        SIGN_INS,
        "sessions.operations:Sessions.end",
        "self._floor.raise_to(U, N)",
        "",
    ),
    mutant(
        "access-token-outlives-a-theft",
        SIGN_INS,
        "sessions.operations:Sessions._end_reused",
        "self._floor.raise_to(U, N)",
        "",
    ),
    mutant(
        "ended-sessions-not-checked",
        "tests/ledger/test_account_gate.py",
        "ledger.entities:check_session",
        "S and A is not None and A < V",
        "False",
    ),
    mutant(
        "cookie-of-any-page",
        COOKIE,
        "web.page_cookie:PageCookie.require_page",
        "O not in self._origins or H != CSRF_VALUE",
        "H != CSRF_VALUE",
    ),
    mutant(
        "cookie-of-any-form",
        COOKIE,
        "web.page_cookie:PageCookie.require_page",
        "O not in self._origins or H != CSRF_VALUE",
        "O not in self._origins",
    ),
    mutant(
        "cookie-read-without-its-page",
        COOKIE,
        "web.page_cookie:PageCookie.read",
        "self.require_page()",
        "",
    ),
    mutant(
        "access-token-of-another-audience",
        ACCESS_TOKENS,
        "identity.access_tokens:principal_of",
        """
        if C != AUDIENCE:
            raise TokenRejected(Rejection.AUDIENCE)
        """,
        "",
    ),
    mutant(
        "access-token-with-leeway",
        ACCESS_TOKENS,
        "identity.access_tokens:principal_of",
        """
        if N >= E:
            raise TokenRejected(Rejection.EXPIRED)
        """,
        "",
    ),
    mutant(
        "id-token-taken-for-an-access-token",
        ACCESS_TOKENS,
        "identity.access_tokens:AccessTokens.verify",
        "key_id_of(T, ALGORITHM, TYPES)",
        'key_id_of(T, ALGORITHM, (*TYPES, "jwt", None))',
    ),
    mutant(
        "log-out-of-the-newest-alone",
        OPERATIONS,
        "sessions.operations:Sessions.end_all",
        "map(_readable, self._items(user_id))",
        "map(_readable, list(store.read_newest(self._table, user_id))[: store.MAX_READ])",
    ),
    mutant(
        "log-out-ends-the-one-to-keep",
        OPERATIONS,
        "sessions.operations:Sessions.end_all",
        "each.is_live(now) and each.session_id != keep",
        "each.is_live(now)",
    ),
    mutant(
        "access-tokens-outlive-log-out",
        SIGN_INS,
        "sessions.operations:Sessions.end_all",
        "self._floor.raise_to(U, N)",
        "",
    ),
    mutant(
        "outage-of-addresses-costs-a-session",
        OPERATIONS,
        "sessions.operations:Sessions._exchanged",
        """
        email = self._opened(session)
        if self._rotated(session, token, now):
            return R
        """,
        """
        if self._rotated(session, token, now):
            email = self._opened(session)
            return R
        """,
    ),
    mutant(
        "outage-of-the-wallet-costs-a-session",
        SIGN_INS,
        "sessions.sign_ins:SignIns.refresh",
        """
        wallet = self._wallet(self._sessions.user_of(token))
        check_enabled(disabled=D)
        refreshed, session, email = self._sessions.refresh(token)
        """,
        """
        refreshed, session, email = self._sessions.refresh(token)
        wallet = self._wallet(self._sessions.user_of(token))
        check_enabled(disabled=D)
        """,
    ),
    mutant(
        "access-token-as-young-as-its-response",
        OPERATIONS,
        "sessions.operations:Sessions.refresh",
        "self._issued(session, email, following, read_at)",
        "self._issued(session, email, following, self._clock.now())",
    ),
    mutant(
        "linked-identity-logs-out-no-one",
        SIGN_INS,
        "sessions.sign_ins:SignIns.end_all",
        "self._users.resolve(principal) if is_sign_in else principal.subject",
        "principal.subject",
    ),
    mutant(
        "older-token-of-a-linked-identity",
        SIGN_INS,
        "sessions.sign_ins:SignIns.open",
        "check_wallet(wallet, user)",
        "check_wallet(self._wallet(principal.subject), principal)",
    ),
    mutant(
        "session-of-an-account-that-is-erased",
        SIGN_INS,
        "sessions.sign_ins:SignIns.open",
        "wallet is not None and wallet.status is WalletStatus.CLOSING",
        "False",
    ),
    mutant(
        "session-older-than-the-closing",
        SIGN_INS,
        "sessions.sign_ins:SignIns.refresh",
        "check_account(wallet.status, wallet.updated_at, _opener(session))",
        "pass",
    ),
    mutant(
        "sessions-without-limit",
        OPERATIONS,
        "sessions.operations:Sessions._make_room",
        "self._ended(session, SessionEnd.LIMIT, now)",
        "pass",
    ),
    mutant(
        "erasure-of-one-page",
        OPERATIONS,
        "sessions.operations:Sessions._erase_all",
        "not page.more",
        "True",
    ),
    mutant(
        "unlinked-identity-stays-signed-in",
        ACCOUNTS,
        "accounts.operations:Accounts.unlink",
        "self._sessions.end_all(U, R, keep=K)",
        "pass",
    ),
    mutant(
        "unlinking-ends-its-own-session",
        ACCOUNTS,
        "accounts.operations:Accounts.unlink",
        "self._sessions.end_all(U, R, keep=K)",
        "self._sessions.end_all(U, R)",
    ),
)
