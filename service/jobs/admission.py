"""From a request to its hold: every check, in the order of the protocol, and then T1.

In a file of its own because work that is sent and work that is one call differ only in what comes
after the hold."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.entitlements.operations import Entitlements, Permission
from service.jobs import store
from service.jobs.entities import MAX_PAYLOAD_BYTES, Job, JobRequest, Times
from service.jobs.holds import Held, Holds, key_of, related_to
from service.jobs.implicit_keys import found_by, implicit_key_of
from service.jobs.settlement import Settlement
from service.jobs.work import AnyWork, Estimate, Facts, Operations, Quote, fitted_within
from service.ledger.details import OPERATION
from service.ledger.entities import (
    IdempotencyKeyReused,
    InsufficientCredits,
    StaleRead,
    Wallet,
    WalletBusy,
    check_wallet,
)
from service.ledger.limits import excluded_until
from service.ledger.movements import hold
from service.ledger.operations import Ledger, Snapshot
from service.storage.table import Table
from service.users.entities import is_open
from service.users.operations import Users

MAX_ROUNDS = 5

Outcome = TypeVar("Outcome")
Place = Callable[[], AbstractContextManager[object]]
Proceed = Callable[[Held, Any], Outcome]


@dataclass(frozen=True)
class Earlier:
    """The job that a request's key stands for, and the wallet as it is now."""

    job: Job
    wallet: Wallet | None


@dataclass(frozen=True)
class HoldBasis:
    """What a hold is decided from: what the work costs and keeps, the job that the key stood for so
    far, what was read of the wallet, and what the user must be permitted. A call has `times` of its
    own."""

    body: object
    estimate: Estimate
    payload: Facts
    earlier: Job | None
    snapshot: Snapshot
    permission: Permission | None
    times: Times | None = None


class Admission:
    """Admits requests to their holds, and says what they would hold."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        users: Users,
        entitlements: Entitlements,
        holds: Holds,
        operations: Operations,
        settlement: Settlement,
        clock: Clock,
        metrics: Metrics,
        times: Times,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._users = users
        self._entitlements = entitlements
        self._holds = holds
        self._operations = operations
        self._settlement = settlement
        self._clock = clock
        self._metrics = metrics
        self._times = times

    def admitted(
        self, work: AnyWork, request: JobRequest, place: Place, proceed: Proceed[Outcome]
    ) -> Outcome | Earlier:
        """Everything up to the hold, which is taken in a place of `place`, and there what `proceed`
        makes of it; or the job that the request's key stands for already. Raises what `Jobs.submit`
        raises before anything is written, and `OutcomeUnknown`, which names the job."""
        permission = self._entitlements.permission(request.operation, request.payer)
        related = related_to(request, permission)
        snapshot: Snapshot | None = None
        for _ in range(MAX_ROUNDS):
            snapshot = snapshot or self._ledger.read_snapshot(request.payer, related)
            check_wallet(snapshot.wallet, request.actor)
            earlier = self._earlier(request, snapshot)
            if earlier is not None and not earlier.retryable:
                return Earlier(earlier, snapshot.wallet)
            estimate, payload = _terms(work, request.body)
            if permission is not None:
                permission.check(snapshot.item(permission.key))
            call = self._operations.call(request.operation)
            if call is None:
                self._holds.check_ceiling(request, estimate, snapshot)
            elif not is_open(snapshot.wallet):
                # As above, but for what can be made to fit. Later its user's balance counts, too.
                ceiling = self._holds.ceiling(request.actor, snapshot)
                fitted_within(call, request.body, estimate.amount, ceiling)
            basis = HoldBasis(request.body, estimate, payload, earlier, snapshot, permission)
            with place():
                placed, snapshot = self._placed(request, basis, proceed)
            if placed is not None:
                return placed
        raise WalletBusy

    def _placed(
        self, request: JobRequest, basis: HoldBasis, proceed: Proceed[Outcome]
    ) -> tuple[Outcome | None, Snapshot | None]:
        """Takes the hold, and proceeds. None for the outcome when it has to be decided anew: on the
        snapshot of a sign-up, or with none where what was read is stale."""
        device = self._users.digests(request.fingerprint) if request.fingerprint else None
        related = related_to(request, basis.permission)
        if not is_open(basis.snapshot.wallet):
            return None, self._users.sign_up(request.actor, device, related)
        snapshot = basis.snapshot
        if device is not None:
            snapshot = self._users.welcomed(request.actor, device, snapshot, related)
        basis = self._fitted(request, replace(basis, snapshot=snapshot))
        try:
            held = self._holds.take(
                request,
                device,
                basis.estimate,
                basis.payload,
                basis.earlier,
                snapshot,
                basis.permission,
                basis.times,
            )
        except StaleRead:
            return None, None
        except InsufficientCredits:
            # What was left open was chosen by a wallet that has moved since.
            if basis.times is None:
                raise
            return None, None
        self._metrics.count(Metric.HOLDS)
        return proceed(held, basis.body), None

    def _fitted(self, request: JobRequest, basis: HoldBasis) -> HoldBasis:
        """For a call: what its request leaves open is chosen by what its user can spend, and it
        ends by its own limit."""
        call, wallet = self._operations.call(request.operation), basis.snapshot.wallet
        if call is None or wallet is None:
            return basis
        ceiling = self._holds.ceiling(request.actor, basis.snapshot)
        spendable = wallet.spendable(self._clock.now(), request.operation)
        body = fitted_within(call, request.body, spendable, ceiling)
        estimate, payload = _terms(call, body)
        seconds = self._operations.limit_seconds(call, body) + call.grace_seconds
        times = self._times.of_call(seconds)
        return replace(basis, body=body, estimate=estimate, payload=payload, times=times)

    def quote(self, principal: Principal, operation: str, body: object) -> Quote:
        """What `submit` would hold for that request now, and whether it could; writes nothing.
        Raises `OperationNotFound`, whatever the kind of work refuses, `SubscriptionRequired`,
        `AccountClosed`, `SessionEnded`, `WalletFrozen`, `WalletBusy` and `StorageUnavailable`."""
        work = self._operations.known(operation)
        estimate, _ = _terms(work, body)
        permission = self._entitlements.permission(operation, principal.subject)
        if permission is not None:
            permission.check(self._table.get(permission.key))
        snapshot, now = self._holds.read_limits(principal), self._clock.now()
        wallet = snapshot.wallet
        check_wallet(wallet, principal)
        ceiling = self._holds.ceiling(principal, snapshot)
        if wallet is None or not is_open(wallet):
            return Quote(operation, estimate, 0, is_sufficient=False, registered=False)
        spendable = wallet.spendable(now, operation)
        is_sufficient = _can_hold(wallet, operation, estimate.amount, now)
        is_sufficient &= ceiling is None or estimate.amount <= ceiling.left
        return Quote(
            operation,
            estimate,
            spendable,
            is_sufficient,
            registered=True,
            ceiling=ceiling,
            excluded_until=excluded_until(wallet, operation, now),
        )

    def _earlier(self, request: JobRequest, snapshot: Snapshot) -> Job | None:
        """The job that the request's key stands for already, or whose retry it is. Raises
        `IdempotencyKeyReused`, which names it."""
        implicit = implicit_key_of(request)
        if implicit is not None:
            found = found_by(request, snapshot.item(implicit), self._clock.now())
            return self._settlement.read(request.payer, found) if found else None
        key = key_of(request)
        use = store.key_use(snapshot.item(key)) if key else None
        if use is None:
            return None
        if use.body_hash != request.body_hash:
            raise IdempotencyKeyReused(
                details={"jobId": use.job_id}, location=f"/jobs/{use.job_id}"
            )
        return self._settlement.read(request.payer, use.job_id)


def _can_hold(wallet: Wallet, operation: str, amount: Amount, now: int) -> bool:
    """Whether the very rule that holds credits would. Raises `WalletFrozen`."""
    try:
        hold(wallet, amount, "quote", now, details={OPERATION: operation})
    except InsufficientCredits:
        return False
    return True


def _terms(work: AnyWork, body: object) -> tuple[Estimate, Facts]:
    """Everything that the kind of work may refuse, and what the hold needs of it. Must come before
    any write, sign-up included. Raises what the kind of work raises."""
    work.validate(body)
    estimate, payload = work.estimate(body), work.payload(body)
    if len(json.dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{work.operation} keeps too much of its request")
    return estimate, payload
