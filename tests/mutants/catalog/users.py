"""Sign-up: claims, devices and the cap."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

USERS = "tests/users"
DEVICES = "tests/jobs/test_new_devices.py"

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
        "device-claimed-by-a-release",
        DEVICES,
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
            settle(None)
        """,
        """
        except WalletBusy:
            raise
        """,
    ),
    mutant(
        "lost-claim-refuses-the-capture",
        DEVICES,
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
    mutant(
        "devices-without-limit",
        DEVICES,
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
)
