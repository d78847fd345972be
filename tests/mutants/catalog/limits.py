"""Limits of a user and of the house, and the keys that encrypt what is private."""

from tests.mutants.mutant import Mutant, mutant

USERS = "tests/jobs/test_user_limits.py"
LOSSES = "tests/text/test_losses.py"
HOUSE = "tests/jobs/test_house.py"
KEYS = "tests/storage/test_data_keys.py tests/storage/test_key_changes.py"
PROFILES = "tests/users/test_profile.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "one-job-more-than-the-limit",
        USERS,
        "ledger.limits:check_limits",
        "0 < limits.max_open_jobs <= found",
        "0 < limits.max_open_jobs < found",
    ),
    mutant(
        "job-past-its-hard-limit-counts",
        USERS,
        "ledger.limits:_not_past",
        "end * SECOND > now",
        "end > 0",
    ),
    mutant(
        "ended-job-still-in-flight",
        USERS,
        "ledger.limits:without_job",
        "ends.remove(end)",
        "pass",
    ),
    mutant(
        "day-never-ends",
        USERS,
        "ledger.limits:spent_on",
        "wallet.spent_today if wallet.day == day_of(now) else 0",
        "wallet.spent_today",
    ),
    mutant(
        "yesterday-s-credits-come-back-today",
        USERS,
        "ledger.limits:with_unspent",
        "not amount or days != {wallet.day}",
        "not amount",
    ),
    mutant(
        "credits-of-a-day-below-zero",
        "tests/ledger/test_limits.py",
        "ledger.limits:with_unspent",
        "max(0, wallet.spent_today - A)",
        "wallet.spent_today - A",
    ),
    mutant(
        "one-more-at-the-limit-of-loss",
        LOSSES,
        "ledger.limits:check_loss",
        "0 < limits.max_loss_per_day <= L",
        "0 < limits.max_loss_per_day < L",
    ),
    mutant(
        "loss-of-another-day-counts",
        LOSSES,
        "ledger.limits:loss_on",
        "wallet.loss_today if wallet.loss_day == day_of(now) else 0",
        "wallet.loss_today",
    ),
    mutant(
        "loss-of-the-day-before-forgets",
        LOSSES,
        "ledger.limits:with_loss",
        "loss_on(wallet, at) + parse_credits(D)",
        "parse_credits(D)",
    ),
    mutant(
        "loss-of-a-release-not-counted",
        LOSSES,
        "jobs.endings:Endings._release",
        "returning(job, part.cost if part else 0)",
        "returning(job)",
    ),
    mutant(
        "loss-beyond-the-hold-not-counted",
        LOSSES,
        "jobs.endings:Endings._capture",
        "charging(job, charge.amount, E)",
        "charging(job, charge.amount)",
    ),
    mutant(
        "loss-of-a-subscriber-unlimited",
        "tests/jobs/test_subscribers.py",
        "jobs.holds:limits_in",
        "UserLimits(A, B, C)",
        "UserLimits(A, B)",
    ),
    mutant(
        "cancelled-input-is-no-loss",
        LOSSES,
        "text.verdicts:loss_of",
        "failure != Failure.CANCELLED",
        "True",
    ),
    mutant(
        "house-lease-without-a-condition",
        HOUSE,
        "jobs.house:_lease_write",
        'When(equals={"leased": guard})',
        'When(below={"never": 1})',
    ),
    mutant(
        "lost-lease-used",
        HOUSE,
        "jobs.house:HouseBudget._take",
        "if not self._claimed(lease, self._item(day)): raise StorageUnavailable from error",
        "self._claim(lease, attempt, (attempt.before or 0) + attempt.size)",
    ),
    mutant(
        "job-returns-to-the-house-again-and-again",
        HOUSE,
        "jobs.house:HouseBudget.settled",
        "self._noted.pop(job.job_id, None)",
        "self._noted.get(job.job_id)",
    ),
    mutant(
        "hold-on-another-day-than-its-charge",
        HOUSE,
        "jobs.holds:HoldTerms.propose",
        "self.is_limited and (self.charge is None or self.charge.day != D)",
        "False",
    ),
    mutant(
        "charge-of-a-broken-hold-kept",
        "tests/jobs/test_broken_holds.py",
        "jobs.holds:Holds.take",
        """
        except Exception:
            H.put_back(C)
            raise
        """,
        """
        except Exception:
            raise
        """,
    ),
    mutant(
        "sealed-for-any-place",
        KEYS,
        "storage.sealed:place_of",
        "[table_name, key.pk, key.sk, attribute]",
        "[table_name]",
    ),
    mutant(
        "erased-key-kept",
        KEYS,
        "storage.key_items:KeySet.erased",
        "KeySet(self.latest, {}, R, now)",
        "KeySet(self.latest, self.keys, R, now)",
    ),
    mutant(
        "key-change-without-a-condition",
        KEYS,
        "storage.key_items:key_set_write",
        'When(equals={"revision": before.revision})',
        'When(below={"never": 1})',
    ),
    mutant(
        "e-mail-stored-in-clear",
        PROFILES,
        "users.sign_up:SignUp._profile_writes",
        "sealed = E, indexed",
        "sealed = email.address.encode(), indexed",
    ),
)
