"""Sign-up: claims, devices and the cap."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

USERS = "tests/users"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "claim-overwritten",
        USERS,
        "users.store:_claim_writes",
        "Put(K, C)",
        f"Put(K, C, {ALWAYS})",
    ),
    mutant(
        "index-trusted-alone",
        USERS,
        "users.operations:Users._sign_up_writes",
        "[*C, *store.read_device_owners(T, D)]",
        "[*store.read_device_owners(T, D)]",
    ),
    mutant(
        "only-the-newest-pepper-claims",
        USERS,
        "users.store:device_claim_writes",
        "_claim_writes(map(K, D.all), C, U, N)",
        "_claim_writes([K(D.newest)], C[:1], U, N)",
    ),
    mutant(
        "welcome-again-without-a-wallet",
        USERS,
        "users.operations:Users._sign_up_writes",
        """
        if M.opens and C:
            raise E
        """,
        "",
    ),
    mutant(
        "cap-by-reading-the-count",
        USERS,
        "users.store:count_write",
        'When(below={"count": X})',
        ALWAYS,
    ),
    mutant(
        "twin-of-a-new-user-refused",
        USERS,
        "users.operations:Users._known_after_all",
        """
        if W is None or not _is_open(W):
            raise E
        return W
        """,
        "raise E",
    ),
    mutant(
        "hmac-dropped",
        USERS,
        "users.entities:_digest",
        "return X",
        'return text.partition("\\n")[2]',
    ),
)
