"""Who is calling: tokens of each issuer, accounts that were closed, limits of requests."""

from tests.mutants.mutant import Mutant, mutant

KINDS = "tests/identity/test_token_kinds.py"
COGNITO = "tests/identity/test_cognito.py"
GOOGLE = "tests/identity/test_google.py"
ENFORCEMENT = "tests/identity/test_enforcement.py"
MATRIX = "tests/identity/test_route_matrix.py"
ACCOUNTS = "tests/ledger/test_account_gate.py"
LIMITS = "tests/web/test_request_limits.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "google-speaks-for-a-user-of-cognito",
        GOOGLE,
        "core.principal:is_google_subject",
        "not is_uuid(L)",
        "True",
    ),
    mutant(
        "google-speaks-for-a-password-account",
        GOOGLE,
        "core.principal:is_google_subject",
        "not lower.startswith(P)",
        "True",
    ),
    mutant(
        "repeated-name-in-a-token",
        GOOGLE,
        "identity.token_format:_without_repetition",
        "len(C) != len(P)",
        "False",
    ),
    mutant(
        "type-of-a-token-unread",
        KINDS,
        "identity.token_format:key_id_of",
        "K not in types",
        "False",
    ),
    mutant(
        "algorithm-of-the-token's-choice",
        KINDS,
        "identity.token_format:key_id_of",
        "H != algorithm",
        "False",
    ),
    mutant(
        "pool-of-another-region",
        COGNITO,
        "identity.cognito:cognito_principal",
        "I != issuer",
        "False",
    ),
    mutant(
        "refresh-token-as-a-sign-in",
        COGNITO,
        "identity.cognito:cognito_principal",
        "not isinstance(use, str) or use not in C",
        "use is None",
    ),
    mutant(
        "app-client-of-another",
        COGNITO,
        "identity.cognito:cognito_principal",
        "not isinstance(client, str) or client not in C",
        "False",
    ),
    mutant(
        "address-of-cognito-taken-as-verified",
        COGNITO,
        "identity.cognito:cognito_principal",
        "email is not None and V is True",
        "email is not None",
    ),
    mutant(
        "old-sign-in-erases-an-account",
        ENFORCEMENT,
        "identity.enforcement:_admitted_user",
        "gate.fresh_sign_ins.check(A)",
        "None",
    ),
    mutant(
        "token-of-a-closed-account",
        MATRIX,
        "identity.enforcement:_admitted_user",
        "gate.accounts.check(P)",
        "None",
    ),
    mutant(
        "closed-account-submits",
        "tests/jobs/test_account_gate.py",
        "jobs.admission:Admission.admitted",
        "check_wallet(W, A)",
        "None",
    ),
    mutant(
        "closed-account-quotes",
        "tests/jobs/test_account_gate.py",
        "jobs.admission:Admission.quote",
        "check_wallet(W, A)",
        "None",
    ),
    mutant(
        "closed-account-reads-its-credits",
        MATRIX,
        "ledger.routes:_add_credits",
        "check_wallet(W, P)",
        "None",
    ),
    mutant(
        "token-of-the-moment-of-closing",
        ACCOUNTS,
        "ledger.entities:check_account",
        "issued_at <= changed_at",
        "issued_at < changed_at",
    ),
    mutant(
        "caller-without-a-limit",
        ENFORCEMENT,
        "identity.enforcement:_admitted_user",
        "gate.limits.check_caller(R, D, S)",
        "None",
    ),
    mutant(
        "address-that-the-client-wrote",
        "tests/web/test_client_address.py",
        "web.client_address:client_address",
        'H.rpartition(",")[2]',
        'H.partition(",")[0]',
    ),
    mutant(
        "subscriber-with-many-addresses",
        LIMITS,
        "web.request_limits:network_of",
        "str(ipaddress.ip_network(N, strict=False).network_address)",
        "str(ip)",
    ),
    mutant(
        "sign-in-limited-like-any-route",
        LIMITS,
        "web.request_limits:RequestLimits.check_address",
        "rule.startswith(SIGN_IN_PREFIX)",
        "False",
    ),
)
