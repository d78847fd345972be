"""A report as JSON and as rows. Pure.

In a file of its own because the command, the route and the stored report show the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.core.amounts import Amount, credits_number
from service.core.clock import iso
from service.core.days import Day, day_before
from service.finance.entities import Credits, Difference, Line, Money, Report
from service.finance.money import margins_of
from service.ledger.lots import LotKind

MAX_DIFFERENCES = 200
MISSING = "missing"
Cell = str | int
LINE_COLUMNS = (
    *("transactionId", "createdAt", "category", "amountCents", "feeCents", "netCents", "currency"),
    *("sourceId", "paymentId", "userId", "reference", "result"),
)
SUM_COLUMNS = ("part", "figure", "currency", "value")


def document_of(report: Report) -> dict[str, Any]:
    """The report without its lines, and with at most `MAX_DIFFERENCES` by name."""
    return {
        "month": str(report.month),
        "madeAt": iso(report.made_at),
        "matches": report.matches,
        "credits": _credits(report.credits),
        "money": [_money(currency, each) for currency, each in report.money.items()],
        "notOurs": [_money(currency, each) for currency, each in report.not_ours.items()],
        "other": [
            {"currency": currency, "category": category, "netCents": cents}
            for currency, sums in report.other.items()
            for category, cents in sorted(sums.items())
        ],
        "providerCostMicros": dict(report.costs),
        "marginMicros": dict(margins_of(report.money, report.costs)),
        MISSING: [day.isoformat() for day in report.missing],
        "transactions": len(report.lines),
        "differenceCount": len(report.differences),
        "differences": [_difference(each) for each in report.differences[:MAX_DIFFERENCES]],
    }


def line_rows(lines: Iterable[Line]) -> Iterator[tuple[Cell, ...]]:
    """One row for each balance transaction, under `LINE_COLUMNS`."""
    for line in lines:
        each = line.transaction
        yield (
            *(each.id, iso(each.created_at), each.category),
            *(each.amount_cents, each.fee_cents, each.net_cents, each.currency, each.source_id),
            *(line.payment_id, line.user_id, line.reference, line.result),
        )


def total_rows(lines: Iterable[Line]) -> Iterator[tuple[Cell, ...]]:
    """The sums of `line_rows` by currency, under the same columns."""
    sums: dict[str, list[int]] = {}
    for line in lines:
        each = line.transaction
        cents = sums.setdefault(each.currency, [0, 0, 0])
        for place, value in enumerate((each.amount_cents, each.fee_cents, each.net_cents)):
            cents[place] += value
    for currency, cents in sorted(sums.items()):
        yield ("SUM", "", "", *cents, currency, "", "", "", "", "")


def sum_rows(document: Mapping[str, Any]) -> Iterator[tuple[Cell, ...]]:
    """The figures of `document_of`, one a row, under `SUM_COLUMNS`."""
    yield from _credit_rows(document["credits"])
    for part in ("money", "notOurs"):
        for money in document[part]:
            cents = {name: each for name, each in money.items() if name != "currency"}
            yield from ((part, name, money["currency"], each) for name, each in cents.items())
    for each in document["other"]:
        yield "other", each["category"], each["currency"], each["netCents"]
    for part in ("providerCostMicros", "marginMicros"):
        yield from ((part, part, currency, micros) for currency, micros in document[part].items())
    yield from ((MISSING, day, "", "") for day in document[MISSING])
    for each in document["differences"]:
        sides = f"Stripe: {each['atStripe'] or '-'}; here: {each['here'] or '-'}"
        yield "difference", each["mismatch"], each["paymentId"], sides


def ranges_of(days: Iterable[Day]) -> list[str]:
    """Days in sequence, each run of them as one text: a month without closed days is one line."""
    runs: list[list[Day]] = []
    for day in days:
        if runs and day_before(day, 1) == runs[-1][-1]:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]


def _credit_rows(found: Mapping[str, Any]) -> Iterator[tuple[Cell, ...]]:
    for name, value in found.items():
        by_kind = value if isinstance(value, Mapping) else {"": value}
        for kind, amount in by_kind.items():
            yield "credits", f"{name}.{kind}".rstrip("."), "", str(amount)


def _credits(found: Credits) -> dict[str, Any]:
    return {
        "sold": credits_number(found.sold),
        "bonus": credits_number(found.bonus),
        "subscription": credits_number(found.subscription),
        "paidFor": credits_number(found.paid_for),
        "grantedFree": credits_number(found.granted_free),
        "spent": credits_number(found.spent),
        "expired": credits_number(found.expired),
        "clawedBack": credits_number(found.clawed_back),
        "restored": credits_number(found.restored),
        "adjusted": credits_number(found.adjusted),
        "liability": _by_kind(found.liability),
        "held": credits_number(found.held),
        "debt": credits_number(found.debt),
    }


def _by_kind(amounts: Mapping[str, Amount]) -> dict[str, int | float]:
    return {kind.value: credits_number(amounts.get(kind.value, 0)) for kind in LotKind}


def _money(currency: str, found: Money) -> dict[str, Cell]:
    return {
        "currency": currency,
        "chargedCents": found.charged,
        "refundedCents": found.refunded,
        "refundsFailedCents": found.refunds_failed,
        "disputedCents": found.disputed,
        "reinstatedCents": found.reinstated,
        "feeCents": found.fees,
        "netCents": found.net,
    }


def _difference(found: Difference) -> dict[str, str]:
    return {
        "paymentId": found.payment_id,
        "mismatch": found.mismatch.value,
        "atStripe": found.at_stripe,
        "here": found.here,
        "userId": found.user_id,
    }
