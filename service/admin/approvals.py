"""Adjustments above a threshold: one operator requests them, another approves them. Approving moves
the credits in the transaction that decides the request, so no one decides twice."""

from dataclasses import dataclass, replace

from service.admin import keys, store
from service.admin.corrections import Corrected, Corrections
from service.admin.entities import (
    Action,
    Approval,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalStatus,
    LogDamaged,
    NamedOperatorRequired,
    SecondOperatorRequired,
    Terms,
)
from service.admin.operations import Actions, Performed
from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.ids import Ids, is_id
from service.ledger.entities import UserNotFound, Wallet, WalletStatus
from service.ledger.operations import ConditionalWrite, Ledger, Snapshot
from service.storage.codec import Item
from service.storage.cursor import PageTokens
from service.storage.data_keys import DataErased, DataKeys
from service.storage.table import Table

WAIT_MILLISECONDS = 24 * 3600 * 1000
APPROVAL_ID = "approvalId"
REQUESTED_BY = "requestedBy"

_SCOPE = ("approvals",)


@dataclass(frozen=True)
class ApprovalPage:
    """Some requests, newest first, and the token of the next page (None: no more)."""

    approvals: tuple[Approval, ...]
    next_token: str | None


class Approvals:
    """Adjusts at once up to `threshold`, and has everything above it approved."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        actions: Actions,
        corrections: Corrections,
        clock: Clock,
        ids: Ids,
        mac_key: bytes,
        page_tokens: PageTokens,
        data_keys: DataKeys,
        threshold: Amount,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._actions = actions
        self._corrections = corrections
        self._clock = clock
        self._ids = ids
        self._mac_key = mac_key
        self._page_tokens = page_tokens
        self._data_keys = data_keys
        self._threshold = threshold

    def adjust(self, action: Action, terms: Terms) -> Corrected:
        """Adjusts, or requests it where that takes a second operator: then nothing moves, and the
        request is part of the result. Raises what `Corrections.adjust` raises."""
        if abs(action.amount or 0) <= self._threshold:
            return self._corrections.adjust(action, terms)
        return self._requested(replace(action, name="request-adjustment"), terms)

    def _requested(self, action: Action, terms: Terms) -> Corrected:
        _open_wallet(self._ledger.read_snapshot(action.subject or "").wallet)
        approval = self._new(action, terms)

        def change(snapshot: Snapshot) -> tuple[ConditionalWrite, ...]:
            _open_wallet(snapshot.wallet)
            return (ConditionalWrite(store.approval_write(approval)),)

        performed = self._actions.perform(
            action, change, outcome={APPROVAL_ID: approval.approval_id}
        )
        wallet = _open_wallet(self._ledger.read_snapshot(approval.user_id).wallet)
        stored = self.read(performed.record.details[APPROVAL_ID])
        return Corrected(performed, wallet, self._clock.now(), stored)

    def _new(self, action: Action, terms: Terms) -> Approval:
        now, user_id = self._clock.now(), action.subject or ""
        approval_id = self._ids.new("apr", now)
        key = keys.approval(approval_id)
        approval = Approval(
            approval_id=approval_id,
            user_id=user_id,
            amount=action.amount or 0,
            terms=terms,
            ciphertext=self._data_keys.seal(user_id, key, keys.REASON, action.reason),
            reason=action.reason,
            requested_by=action.operator.operator_id,
            at=now,
            expires_at=now + WAIT_MILLISECONDS,
        )
        return replace(approval, mac=approval.sealed(self._mac_key))

    def approve(self, approval_id: str, action: Action) -> Corrected:
        """Carries a request out as `action.operator`, who must be another than requested it. The
        entry has the reason of the request; that of the approval is in the log.

        Raises `ApprovalNotFound`, `SecondOperatorRequired`, `NamedOperatorRequired`,
        `ApprovalExpired`, `ApprovalDecided`, `DataErased`, and what `Corrections.adjust`
        raises."""
        approval = self.read(approval_id)
        self._require_second(approval, action)
        if approval.reason is None:
            raise DataErased
        approving = replace(
            action,
            name="approve-adjustment",
            subject=approval.user_id,
            amount=approval.amount,
            reason=approval.reason,
            remark=action.reason,
            facts=self._facts(approval),
        )

        def decide() -> tuple[ConditionalWrite, ...]:
            return (self._decision(approval, ApprovalStatus.APPROVED, action),)

        return self._corrections.adjust(approving, approval.terms, decide)

    def reject(self, approval_id: str, action: Action) -> tuple[Performed, Approval]:
        """Ends a request; also the operator who made it may do that. Raises `ApprovalNotFound`,
        `NamedOperatorRequired`, `ApprovalExpired`, `ApprovalDecided`, and what `Actions.perform`
        raises."""
        approval = self.read(approval_id)
        self._require_named(approval, action)
        rejecting = replace(
            action,
            name="reject-adjustment",
            subject=approval.user_id,
            amount=approval.amount,
            facts=self._facts(approval),
        )
        performed = self._actions.perform(
            rejecting, lambda _: (self._decision(approval, ApprovalStatus.REJECTED, action),)
        )
        return performed, self.read(approval_id)

    def _decision(
        self, approval: Approval, status: ApprovalStatus, action: Action
    ) -> ConditionalWrite:
        """Raises `ApprovalExpired` and `ApprovalDecided`."""
        match approval.status_at(self._clock.now()):
            case ApprovalStatus.PENDING:
                write = store.decided_write(approval, status, action.operator.operator_id)
                return ConditionalWrite(write, ApprovalDecided())
            case ApprovalStatus.EXPIRED:
                raise ApprovalExpired
            case _:
                raise ApprovalDecided

    def _facts(self, approval: Approval) -> dict[str, str]:
        terms = approval.terms.facts(approval.amount)
        named = {APPROVAL_ID: approval.approval_id, REQUESTED_BY: approval.requested_by}
        return {**terms, **named}

    def _require_second(self, approval: Approval, action: Action) -> None:
        if action.operator.operator_id == approval.requested_by:
            raise SecondOperatorRequired
        self._require_named(approval, action)

    def _require_named(self, approval: Approval, action: Action) -> None:
        operator_id = action.operator.operator_id
        if operator_id.startswith("key:") and operator_id != approval.requested_by:
            raise NamedOperatorRequired

    def read(self, approval_id: str) -> Approval:
        """Raises `ApprovalNotFound`, and `LogDamaged` for one that was changed."""
        known = is_id("apr", approval_id)
        item = self._table.get(keys.approval(approval_id)) if known else None
        if item is None:
            raise ApprovalNotFound
        return self._genuine(item)

    def page(self, limit: int, token: str | None) -> ApprovalPage:
        """The requests, newest first. Raises `PageTokenInvalid` and `LogDamaged`."""
        after = self._page_tokens.open(_SCOPE, token) if token else ""
        found = self._table.query(
            keys.APPROVAL.pk, keys.APPROVAL_PREFIX, limit=limit + 1, after=after, ascending=False
        )
        approvals = tuple(map(self._genuine, found.items[:limit]))
        if len(found.items) <= limit:
            return ApprovalPage(approvals, None)
        last = keys.approval(approvals[-1].approval_id).sk
        return ApprovalPage(approvals, self._page_tokens.seal(_SCOPE, last))

    def _genuine(self, item: Item) -> Approval:
        try:
            approval = store.approval_from(item)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise LogDamaged from None
        if approval.mac != approval.sealed(self._mac_key):
            raise LogDamaged
        key = keys.approval(approval.approval_id)
        reason = self._data_keys.open(approval.user_id, key, keys.REASON, approval.ciphertext)
        return replace(approval, reason=reason)


def _open_wallet(wallet: Wallet | None) -> Wallet:
    if wallet is None or wallet.status is WalletStatus.CLOSED:
        raise UserNotFound
    return wallet
