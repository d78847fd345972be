"""The reviewed data files next to this one, and prices as items. Builds writes, sends none."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import resources
from typing import Any

from service.catalog import keys
from service.catalog.entities import (
    MAX_PROMPT,
    PricedOperation,
    PriceRecord,
    Prompt,
    ProviderRates,
)
from service.catalog.price_list import PriceList, starts_at
from service.catalog.pricing import Counter, Flat, Metered, Price, Rate, Rates, Terms, terms_from
from service.core.amounts import amount_of, parse_micros
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.table import Table
from service.storage.writes import Put, Update, When, Write


class PricesDamaged(ValueError):
    """An item that this service did not write so."""


def read_prompts() -> tuple[Prompt, ...]:
    """Returns every prompt, sorted by key. Raises `ValueError` if the file is invalid."""
    prompts = tuple(Prompt(key, words) for key, words in sorted(_file("prompts.json").items()))
    for prompt in prompts:
        if not prompt.key.isidentifier() or not 0 < len(prompt.text) <= MAX_PROMPT:
            raise ValueError(f"prompt {prompt.key!r} has no usable key or text")
    return prompts


def read_operations() -> tuple[PricedOperation, ...]:
    """Every operation with its default price. Raises `ValueError` if the file is invalid."""
    return tuple(
        PricedOperation(
            name,
            frozenset(Counter(each) for each in facts["counts"]),
            terms_of(facts["price"]) if "price" in facts else None,
        )
        for name, facts in sorted(_file("prices.json").items())
    )


def read_provider_rates() -> Mapping[str, ProviderRates]:
    """What providers bill, by operation. Raises `ValueError` if the file is invalid."""
    return {
        operation: ProviderRates(
            facts["currency"],
            {model: rates_of(rates) for model, rates in facts["models"].items()},
            parse_micros(str(facts["unit"])) if "unit" in facts else None,
        )
        for operation, facts in _file("provider_costs.json").items()
    }


def terms_of(facts: Mapping[str, Any]) -> Terms:
    """Terms as files and requests have them: `flat`, or `rates` with `minimum` and `maximum`, in
    credits. Raises `ValueError`."""
    if "flat" in facts:
        return Flat(amount_of(facts["flat"]))
    maximum = facts.get("maximum")
    return Metered(
        rates_of(facts["rates"]),
        amount_of(facts.get("minimum") or 0),
        None if maximum is None else amount_of(maximum),
    )


def rates_of(facts: Mapping[str, Decimal | int]) -> Rates:
    """Raises `ValueError` for an unknown rate, or more than six decimals."""
    return {Rate(name): parse_micros(f"{Decimal(given):f}") for name, given in facts.items()}


def sealed_list(prices: PriceList, mac_key: bytes) -> Item:
    """The price list's attributes, with the MAC over all of them."""
    packed = tuple((price.operation, starts_at(price), price.terms.text) for price in prices.prices)
    mac = seal(_list_facts(prices.version, packed), mac_key)
    return {"version": prices.version, "prices": packed, "mac": mac}


def list_from(item: Item | None, mac_key: bytes) -> PriceList:
    """The price list; an empty one where none has been written. Raises `PricesDamaged`."""
    if item is None:
        return PriceList()
    try:
        version, packed = whole_number(item["version"]), item["prices"]
        is_ours = holds(str(item["mac"]), _list_facts(version, packed), mac_key)
        fields: Any = packed if is_ours else ()
        prices = tuple(Price(name, terms_from(text), at) for name, at, text in fields)
    except (KeyError, TypeError, ValueError) as error:
        raise PricesDamaged("the price list cannot be read") from error
    if not is_ours:
        raise PricesDamaged("the price list is not as this service wrote it")
    return PriceList(version, prices)


def list_write(before: PriceList, after: PriceList, mac_key: bytes) -> Write:
    """Moves the list from exactly the version that was read."""
    item = sealed_list(after, mac_key)
    if before.version == 0:
        return Put(keys.LIST, item)
    return Update(keys.LIST, When(equals={"version": before.version}), set=item)


def read_list(table: Table, mac_key: bytes) -> PriceList:
    """One strongly consistent call. Raises `PricesDamaged` and `StorageUnavailable`."""
    return list_from(table.get(keys.LIST), mac_key)


def record_write(record: PriceRecord, mac_key: bytes) -> Put:
    """A new price in the history."""
    return Put(
        keys.record(record.price.operation, starts_at(record.price)), _sealed(record, mac_key)
    )


def cancel_write(record: PriceRecord, cancelled: PriceRecord, mac_key: bytes) -> Update:
    item = _sealed(cancelled, mac_key)
    names = ("cancelledAt", "cancelledBy", "cancelReason", "mac")
    return Update(
        keys.record(record.price.operation, starts_at(record.price)),
        When(equals={"mac": record.mac, "cancelledAt": None}),
        set={name: item[name] for name in names},
    )


def record_from(item: Item, mac_key: bytes) -> PriceRecord:
    """Raises `PricesDamaged`."""
    try:
        fields: Any = item
        at = int(fields["SK"].removeprefix(keys.RECORD_PREFIX))
        price = Price(keys.operation_of(fields["PK"]), terms_from(fields["terms"]), at)
        cancelled_at = fields.get("cancelledAt")
        record = PriceRecord(
            price,
            from_iso(fields["scheduledAt"]),
            fields["scheduledBy"],
            fields["reason"],
            from_iso(cancelled_at) if cancelled_at else None,
            fields.get("cancelledBy", ""),
            fields.get("cancelReason", ""),
            fields["mac"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PricesDamaged("the price cannot be read") from error
    written = {name: value for name, value in _sealed(record, mac_key).items() if value is not None}
    if written != {name: value for name, value in item.items() if name not in ("PK", "SK")}:
        raise PricesDamaged("the price is not as this service wrote it")
    return record


def read_records(
    table: Table, operation: str, *, limit: int, before: str = ""
) -> tuple[Sequence[Item], str | None]:
    """A page of an operation's prices, the last to take effect first, and the sort key to go on
    from (None: that was all)."""
    start = before or keys.RECORD_PREFIX + "~"
    page = table.query(
        keys.record_partition(operation),
        keys.RECORD_PREFIX,
        limit=limit + 1,
        after=start,
        ascending=False,
    )
    items = page.items[:limit]
    is_last = len(page.items) <= limit and not page.more
    return items, None if is_last else str(items[-1]["SK"])


def _sealed(record: PriceRecord, mac_key: bytes) -> dict[str, Value]:
    price = record.price
    item: dict[str, Value] = {
        "terms": price.terms.text,
        "priceVersion": price.version,
        "effectiveAt": iso(starts_at(price)),
        "scheduledAt": iso(record.scheduled_at),
        "scheduledBy": record.scheduled_by,
        "reason": record.reason,
        "cancelledAt": None if record.cancelled_at is None else iso(record.cancelled_at),
        "cancelledBy": record.cancelled_by or None,
        "cancelReason": record.cancel_reason or None,
    }
    facts = ["price", price.operation, starts_at(price), encode_item(item)]
    return {**item, "mac": seal(facts, mac_key)}


def _list_facts(version: int, packed: Value) -> list[object]:
    return ["prices", version, packed]


def _file(name: str) -> dict[str, Any]:
    text = resources.files("service.catalog").joinpath(name).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return content
