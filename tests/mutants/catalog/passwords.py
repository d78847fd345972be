"""Passwords, and what must not show who has an account."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

POLICY = "tests/passwords/test_policy.py"
HASHING = "tests/passwords/test_hashing.py"
THROTTLE = "tests/passwords/test_throttle.py"
REGISTER = "tests/passwords/test_operations.py"
SIGN_INS = "tests/passwords/test_sign_ins.py"
RESETS = "tests/passwords/test_resets.py"
EQUAL_WORK = "tests/passwords/test_equal_work.py"
RACES = "tests/passwords/test_races.py"
CREDENTIALS = "tests/passwords/test_credentials.py"
SETTINGS = "tests/passwords/test_settings.py"
REPLACING = "tests/passwords/test_replacing.py"

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
        "sign-in-that-outlives-its-password",
        REPLACING,
        "passwords.sign_ins:PasswordSignIns.require_current",
        "found.revision != proven.revision",
        "False",
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
    mutant(
        "known-network-shown",
        EQUAL_WORK,
        "passwords.sign_ins:PasswordSignIns._admit",
        "self._base.throttle.admit(K, FROM_KNOWN_NETWORKS)",
        "pass",
    ),
    mutant(
        "registration-shows-its-time",
        EQUAL_WORK,
        "passwords.operations:Passwords.register",
        "self._base.pace.hold(began_at)",
        "pass",
    ),
    mutant(
        "reset-shows-its-time",
        EQUAL_WORK,
        "passwords.resets:PasswordResets.request",
        "self._base.pace.hold(began_at)",
        "pass",
    ),
    mutant(
        "unknown-address-not-slowed",
        SIGN_INS,
        "passwords.sign_ins:PasswordSignIns._signed_in",
        "self._admit(name, mailbox, is_known=K)",
        "credentials is None or self._admit(name, mailbox, is_known=K)",
    ),
    mutant(
        "failure-logs-the-network",
        SIGN_INS,
        "passwords.sign_ins:PasswordSignIns._log",
        "digest('logged network', attempt.network)",
        "attempt.network",
    ),
    mutant(
        "failure-logs-the-mailbox",
        SIGN_INS,
        "passwords.sign_ins:PasswordSignIns._log",
        "digest('logged mailbox', attempt.address.mailbox)",
        "attempt.address.mailbox",
    ),
    mutant(
        "success-keeps-the-count",
        SIGN_INS,
        "passwords.sign_ins:PasswordSignIns._signed_in",
        "self._base.throttle.forget(name)",
        "pass",
    ),
    mutant(
        "replaced-password-signs-in",
        SIGN_INS,
        "passwords.store:login_write",
        "When(equals={'userId': U, 'revision': R})",
        ALWAYS,
    ),
    mutant(
        "hash-moves-between-accounts",
        SIGN_INS,
        "passwords.sealing:Sealing._place",
        "place_of(self._table_name, key, 'sealed')",
        "b''",
    ),
    mutant(
        "network-known-for-ever",
        CREDENTIALS,
        "passwords.entities:Credentials.networks_with",
        "(*others, network)[-MAX_KNOWN_NETWORKS:]",
        "(*others, network)",
    ),
    mutant(
        "parallel-tries-counted-once",
        RACES,
        "passwords.throttle:_tries_write",
        "When(equals=R)",
        ALWAYS,
    ),
    mutant(
        "delays-do-not-grow",
        THROTTLE,
        "passwords.throttle:Delays.wait_seconds",
        "self.first_seconds << min(beyond, 32)",
        "self.first_seconds",
    ),
    mutant(
        "common-password-in-capitals",
        POLICY,
        "passwords.common_passwords:digest_of",
        "unicodedata.normalize('NFKC', password).casefold()",
        "unicodedata.normalize('NFKC', password)",
    ),
    mutant(
        "address-as-password",
        POLICY,
        "passwords.policy:PasswordPolicy.weakness",
        "any(normal.casefold() in _names(address) for address in addresses)",
        "False",
    ),
    mutant(
        "repeated-characters-accepted",
        POLICY,
        "passwords.policy:PasswordPolicy.weakness",
        "is_repeated(normal)",
        "False",
    ),
    mutant(
        "long-bcrypt-password-refused",
        HASHING,
        "passwords.hashing:_fits_bcrypt",
        "password.encode()[:BCRYPT_BYTES]",
        "password.encode()",
    ),
    mutant(
        "older-parameters-stay",
        HASHING,
        "passwords.hashing:Hashes._verify_argon2",
        "self._argon2.check_needs_rehash(stored)",
        "False",
    ),
    mutant(
        "hashes-without-limit",
        HASHING,
        "passwords.hashing:Hashes.__init__",
        "FifoGate(cost.at_once, cost.max_waiting)",
        "FifoGate(10000, cost.max_waiting)",
    ),
    mutant(
        "weak-hash-in-production",
        SETTINGS,
        "passwords.settings:PasswordsSettings.production_rules",
        "self.password_hash_memory_kibibytes < MIN_MEMORY_KIBIBYTES or work < MIN_WORK",
        "False",
    ),
    mutant(
        "used-link-keeps-what-it-was-for",
        REGISTER,
        "passwords.store:used_write",
        "Update(key, unused, set=S, remove=('sealed',))",
        "Update(key, unused, set=S)",
    ),
    mutant(
        "erased-account-returns-as-another",
        REPLACING,
        "passwords.operations:Passwords._standing",
        "return owner, None",
        "return new_id, None",
    ),
    mutant(
        "erased-account-named-by-mail",
        REPLACING,
        "passwords.resets:PasswordResets._owner",
        "is_open(self._base.wallets.balance(owner or stand_in_id).wallet)",
        "True",
    ),
    mutant(
        "change-without-the-password",
        RESETS,
        "passwords.resets:PasswordResets._verify",
        "not self._base.hashes.verify(password, H).fits",
        "False",
    ),
    mutant(
        "change-warns-one-address",
        RESETS,
        "passwords.resets:PasswordResets._replacing",
        "enumerate(addresses, 1)",
        "enumerate(addresses[:1], 1)",
    ),
    mutant(
        "password-over-a-newer-one",
        REPLACING,
        "passwords.store:password_write",
        "When(equals={'revision': revision})",
        ALWAYS,
    ),
    mutant(
        "sessions-outlive-the-password",
        REPLACING,
        "passwords.resets:PasswordResets._replace",
        """
        self._base.table.transact(writes)
        self._end_sessions(user_id, keep)
        """,
        "self._base.table.transact(writes)",
    ),
    mutant(
        "crash-leaves-older-sessions",
        REPLACING,
        "passwords.resets:PasswordResets._replace",
        """
        self._end_sessions(user_id, keep)
        self._base.table.transact(writes)
        """,
        "self._base.table.transact(writes)",
    ),
    mutant(
        "change-ends-its-own-session",
        REPLACING,
        "passwords.resets:PasswordResets.change",
        "self._replace(user_id, writes, principal.session_id)",
        "self._replace(user_id, writes, None)",
    ),
    mutant(
        "password-outlives-its-account",
        RACES,
        "passwords.accounts:PasswordAccounts.erase",
        "self._table.write(write)",
        "pass",
    ),
    mutant(
        "erasure-removes-anothers-password",
        CREDENTIALS,
        "passwords.store:erasure_writes",
        "When(equals={'userId': user_id})",
        ALWAYS,
    ),
    mutant(
        "credentials-of-no-one-pass",
        CREDENTIALS,
        "passwords.checks:_owner_faults",
        "owned is None or store.owned_digest(owned) != credentials.digest",
        "False",
    ),
)
