"""Promo codes and their uses as items. Builds writes, sends none."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from service.core.amounts import amount_of, credits_of
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.ledger.grant_terms import terms_from, terms_item
from service.promo_codes import keys
from service.promo_codes.entities import IdentityUses, PromoCode, Use
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.writes import ABSENT, Put, Update, When


def promo_from(item: Item) -> PromoCode:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    return PromoCode(
        promo_id=fields["promoId"],
        digest=fields["PK"].removeprefix(keys.PROMO_PREFIX),
        name=fields["name"],
        terms=terms_from(item),
        max_uses=whole_number(fields["maxUses"]),
        max_uses_per_identity=whole_number(fields["maxUsesPerIdentity"]),
        budget=amount_of(fields["budget"]),
        starts_at=from_iso(fields["startsAt"]),
        ends_at=_time(fields.get("endsAt")),
        created_at=from_iso(fields["createdAt"]),
        created_by=fields["createdBy"],
        uses=whole_number(fields["uses"]),
        granted=amount_of(fields["granted"]),
        revoked_at=_time(fields.get("revokedAt")),
        mac=fields.get("mac", ""),
    )


def sealed(promo: PromoCode, mac_key: bytes) -> PromoCode:
    """The code with the seal over its terms and limits as they stand."""
    return replace(promo, mac=seal(_sealed_facts(promo), mac_key))


def is_sealed(promo: PromoCode, mac_key: bytes) -> bool:
    """Whether this service wrote its terms and limits so."""
    return holds(promo.mac, _sealed_facts(promo), mac_key)


def uses_from(item: Item | None, identity: str, user_id: str) -> IdentityUses:
    """What an identity has redeemed; nothing where there is no item."""
    fields: Any = item or {"userId": user_id, "uses": ()}
    uses = tuple(
        Use(key, from_iso(at), _time(expires_at or None)) for key, at, expires_at in fields["uses"]
    )
    return IdentityUses(identity, fields["userId"], uses)


def count_from(item: Item | None) -> int:
    """How often a code was used on a device."""
    return whole_number(item["count"]) if item else 0


def creation_writes(promo: PromoCode) -> list[Put]:
    """A new code and its place in the list, each only if there is none."""
    return [
        Put(keys.promo(promo.digest), _promo_item(promo)),
        Put(keys.listed(promo.promo_id), {"digest": promo.digest}),
    ]


def revocation_write(promo: PromoCode, now: int, mac_key: bytes) -> Update:
    """A code whose seal does not hold is revoked as it is: sealing it again would hide the edit."""
    revoked = replace(promo, revoked_at=now)
    if is_sealed(promo, mac_key):
        revoked = sealed(revoked, mac_key)
    guard = When(equals={"promoId": promo.promo_id, "revokedAt": None})
    changed: Item = {"revokedAt": iso(now), "mac": revoked.mac}
    return Update(keys.promo(promo.digest), guard, set=changed)


def counted_write(promo: PromoCode) -> Update:
    """One more use, under exactly the counters that were read, of a code that stands."""
    read: Item = {"uses": promo.uses, "granted": credits_of(promo.granted), "revokedAt": None}
    after: Item = {
        "uses": promo.uses + 1,
        "granted": credits_of(promo.granted + promo.terms.amount),
    }
    return Update(keys.promo(promo.digest), When(equals=read), set=after)


def use_write(promo: PromoCode, before: IdentityUses, use: Use) -> Update:
    """One more use of that identity, behind exactly those that were read."""
    packed = tuple(_packed_use(each) for each in (*before.uses, use))
    guard = When(equals={"count": len(before.uses)}) if before.uses else ABSENT
    return Update(
        keys.use(promo.digest, before.identity),
        guard,
        set={"userId": before.user_id, "count": len(packed), "uses": packed},
    )


def device_use_writes(promo: PromoCode, counts: Iterable[tuple[str, int]]) -> list[Update]:
    """One more use on each of these devices, given with the count that was read."""
    return [
        Update(
            keys.device_use(promo.digest, device),
            When(equals={"count": count}) if count else ABSENT,
            set={"count": count + 1},
        )
        for device, count in counts
    ]


def _promo_item(promo: PromoCode) -> dict[str, Value]:
    counters = {"uses": promo.uses, "granted": credits_of(promo.granted)}
    return {**_terms(promo), **counters, "mac": promo.mac}


def _terms(promo: PromoCode) -> dict[str, Value]:
    return {
        "promoId": promo.promo_id,
        "name": promo.name,
        **terms_item(promo.terms),
        "maxUses": promo.max_uses,
        "maxUsesPerIdentity": promo.max_uses_per_identity,
        "budget": credits_of(promo.budget),
        "startsAt": iso(promo.starts_at),
        "endsAt": None if promo.ends_at is None else iso(promo.ends_at),
        "createdAt": iso(promo.created_at),
        "createdBy": promo.created_by,
        "revokedAt": None if promo.revoked_at is None else iso(promo.revoked_at),
    }


def _sealed_facts(promo: PromoCode) -> list[object]:
    return ["promo code", str(keys.promo(promo.digest)), encode_item(_terms(promo))]


def _packed_use(use: Use) -> tuple[str, str, str]:
    return use.key, iso(use.at), "" if use.expires_at is None else iso(use.expires_at)


def _time(text: str | None) -> int | None:
    return None if text is None else from_iso(text)
