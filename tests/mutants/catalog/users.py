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
        "users.operations:_SignUp._check",
        "(*claimed_by, *self.device_owners)",
        "(*self.device_owners,)",
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
        "users.operations:_SignUp._check",
        """
        if C:
            raise WalletMissing
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
        "users.operations:_SignUp.propose",
        """
        if is_open(W):
            return None
        """,
        "",
    ),
    mutant(
        "hmac-dropped",
        USERS,
        "users.entities:_digest",
        "return X",
        'return text.partition("\\n")[2]',
    ),
)
