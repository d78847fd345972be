"""Limits that ride along with the wallet: jobs in flight by kind of work, credits per day, and what
the house may lose by a user in a day. Pure.

In a file of its own because they move no credit. They change in the transactions of a hold and of a
settlement alone, so they are exact under any race and cost nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from service.core.amounts import Amount, credits_number, credits_text, parse_credits
from service.core.clock import iso
from service.core.days import DAY
from service.core.errors import Conflict, RateLimited
from service.ledger.details import HOUSE_LOSS, Details
from service.ledger.entities import Wallet

SECOND = 1000
# Most jobs end within minutes: until the hard limit of the oldest would be far too long to wait.
RETRY_SECONDS = 30
# What is sold as a length of time ends when it is sold, and counts until its hard limit.
TIMED_KINDS = frozenset({"live-block"})
# What no user has at the same time.
EXCLUDED_KINDS: Mapping[str, frozenset[str]] = {
    "live": frozenset({"live-block"}),
    "live-block": frozenset({"live", "live-block"}),
}


@dataclass(frozen=True)
class UserLimits:
    """What one user may have; 0: as much as they like."""

    max_open_jobs: int = 0
    max_credits_per_day: Amount = 0
    max_loss_per_day: Amount = 0


class TooManyOpenJobs(RateLimited):
    """Nothing was written, and an idempotency key stays free."""

    code = "TOO_MANY_OPEN_JOBS"
    summary = "You have as many jobs of this kind in flight as you may. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 5, "jobsInFlight": 5}
    advice = (
        "Wait until one of the jobs in flight has ended (`GET /jobs`), then repeat, with the same "
        "`Idempotency-Key` if you sent one."
    )
    retry_after = RETRY_SECONDS


class DailyLimitReached(RateLimited):
    """Nothing was written, and an idempotency key stays free."""

    code = "DAILY_LIMIT_REACHED"
    summary = "This would be more credits than you may spend in a day. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {
        "limit": 20,
        "spent": 19.5,
        "required": 1,
        "resetsAt": "2026-11-22T00:00:00.000Z",
    }
    advice = (
        "Repeat after `details.resetsAt`, with the same `Idempotency-Key` if you sent one; or "
        "request something that costs at most `details.limit` less `details.spent`."
    )
    retry_after = 3600


class LossLimitReached(RateLimited):
    """What vendors billed for this user's jobs of the day and no one pays. Nothing was written, and
    an idempotency key stays free."""

    code = "LOSS_LIMIT_REACHED"
    summary = (
        "Too much was generated for you today that you were not charged for. Nothing was charged."
    )
    details_example: ClassVar[Mapping[str, object]] = {
        "limit": 10,
        "uncharged": 10.25,
        "resetsAt": "2026-11-22T00:00:00.000Z",
    }
    advice = (
        "Repeat after `details.resetsAt`, with the same `Idempotency-Key` if you sent one. Cancel "
        "fewer requests before their first output."
    )
    retry_after = 3600


class AlreadyLive(Conflict):
    """Nothing was written, and an idempotency key stays free."""

    code = "ALREADY_LIVE"
    summary = (
        "You have a live session, or a block of time for one that is not over. Nothing was charged."
    )
    details_example: ClassVar[Mapping[str, object]] = {"until": "2026-11-21T09:12:00.000Z"}
    advice = (
        "End the session, or wait until `details.until`, by which it has ended; a block of time is "
        "over then, whether or not it was used."
    )


def day_of(at: int) -> int:
    """The UTC day of a moment, in days since 1970-01-01."""
    return at // DAY


def kind_of(operation: str) -> str:
    """The kind of work, whoever does it: operations are named `provider:kind`."""
    return operation.rpartition(":")[2]


def in_flight(wallet: Wallet, now: int) -> dict[str, int]:
    """How many jobs of each kind of work are open at that moment and not past their hard limit."""
    counts = {kind: len(_not_past(ends, now)) for kind, ends in wallet.open_jobs.items()}
    return {kind: count for kind, count in counts.items() if count}


def spent_on(wallet: Wallet, now: int) -> Amount:
    """The credits held on the day of that moment, without what has been returned of them."""
    return wallet.spent_today if wallet.day == day_of(now) else 0


def loss_on(wallet: Wallet, now: int) -> Amount:
    """What the house lost by this user's jobs that ended on the day of that moment."""
    return wallet.loss_today if wallet.loss_day == day_of(now) else 0


def excluded_until(wallet: Wallet, operation: str, now: int) -> int | None:
    """Until when (epoch milliseconds) something is in flight that a job of that operation excludes;
    None: nothing is."""
    excluded = EXCLUDED_KINDS.get(kind_of(operation), frozenset())
    now = max(now, wallet.updated_at)
    ends = [end for kind in excluded for end in _not_past(wallet.open_jobs.get(kind, ()), now)]
    return max(ends) * SECOND if ends else None


def require_alone(until: int | None) -> None:
    """Raises `AlreadyLive` for what is excluded until then."""
    if until is not None:
        raise AlreadyLive(details={"until": iso(until)})


def check_alone(wallet: Wallet, operation: str, now: int) -> None:
    """Whether nothing is in flight that a job of that operation excludes. Raises `AlreadyLive`."""
    require_alone(excluded_until(wallet, operation, now))


def check_limits(
    wallet: Wallet, operation: str, amount: Amount, now: int, limits: UserLimits
) -> None:
    """Whether another job of that operation may hold that amount now. Raises `TooManyOpenJobs`,
    `DailyLimitReached` or `LossLimitReached`."""
    kind, now = kind_of(operation), max(now, wallet.updated_at)
    found = in_flight(wallet, now).get(kind, 0)
    if 0 < limits.max_open_jobs <= found:
        raise TooManyOpenJobs(
            details={"limit": limits.max_open_jobs, "jobsInFlight": found},
            retry_after_seconds=_until_one_ends(wallet, kind, now),
        )
    check_day(wallet, amount, now, limits)
    check_loss(wallet, now, limits)


def check_loss(wallet: Wallet, now: int, limits: UserLimits) -> None:
    """Whether the house may lose more by this user on the day of that moment. Raises
    `LossLimitReached`."""
    loss = loss_on(wallet, now)
    if 0 < limits.max_loss_per_day <= loss:
        raise _beyond_the_loss(loss, limits.max_loss_per_day, now)


def check_day(wallet: Wallet, amount: Amount, now: int, limits: UserLimits) -> None:
    """Whether that much more may be held on the day of that moment. Raises `DailyLimitReached`."""
    spent, limit = spent_on(wallet, now), limits.max_credits_per_day
    if limit and spent + amount > limit:
        raise _beyond_the_day(spent, amount, limit, now)


def with_job(wallet: Wallet, operation: str, hard_at: int, now: int) -> Wallet:
    """With one more job in flight. Those past their hard limit leave the list: they count no
    longer, whether or not they have ended."""
    kind = kind_of(operation)
    kept = {name: _not_past(ends, now) for name, ends in wallet.open_jobs.items()}
    kept[kind] = tuple(sorted((*kept.get(kind, ()), _second(hard_at))))
    return replace(wallet, open_jobs={name: ends for name, ends in kept.items() if ends})


def with_ended(wallet: Wallet, operation: str, hard_at: int, *, is_delivered: bool) -> Wallet:
    """After the end of that job: what it sold as a length of time counts on."""
    if is_delivered and kind_of(operation) in TIMED_KINDS:
        return wallet
    return without_job(wallet, operation, hard_at)


def without_job(wallet: Wallet, operation: str, hard_at: int) -> Wallet:
    """Without that job, which may have left the list before."""
    kind = kind_of(operation)
    ends = list(wallet.open_jobs.get(kind, ()))
    if (end := _second(hard_at)) in ends:
        ends.remove(end)
    others = {name: each for name, each in wallet.open_jobs.items() if name != kind}
    return replace(wallet, open_jobs=others | ({kind: tuple(ends)} if ends else {}))


def with_later_end(wallet: Wallet, operation: str, before: int, after: int, now: int) -> Wallet:
    """With the hard limit of a job in flight moved, whether or not it was in the list."""
    return with_job(without_job(wallet, operation, before), operation, after, now)


def with_jobs(wallet: Wallet, jobs: Mapping[str, list[int]], last_hold: int) -> Wallet:
    """For an operator's repair alone: with exactly these jobs in flight, hard limits by kind, but
    for those that were past at the last hold."""
    ends = {
        kind: _not_past(tuple(sorted(map(_second, each))), last_hold) for kind, each in jobs.items()
    }
    return replace(wallet, open_jobs={kind: each for kind, each in ends.items() if each})


def with_spent(wallet: Wallet, amount: Amount, at: int) -> Wallet:
    """After a hold of that amount at that time."""
    return replace(wallet, day=day_of(at), spent_today=spent_on(wallet, at) + amount)


def with_unspent(
    wallet: Wallet, amount: Amount, held_at: int, began_at: int | None = None
) -> Wallet:
    """After that much of a hold came back. It counts only on the day of its hold, and where the
    hold grew from `began_at` on only if all of that was on one day. Never below 0:
    a release that does not count yet may have written the hold during a deployment."""
    days = {day_of(held_at), day_of(held_at if began_at is None else began_at)}
    if not amount or days != {wallet.day}:
        return wallet
    return replace(wallet, spent_today=max(0, wallet.spent_today - amount))


def with_loss(wallet: Wallet, details: Details, at: int) -> Wallet:
    """After the end of a job at that time, whose entry has these details. The loss has a day of its
    own: it counts when a job ends, and what is spent counts when it begins."""
    if HOUSE_LOSS not in details:
        return wallet
    loss = loss_on(wallet, at) + parse_credits(details[HOUSE_LOSS])
    return replace(wallet, loss_day=day_of(at), loss_today=loss)


def missing_jobs(wallet: Wallet, kind: str, hard_limits: list[int]) -> tuple[list[int], list[int]]:
    """What the wallet's list and those open jobs do not have in common: the ends that no job has,
    and the ends of jobs that the list lacks."""
    listed, open_jobs = list(wallet.open_jobs.get(kind, ())), list(map(_second, hard_limits))
    for end in list(listed):
        if end in open_jobs:
            listed.remove(end)
            open_jobs.remove(end)
    return listed, open_jobs


def _not_past(ends: tuple[int, ...], now: int) -> tuple[int, ...]:
    return tuple(end for end in ends if end * SECOND > now)


def _second(hard_at: int) -> int:
    """Rounded up: a second more keeps a job counted, and a wallet of five small."""
    return -(-hard_at // SECOND)


def _until_one_ends(wallet: Wallet, kind: str, now: int) -> int:
    first = min(_not_past(wallet.open_jobs[kind], now))
    return max(1, min(RETRY_SECONDS, -(-(first * SECOND - now) // SECOND)))


def _beyond_the_day(spent: Amount, amount: Amount, limit: Amount, now: int) -> DailyLimitReached:
    midnight = _midnight_after(now)
    return DailyLimitReached(
        f"This costs {credits_text(amount)}; {credits_text(spent)} of the {credits_text(limit)} "
        "credits of today are spent.",
        details={
            "limit": credits_number(limit),
            "spent": credits_number(spent),
            "required": credits_number(amount),
            "resetsAt": iso(midnight),
        },
        retry_after_seconds=-(-(midnight - now) // SECOND),
    )


def _beyond_the_loss(loss: Amount, limit: Amount, now: int) -> LossLimitReached:
    midnight = _midnight_after(now)
    return LossLimitReached(
        details={
            "limit": credits_number(limit),
            "uncharged": credits_number(loss),
            "resetsAt": iso(midnight),
        },
        retry_after_seconds=-(-(midnight - now) // SECOND),
    )


def _midnight_after(now: int) -> int:
    return (day_of(now) + 1) * DAY
