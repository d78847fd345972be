"""Sign-up: claims, devices and the cap."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, breaks_by, mutant
from tests.mutants.rewriting import Change

USERS = "tests/users"
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
        "users.operations:_SignUp._check",
        "(*claimed_by, *self.device_owners)",
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
        "users.operations:_SignUp._check",
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
        "users.operations:_SignUp.propose",
        """
        if is_open(W):
            return None
        """,
        "",
    ),
    breaks(
        "refused-claims-nothing",
        "device-claimed-by-a-release",
        "jobs.settlement:Settlement._release",
        "self._settle(J, D, W, I)",
        "self._settle(J, D, W, I, Digests(J.device) if J.device else None)",
    ),
    mutant(
        "device-forgotten-by-its-job",
        DEVICES,
        "jobs.holds:HoldTerms.job",
        "has_item(W, D)",
        "D.newest in W.fingerprints",
    ),
    mutant(
        "capture-waits-for-a-busy-claim",
        DEVICES,
        "jobs.settlement:Settlement._capture",
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
        "users.operations:_SignUp._check",
        """
        if F:
            raise SystemLimitReached
        if D:
            raise DeviceAlreadyUsed
        """,
        """
        if D:
            raise DeviceAlreadyUsed
        if F:
            raise SystemLimitReached
        """,
    ),
    breaks_by(
        "sign-up-once",
        "fresh-wallet-welcomed-again",
        Change("users.operations:_SignUp.propose", "is_open(W)", "is_open(W) and W.version > 1"),
        Change("users.operations:_SignUp.was_committed", "is_open(W)", "False"),
    ),
    breaks(
        "anothers-claim",
        "claim-of-another-ignored",
        "users.operations:_SignUp._check",
        "belongs_to_another(C, U)",
        "False",
    ),
    breaks(
        "claim-at-capture",
        "capture-claims-no-device",
        "jobs.settlement:Settlement._capture",
        "settle(Digests(D) if D else None)",
        "settle(None)",
    ),
)
