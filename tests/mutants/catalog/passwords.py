"""Passwords, and what must not show who has an account."""

from tests.mutants.mutant import Mutant, mutant

POLICY = "tests/passwords/test_policy.py"
HASHING = "tests/passwords/test_hashing.py"
THROTTLE = "tests/passwords/test_throttle.py"
REGISTER = "tests/passwords/test_operations.py"
SIGN_INS = "tests/passwords/test_sign_ins.py"
RESETS = "tests/passwords/test_resets.py"
EQUAL_WORK = "tests/passwords/test_equal_work.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "link-alone-opens-an-account",
        REGISTER,
        "passwords.operations:Passwords.verify_email",
        "not self._base.hashes.verify(password, registration.password_hash).fits",
        "False",
    ),
    mutant(
        "password-one-character-too-short",
        POLICY,
        "passwords.policy:PasswordPolicy.weakness",
        "len(normal) < self.min_length",
        "len(normal) < self.min_length - 1",
    ),
    mutant(
        "length-in-bytes",
        POLICY,
        "passwords.policy:PasswordPolicy.weakness",
        "len(normal) < self.min_length",
        "len(normal.encode()) < self.min_length",
    ),
    mutant(
        "common-password-accepted",
        POLICY,
        "passwords.policy:PasswordPolicy.weakness",
        "password in self.common",
        "False",
    ),
    mutant(
        "password-cut-off",
        HASHING,
        "passwords.policy:normalized",
        "unicodedata.normalize('NFC', password)",
        "unicodedata.normalize('NFC', password)[:1000]",
    ),
    mutant(
        "missing-hash-costs-nothing",
        HASHING,
        "passwords.hashing:Hashes.verify",
        "stored is not None and stored.startswith(_BCRYPT)",
        "stored is None or stored.startswith(_BCRYPT)",
    ),
    mutant(
        "bcrypt-hash-stays",
        SIGN_INS,
        "passwords.hashing:Hashes.verify",
        "Verification(self._run(_fits_bcrypt, password, stored), outdated=True)",
        "Verification(self._run(_fits_bcrypt, password, stored), outdated=False)",
    ),
    mutant(
        "waiting-try-is-counted",
        THROTTLE,
        "passwords.throttle:after_try",
        "now < before.next_at",
        "False",
    ),
    mutant(
        "tries-never-forgotten",
        THROTTLE,
        "passwords.throttle:after_try",
        "now >= before.forget_at",
        "False",
    ),
    mutant(
        "ipv6-addresses-counted-apart",
        THROTTLE,
        "passwords.throttle:network_of",
        "ipaddress.ip_network((int(found), _IPV6_NETWORK), strict=False)",
        "found",
    ),
    mutant(
        "owner-locked-out-by-strangers",
        SIGN_INS,
        "passwords.sign_ins:PasswordSignIns._admit",
        """
        if is_known:
            self._base.throttle.admit(K, FROM_KNOWN_NETWORKS)
        else:
            self._base.throttle.admit(mailbox, FROM_UNKNOWN_NETWORKS)
        """,
        "self._base.throttle.admit(mailbox, FROM_UNKNOWN_NETWORKS)",
    ),
    mutant(
        "failure-shows-its-time",
        EQUAL_WORK,
        "passwords.sign_ins:PasswordSignIns.sign_in",
        "self._base.pace.hold(began_at)",
        "pass",
    ),
    mutant(
        "link-that-expired-works",
        REGISTER,
        "passwords.store:_waiting_text",
        "now >= whole_number(item['validUntil'])",
        "False",
    ),
    mutant(
        "known-address-receives-a-link",
        REGISTER,
        "passwords.operations:Passwords._standing",
        "return new_id, owner",
        "return new_id, None",
    ),
    mutant(
        "reset-mailed-to-another-spelling",
        RESETS,
        "passwords.resets:PasswordResets.request",
        "credentials.address == self._base.accounts.address_digest(address.text)",
        "True",
    ),
    mutant(
        "reset-link-outlives-the-password",
        RESETS,
        "passwords.resets:PasswordResets.reset",
        "credentials.revision != reset.revision",
        "False",
    ),
    mutant(
        "stolen-session-guesses",
        RESETS,
        "passwords.resets:PasswordResets._verify",
        "self._base.throttle.admit(name, FROM_ONE_NETWORK)",
        "pass",
    ),
)
