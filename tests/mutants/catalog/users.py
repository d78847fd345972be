"""Sign-up: claims, devices and the cap."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, breaks_by, mutant
from tests.mutants.rewriting import Change

USERS = "tests/users"
IDENTITIES = "tests/users/test_identities.py"
ACCOUNTS = "tests/accounts/test_routes.py"
HOOK = "tests/accounts/test_post_confirmation.py"
EMAILS = "tests/users/test_emails.py"
POLICY = "tests/users/test_device_policy.py"
DEVICES = "tests/jobs/test_new_devices.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "claim-overwritten",
        USERS,
        "users.store:_claim_writes",
        "Put(K, C, W)",
        f"Put(K, C, {ALWAYS})",
    ),
    breaks(
        "claim-decides",
        "index-trusted-alone",
        "users.sign_up:SignUp.standing",
        "(*found.device.claimed_by, *self.device_owners)",
        "(*self.device_owners,)",
    ),
    breaks(
        "every-pepper",
        "only-the-newest-pepper-claims",
        "users.store:device_claim_writes",
        "_claim_writes(map(K, D.all), C, U, N)",
        "_claim_writes([K(D.newest)], C[:1], U, N)",
    ),
    mutant(
        "welcome-again-without-a-wallet",
        USERS,
        "users.sign_up:SignUp.standing",
        """
        if C:
            raise WalletMissing
        """,
        "",
    ),
    breaks(
        "exact-cap",
        "cap-by-reading-the-count",
        "users.store:count_write",
        'When(below={"count": X})',
        ALWAYS,
    ),
    breaks(
        "known-user-wins",
        "twin-of-a-new-user-refused",
        "users.sign_up:SignUp.propose",
        """
        if is_open(W):
            return None
        """,
        "",
    ),
    breaks(
        "refused-claims-nothing",
        "device-claimed-by-a-release",
        "jobs.endings:Endings._release",
        "self._settle(J, D, W, I)",
        "self._settle(J, D, W, I, Digests(J.device) if J.device else None)",
    ),
    mutant(
        "device-forgotten-by-its-job",
        DEVICES,
        "jobs.holds:HoldTerms._new_device",
        "has_item(W, D)",
        "D.newest in W.fingerprints",
    ),
    mutant(
        "capture-waits-for-a-busy-claim",
        DEVICES,
        "jobs.endings:Endings._capture",
        """
        except WalletBusy:
            if not J.device:
                raise
            settled = settle(None)
        """,
        """
        except WalletBusy:
            raise
        """,
    ),
    breaks(
        "lost-claim-settles",
        "lost-claim-refuses-the-capture",
        "users.operations:Users.after_capture",
        "ConditionalWrite(W)",
        "ConditionalWrite(W, DeviceAlreadyUsed())",
    ),
    mutant(
        "claim-of-another-taken",
        DEVICES,
        "users.operations:Users.after_capture",
        "not belongs_to_another(O, U)",
        "True",
    ),
    breaks(
        "device-limit",
        "devices-without-limit",
        "users.operations:Users.after_capture",
        "W.device_count >= MAX_DEVICES_PER_USER",
        "False",
    ),
    mutant(
        "device-given-a-second-item",
        DEVICES,
        "users.operations:Users.after_capture",
        """
        if F.listed:
            return R
        """,
        "",
    ),
    mutant(
        "item-forgotten-by-the-wallet",
        DEVICES,
        "users.entities:with_item",
        "W.new_devices - N",
        "W.new_devices",
    ),
    mutant(
        "claimed-devices-leave-first",
        DEVICES,
        "users.entities:with_device",
        "E in W.new_devices",
        "E not in W.new_devices",
    ),
    mutant(
        "hmac-dropped",
        USERS,
        "users.entities:_digest",
        "return X",
        'return text.partition("\\n")[2]',
    ),
    breaks(
        "limit-before-device",
        "device-checked-before-the-limit",
        "users.sign_up:SignUp.standing",
        """
        if F:
            raise SystemLimitReached
        if M:
            raise EmailAlreadyUsed
        claimed_by = C
        taken = T
        if taken and R:
            raise DeviceAlreadyUsed
        """,
        """
        claimed_by = C
        taken = T
        if taken and R:
            raise DeviceAlreadyUsed
        if F:
            raise SystemLimitReached
        if M:
            raise EmailAlreadyUsed
        """,
    ),
    breaks_by(
        "sign-up-once",
        "fresh-wallet-welcomed-again",
        Change("users.sign_up:SignUp.propose", "is_open(W)", "is_open(W) and W.version > 1"),
        Change("users.sign_up:SignUp.was_committed", "is_open(W)", "False"),
    ),
    breaks(
        "anothers-claim",
        "claim-of-another-ignored",
        "users.sign_up:SignUp.standing",
        "belongs_to_another(claimed_by, U)",
        "False",
    ),
    mutant(
        "linked-identity-signs-up",
        USERS,
        "users.sign_up:SignUp.standing",
        """
        if belongs_to_another(found.identity_claimed_by, U):
            raise IdentityLinked
        """,
        "",
    ),
    mutant(
        "mailbox-of-another-ignored",
        EMAILS,
        "users.sign_up:SignUp.standing",
        """
        if M:
            raise EmailAlreadyUsed
        """,
        "",
    ),
    mutant(
        "unverified-address-claims",
        EMAILS,
        "users.entities:verified_email",
        "principal.email_verified and principal.email",
        "principal.email",
    ),
    mutant(
        "disposable-address-welcomed",
        EMAILS,
        "users.entities:may_be_welcomed",
        "E is not None and not is_disposable(E)",
        "E is not None",
    ),
    mutant(
        "old-session-reopens-an-erased-account",
        EMAILS,
        "users.sign_up:SignUp.propose",
        "check_wallet(S, P)",
        "",
    ),
    mutant(
        "account-of-another-linked",
        IDENTITIES,
        "users.linking:Identities._link",
        """
        if belongs_to_another(owners, U):
            raise IdentityInUse
        """,
        "",
    ),
    mutant(
        "mailbox-of-another-linked",
        IDENTITIES,
        "users.linking:Identities._link",
        """
        if belongs_to_another(of_mailbox, U):
            raise EmailAlreadyUsed
        """,
        "",
    ),
    mutant(
        "first-identity-unlinked",
        IDENTITIES,
        "users.linking:Identities._unlink",
        """
        if D == identity_id:
            raise IdentityRequired
        """,
        "",
    ),
    mutant(
        "stale-sign-in-linked",
        ACCOUNTS,
        "accounts.operations:Accounts._other",
        "self._fresh_sign_ins.check(A)",
        "None",
    ),
    mutant(
        "hook-signature-good-for-ever",
        HOOK,
        "accounts.hook_signatures:signed_seconds",
        "abs(N) <= TOLERANCE_SECONDS",
        "True",
    ),
    mutant(
        "hook-signed-with-anything",
        HOOK,
        "accounts.hook_signatures:signed_seconds",
        "hmac.compare_digest(S, H)",
        "True",
    ),
    mutant(
        "reset-password-makes-a-user",
        HOOK,
        "accounts.post_confirmation:PostConfirmation.handle",
        "C.trigger != CONFIRMED or P != Q",
        "P != Q",
    ),
    mutant(
        "users-of-a-device-without-limit",
        USERS,
        "users.sign_up:_check_places",
        "len(users) >= rules.max_users_per_device - 1",
        "False",
    ),
    mutant(
        "shared-device-over-a-stale-list",
        POLICY,
        "users.sharing:share_writes",
        "When(equals=E)",
        ALWAYS,
    ),
    mutant(
        "unwelcomed-wallet-welcomed-again-and-again",
        POLICY,
        "ledger.opening:welcome_later",
        "replace(W, welcomed=True)",
        "replace(W)",
    ),
    mutant(
        "rejected-user-welcomed-late",
        POLICY,
        "users.sign_up:LateWelcome.propose",
        "sharing.is_rejected(S)",
        "False",
    ),
    mutant(
        "anothers-device-welcomed-late",
        POLICY,
        "users.sign_up:LateWelcome.propose",
        "not belongs_to_another(O, U)",
        "True",
    ),
    mutant(
        "approval-welcomes-without-a-mailbox",
        POLICY,
        "admin.reviews:Reviews.approve",
        "review.may_be_welcomed or owns_mailbox",
        "True",
    ),
    mutant(
        "unlinking-releases-the-welcome-mailbox",
        IDENTITIES,
        "users.identities:StoredIdentity.claims_without",
        "() if mailbox in self.mailbox_digests else self.mailbox_digests",
        "self.mailbox_digests",
    ),
    mutant(
        "linked-identity-stays-in-the-user-pool",
        "tests/erasure/test_user_pool.py",
        "users.linking:Identities.pool_subjects",
        "(*own, *S)",
        "own",
    ),
    mutant(
        "unverified-address-leads-to-a-user",
        "tests/users/test_directory.py",
        "users.sign_up:SignUp._profile_writes",
        "email.digests if M is not None else None",
        "email.digests",
    ),
    mutant(
        "unverified-address-receives-alerts",
        "tests/notifications/test_alert_mails.py",
        "users.entities:is_verified",
        "profile.digests.mailbox in M",
        "True",
    ),
    mutant(
        "hook-fills-the-system-without-mailboxes",
        HOOK,
        "accounts.post_confirmation:PostConfirmation.handle",
        "not may_be_welcomed(principal)",
        "False",
    ),
    Mutant(
        "review-decided-twice",
        POLICY,
        (
            Change(
                "admin.reviews:_reviewed",
                "R is None or R.decision is not None",
                "R is None",
            ),
            Change(
                "users.sharing:reviewed_write", 'When(equals={"PK": K, "decision": None})', ALWAYS
            ),
        ),
    ),
    breaks(
        "claim-at-capture",
        "capture-claims-no-device",
        "jobs.endings:Endings._capture",
        "settle(Digests(D) if D else None)",
        "settle(None)",
    ),
)
