"""What the audit proves of promo codes: no limit is exceeded, and the counters are what the uses
say."""

from collections.abc import Iterator

from service.ledger.grants import grant_key, record_from
from service.promo_codes import keys, store
from service.promo_codes.entities import IdentityUses, PromoCode, grant_of
from service.storage.checks import ItemCheck, PartitionReader, PrefixCheck, Violation
from service.storage.codec import Item, whole_number
from service.storage.keys import Key

UNSEALED = "is not as this service wrote it (its MAC does not hold)"


def promo_checks(mac_key: bytes) -> tuple[ItemCheck | PrefixCheck, ...]:
    def promo_faults(item: Item) -> Iterator[str]:
        promo = store.promo_from(item)
        if not store.is_sealed(promo, mac_key):
            yield UNSEALED
        yield from _promo_faults(promo)

    return (
        ItemCheck(keys.PROMO, promo_faults),
        ItemCheck(keys.USE, _use_faults),
        ItemCheck(keys.DEVICE_USE, _device_faults),
        ItemCheck(keys.LISTED, _listed_faults),
        PrefixCheck(keys.PROMO_PREFIX, keys.promo_of, _counter_faults),
        PrefixCheck(keys.LIST, lambda _: keys.listed(keys.LISTED_PREFIX), _list_faults),
    )


def _promo_faults(promo: PromoCode) -> Iterator[str]:
    yield from promo.faults()
    if promo.uses > promo.max_uses:
        yield f"is used {promo.uses} times, {promo.max_uses} at most"
    if promo.granted > promo.budget:
        yield "has granted more than its budget"
    if promo.granted != promo.uses * promo.terms.amount:
        yield "granted is not what its uses come to"


def _use_faults(item: Item) -> Iterator[str]:
    uses = store.uses_from(item, "", "").uses
    if whole_number(item["count"]) != len(uses):
        yield "count is not the number of its uses"
    keyed = [use.key for use in uses if use.key]
    if len(set(keyed)) < len(keyed):
        yield "one key has several uses"


def _device_faults(item: Item) -> Iterator[str]:
    if store.count_from(item) < 1:
        yield "counts no use"


def _listed_faults(item: Item) -> Iterator[str]:
    if not isinstance(item["digest"], str):
        yield "names no code"


def _counter_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """One code with all of its uses: they sum up to its counters, none is beyond the limit of an
    identity or device, and each has its grant. Redemptions may go on meanwhile, so the sum lies
    between the counters before and after."""
    head = keys.promo_of(pk)
    before = _promo(reader.one(head))
    if before is None:
        yield Violation(str(head), "is missing")
        return
    listed = reader.one(keys.listed(before.promo_id))
    if listed is None or listed["digest"] != before.digest:
        yield Violation(str(head), "is not listed")
    found = 0
    for item in reader.items(keys.USE_PREFIX):
        found += len(store.uses_from(item, "", "").uses)
        yield from _identity_faults(item, before, reader)
    for item in reader.items(keys.DEVICE_PREFIX):
        if store.count_from(item) > before.max_uses_per_identity:
            yield Violation(str(Key.of_item(item)), "is beyond the limit of a device")
    after = _promo(reader.one(head)) or before
    if not before.uses <= found <= after.uses:
        yield Violation(str(head), f"counts {after.uses} uses, there are {found}")


def _identity_faults(item: Item, promo: PromoCode, reader: PartitionReader) -> Iterator[Violation]:
    key = Key.of_item(item)
    uses = store.uses_from(item, key.sk.removeprefix(keys.USE_PREFIX), "")
    if len(uses.uses) > promo.max_uses_per_identity:
        yield Violation(str(key), "is beyond the limit of an identity")
    for number in range(1, len(uses.uses) + 1):
        if not _has_grant(promo, uses, number, reader):
            yield Violation(str(key), f"its use {number} has no grant of its own")


def _has_grant(promo: PromoCode, uses: IdentityUses, number: int, reader: PartitionReader) -> bool:
    wanted = grant_of(promo, uses.identity, uses.user_id, number, None)
    item = reader.one(grant_key(wanted))
    grant = record_from(item).grant if item else None
    return grant is not None and (grant.user_id, grant.amount) == (wanted.user_id, wanted.amount)


def _list_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """Each code that is listed is there under its id."""
    del pk
    for item in reader.items(""):
        key = Key.of_item(item)
        promo = _promo(reader.one(keys.promo(str(item["digest"]))))
        if promo is None or promo.promo_id != key.sk:
            yield Violation(str(key), "lists a code that is not there")


def _promo(item: Item | None) -> PromoCode | None:
    return store.promo_from(item) if item else None
