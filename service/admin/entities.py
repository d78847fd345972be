"""Operators' actions and the records of them. Pure."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import Amount, credits_number, credits_text
from service.core.clock import from_iso, iso
from service.core.errors import Conflict, Forbidden, NotFound
from service.core.principal import Operator
from service.core.seals import seal
from service.ledger.entities import IdempotencyKeyReused
from service.ledger.lots import LotKind

MAX_REASON = 150
# With the operator's id and the name of a grant it has to fit into the details of an entry
# (400 bytes).
MAX_REASON_BYTES = 230
APPROVAL_REASON = "approvalReason"
# Instead of the reason of an action on someone whose private data is erased.
NOT_KEPT = "not kept: the private data of this user has been erased"


class ActionKeyReused(IdempotencyKeyReused):
    """An operator's key that stands for another action on the same subject."""

    details_example: ClassVar[Mapping[str, object]] = {}


class LogDamaged(Conflict):
    """A log whose head is not what this service wrote. Nothing is added to it until an operator has
    investigated: a further record would hide the edit."""

    code = "OPERATOR_LOG_DAMAGED"
    summary = "The operators' log of this subject is damaged, so nothing can be done here."
    advice = "Run the audit (docs/runbook.md, The operators' log)."


class ApprovalNotFound(NotFound):
    code = "APPROVAL_NOT_FOUND"
    summary = "There is no such request for approval."


class ApprovalDecided(Conflict):
    code = "APPROVAL_DECIDED"
    summary = "This request was approved or rejected before."


class ApprovalExpired(Conflict):
    code = "APPROVAL_EXPIRED"
    summary = "This request waited too long for its approval. Request it again."


class SecondOperatorRequired(Forbidden):
    code = "SECOND_OPERATOR_REQUIRED"
    denies_access = True
    summary = "No one approves what they requested: another operator has to."


class CampaignAmountTooLarge(Forbidden):
    """Whoever may not adjust one balance by so much alone may not hand it out to many either."""

    code = "CAMPAIGN_AMOUNT_TOO_LARGE"
    summary = (
        "A promo code or bulk grant grants each user at most what one operator may adjust alone "
        "(details.max). Adjust the balance of each user instead: a second operator approves it."
    )
    details_example: ClassVar[Mapping[str, object]] = {"max": 1000}

    def __init__(self, max_amount: Amount) -> None:
        super().__init__(details={"max": credits_number(max_amount)})


class NamedOperatorRequired(Forbidden):
    """Several people may share a key that belongs to no one, also whoever made the request."""

    code = "NAMED_OPERATOR_REQUIRED"
    denies_access = True
    summary = "Only a person decides what another requested: sign in, or sign with your own key."


class NothingToReview(Conflict):
    code = "NOTHING_TO_REVIEW"
    summary = "No sign-up of this user waits for a decision."


class WalletNotOpen(Conflict):
    code = "WALLET_NOT_OPEN"
    summary = "Only an open wallet can be frozen. This one is frozen, or being closed."


class WalletNotFrozen(Conflict):
    code = "WALLET_NOT_FROZEN"
    summary = "Only a frozen wallet can be thawed. This one is not."


class UserDisabled(Conflict):
    code = "USER_DISABLED"
    summary = "This user is disabled already."


class UserNotDisabled(Conflict):
    code = "USER_NOT_DISABLED"
    summary = "This user is not disabled."


@dataclass(frozen=True, kw_only=True)
class Action:
    """What an operator wants to do, to a user (`subject` is the user's id) or to the house (None).

    `name` says what, such as `adjust`. `facts` are the rest of the request: with the same
    idempotency key they must be the same.

    The user may read the `reason`, unless it `is_private`; a `remark` is always for operators
    alone. What is private is stored as `ciphertext` alone (`OperatorLog.sealed`)."""

    operator: Operator
    name: str
    subject: str | None
    reason: str
    request_id: str
    idempotency_key: str
    amount: Amount | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    is_private: bool = False
    remark: str = ""
    ciphertext: bytes = b""

    @property
    def private_text(self) -> str:
        """What is to be sealed of it; empty for an action that keeps nothing from its user."""
        return self.remark or (self.reason if self.is_private else "")

    @property
    def digest(self) -> str:
        """22 characters that stand for this operator's key on this subject."""
        names = [self.subject or "", self.operator.operator_id, self.idempotency_key]
        raw = hashlib.sha256(json.dumps(names).encode()).digest()[:16]
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def body_mac(self, key: bytes) -> str:
        """What the idempotency key stands for. A repeated request has a request id of its own. A
        MAC, because a bare hash would confirm whoever guesses an erased reason."""
        amount = None if self.amount is None else credits_text(self.amount)
        content = [self.name, self.reason, self.remark, amount, dict(self.facts)]
        return seal(["operator request", *content], key)


@dataclass(frozen=True, kw_only=True)
class OperatorRecord:
    """One action that was carried out; never changed. `number` counts the subject's records from 1;
    `details` are the facts of the request and what came of it. `mac` covers all of it and the
    record before.

    What is private lies in `ciphertext`, which the MAC covers as it is: the chain still holds once
    the user's data key is erased. `private_text` is what was read of it (None: it is erased, or
    was not opened)."""

    subject: str | None
    number: int
    operator_id: str
    method: str
    name: str
    amount: Amount | None
    reason: str
    request_id: str
    idempotency_key: str
    at: int
    details: Mapping[str, str]
    mac: str = ""
    ciphertext: bytes = b""
    private_text: str | None = None

    @property
    def shown_reason(self) -> str | None:
        """The reason, public or private; None once it is erased."""
        return self.reason or self.private_text

    @property
    def shown_details(self) -> dict[str, str]:
        """The details, with the remark of whoever approved it."""
        remark = self.private_text if self.reason else None
        return {**self.details, **({APPROVAL_REASON: remark} if remark else {})}

    def sealed(self, previous: str, key: bytes) -> str:
        """The record's MAC, if `previous` is the MAC of the one before (empty: the first)."""
        facts = [
            "operator record",
            self.subject or "",
            self.subject is None,
            self.number,
            self.operator_id,
            self.method,
            self.name,
            "" if self.amount is None else credits_text(self.amount),
            [self.reason, _text(self.ciphertext)] if self.ciphertext else self.reason,
            self.request_id,
            self.idempotency_key,
            self.at,
            dict(self.details),
            previous,
        ]
        return seal(facts, key)


@dataclass(frozen=True)
class Terms:
    """What an adjustment makes (upwards) or takes from (downwards)."""

    kind: LotKind = LotKind.PROMO
    expires_at: int | None = None
    restriction: str = ""
    lot_id: str | None = None

    def facts(self, amount: Amount) -> dict[str, str]:
        """The terms as the log has them: those that this direction has."""
        if amount < 0:
            return {"lotId": self.lot_id} if self.lot_id else {}
        facts = {"kind": self.kind.value, "restriction": self.restriction}
        facts |= expiry_fact(self.expires_at) if self.expires_at is not None else {}
        return {name: text for name, text in facts.items() if text}

    @classmethod
    def from_facts(cls, facts: Mapping[str, str]) -> "Terms":
        """The inverse. Raises `ValueError`."""
        expires_at = facts.get("expiresAt")
        return cls(
            LotKind(facts.get("kind", LotKind.PROMO)),
            None if expires_at is None else from_iso(expires_at),
            facts.get("restriction", ""),
            facts.get("lotId"),
        )


def _text(ciphertext: bytes) -> str:
    return base64.b64encode(ciphertext).decode()


def expiry_fact(expires_at: int | None) -> dict[str, str]:
    return {"expiresAt": "never" if expires_at is None else iso(expires_at)}


class ApprovalStatus(StrEnum):
    """What became of a request for approval."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Approval:
    """An adjustment that waits for a second operator. `mac` covers all but what became of it:
    no one approves what was changed after it was requested.

    The reason is stored as `ciphertext` alone: no one may ever approve it, and show it to the user.
    `reason` is what was read of it (None: it is erased, or was not opened)."""

    approval_id: str
    user_id: str
    amount: Amount
    terms: Terms
    ciphertext: bytes
    requested_by: str
    at: int
    expires_at: int
    reason: str | None = None
    status: ApprovalStatus = ApprovalStatus.PENDING
    decided_by: str = ""
    mac: str = ""

    def sealed(self, key: bytes) -> str:
        facts = [
            *("approval", self.approval_id, self.user_id, credits_text(self.amount)),
            *(self.terms.facts(self.amount), _text(self.ciphertext), self.requested_by),
            *(self.at, self.expires_at),
        ]
        return seal(facts, key)

    def status_at(self, now: int) -> ApprovalStatus:
        is_late = self.status is ApprovalStatus.PENDING and now >= self.expires_at
        return ApprovalStatus.EXPIRED if is_late else self.status


@dataclass(frozen=True)
class LogHead:
    """How many records a subject's log has, and the MAC of the last. `mac` covers both: whoever
    removes the last records cannot write the head that would fit."""

    count: int = 0
    last: str = ""
    mac: str = ""

    def sealed(self, subject: str | None, key: bytes) -> str:
        return seal(
            ["operator log", subject or "", subject is None, self.count, self.last],
            key,
        )


@dataclass(frozen=True)
class KeyUse:
    """The record that an idempotency key stands for, and the hash of its request."""

    number: int
    body_hash: str
    mac: str = ""

    def sealed(self, sort_key: str, subject: str | None, key: bytes) -> str:
        return seal(
            ["operator key", subject or "", subject is None, sort_key, self.number, self.body_hash],
            key,
        )
