"""Operators' actions and the records of them. Pure."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from service.core.amounts import Amount, credits_text
from service.core.errors import Conflict
from service.core.principal import Operator
from service.core.seals import seal
from service.jobs.entities import IdempotencyKeyReused

MAX_REASON = 150
# With the operator's id and the name of a grant it has to fit into the details of an entry
# (400 bytes).
MAX_REASON_BYTES = 230
MAX_NOTE = 1000


class ActionKeyReused(IdempotencyKeyReused):
    """An operator's key that stands for another action on the same subject."""

    details_example: ClassVar[Mapping[str, object]] = {}


class LogDamaged(Conflict):
    """A log whose head is not what this service wrote. Nothing is added to it until an operator has
    investigated: a further record would hide the edit."""

    code = "OPERATOR_LOG_DAMAGED"
    summary = "The operators' log of this subject is damaged, so nothing can be done here."
    advice = "Run the audit (docs/runbook.md, The operators' log)."


class WalletNotOpen(Conflict):
    code = "WALLET_NOT_OPEN"
    summary = "Only an open wallet can be frozen. This one is frozen already."


class WalletNotFrozen(Conflict):
    code = "WALLET_NOT_FROZEN"
    summary = "Only a frozen wallet can be thawed. This one is open."


@dataclass(frozen=True, kw_only=True)
class Action:
    """What an operator wants to do, to a user (`subject` is the user's id) or to the house (None).

    `name` says what, such as `adjust`. `facts` are the rest of the request: with the same
    idempotency key they must be the same. `reason` may be shown to the user; `note` (sealed) is for
    operators alone."""

    operator: Operator
    name: str
    subject: str | None
    reason: str
    request_id: str
    idempotency_key: str
    amount: Amount | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def digest(self) -> str:
        """22 characters that stand for this operator's key on this subject."""
        names = [self.subject or "", self.operator.operator_id, self.idempotency_key]
        raw = hashlib.sha256(json.dumps(names).encode()).digest()[:16]
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @property
    def body_hash(self) -> str:
        """What the idempotency key stands for. A repeated request has a request id of its own."""
        amount = None if self.amount is None else credits_text(self.amount)
        content = [self.name, self.reason, amount, dict(self.facts)]
        text = json.dumps(content, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class OperatorRecord:
    """One action that was carried out; never changed. `number` counts the subject's records from 1;
    `details` are the facts of the request and what came of it. `mac` covers all of it and the
    record before."""

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
    note: str = ""
    mac: str = ""

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
            self.reason,
            self.request_id,
            self.idempotency_key,
            self.at,
            dict(self.details),
            self.note,
            previous,
        ]
        return seal(facts, key)


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
