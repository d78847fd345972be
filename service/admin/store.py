"""The operators' log as items. Builds writes, sends none."""

from collections.abc import Mapping
from typing import Any

from service.admin import keys
from service.admin.entities import Approval, ApprovalStatus, KeyUse, LogHead, OperatorRecord, Terms
from service.core.amounts import amount_of, credits_of
from service.core.clock import from_iso, iso
from service.storage.codec import Item, whole_number
from service.storage.keys import Key, user_of
from service.storage.writes import Put, Update, When


def record_write(record: OperatorRecord) -> Put:
    item: Item = {
        "operatorId": record.operator_id,
        "method": record.method,
        "action": record.name,
        "amount": None if record.amount is None else credits_of(record.amount),
        "reason": record.reason or None,
        "private": record.ciphertext or None,
        "requestId": record.request_id,
        "idempotencyKey": record.idempotency_key,
        "at": iso(record.at),
        "details": dict(record.details),
        "mac": record.mac,
    }
    return Put(keys.record(record.subject, record.number), item)


def record_from(item: Item) -> OperatorRecord:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    ciphertext = _sealed(fields.get("private", b""))
    return OperatorRecord(
        subject=subject_of(fields["PK"]),
        number=int(fields["SK"].removeprefix(keys.RECORD_PREFIX)),
        operator_id=fields["operatorId"],
        method=fields["method"],
        name=fields["action"],
        amount=amount_of(fields["amount"]) if "amount" in fields else None,
        reason=fields.get("reason", "") if ciphertext else fields["reason"],
        ciphertext=ciphertext,
        request_id=fields["requestId"],
        idempotency_key=fields["idempotencyKey"],
        at=from_iso(fields["at"]),
        details=_texts(fields["details"]),
        mac=fields["mac"],
    )


def head_write(subject: str | None, before: LogHead, after: LogHead) -> Update:
    """Only over the head that was read."""
    guard = When(equals={"mac": before.mac or None})
    item: Item = {"count": after.count, "last": after.last, "mac": after.mac}
    return Update(keys.head(subject), guard, set=item)


def head_from(item: Item) -> LogHead:
    fields: Any = item
    return LogHead(whole_number(fields["count"]), str(fields["last"]), str(fields["mac"]))


def use_write(key: Key, use: KeyUse) -> Put:
    return Put(key, {"record": use.number, "bodyHash": use.body_hash, "mac": use.mac})


def use_from(item: Item) -> KeyUse:
    fields: Any = item
    return KeyUse(whole_number(fields["record"]), str(fields["bodyHash"]), str(fields["mac"]))


def approval_write(approval: Approval) -> Put:
    item: Item = {
        "userId": approval.user_id,
        "amount": credits_of(approval.amount),
        "terms": approval.terms.facts(approval.amount),
        "private": approval.ciphertext,
        "requestedBy": approval.requested_by,
        "at": iso(approval.at),
        "validUntil": iso(approval.expires_at),
        "status": approval.status,
        "mac": approval.mac,
    }
    return Put(keys.approval(approval.approval_id), item)


def decided_write(approval: Approval, status: ApprovalStatus, operator_id: str) -> Update:
    """Only while it is pending, as it was read."""
    guard = When(equals={"status": ApprovalStatus.PENDING, "mac": approval.mac})
    item: Item = {"status": status, "decidedBy": operator_id}
    return Update(keys.approval(approval.approval_id), guard, set=item)


def approval_from(item: Item) -> Approval:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    return Approval(
        approval_id=fields["SK"].removeprefix(keys.APPROVAL_PREFIX),
        user_id=fields["userId"],
        amount=amount_of(fields["amount"]),
        terms=Terms.from_facts(_texts(fields["terms"])),
        ciphertext=_sealed(fields["private"]),
        requested_by=fields["requestedBy"],
        at=from_iso(fields["at"]),
        expires_at=from_iso(fields["validUntil"]),
        status=ApprovalStatus(fields["status"]),
        decided_by=fields.get("decidedBy", ""),
        mac=fields["mac"],
    )


def subject_of(pk: str) -> str | None:
    """The user whose partition it is; None: that of the house."""
    return None if pk == keys.HOUSE else user_of(pk)


def _sealed(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("what is private is sealed")
    return value


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(each, str) for each in value.values()):
        raise TypeError("details are texts")
    return dict(value)
