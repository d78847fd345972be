"""What goes in and out of `GET /admin/analytics`.

In a file of its own because a user's sums are small, and these are many."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.analytics.entities import Usage, total_of
from service.analytics.figures import (
    ADJUSTED_UP,
    DayFigures,
    Moved,
    OperationFigures,
    Spender,
)
from service.analytics.operations import HouseReport
from service.analytics.schemas import (
    USAGE_COLUMNS,
    BoundariesSchema,
    UsageRowSchema,
    UsageSumSchema,
    boundaries_body,
    count_field,
    names_of,
    sum_body,
    usage_cells,
)
from service.core.amounts import Amount, credits_number, credits_of
from service.core.days import Day
from service.ledger.history_lines import TransactionType
from service.ledger.lots import LotKind
from service.web.csv_responses import Row
from service.web.days import DaysSchema
from service.web.schemas import StrictSchema, Text, WholeNumber, credits_field

MAX_TOP_USERS = 20
HOUSE_COLUMNS = (*USAGE_COLUMNS, "providerCostMicros", "currency", "houseLoss", "houseLosses")
TODAY = (
    "This day is not over: its figures are the service's metrics (CloudWatch, namespace Farebox), "
    "which count what happens and are no sums over the ledger. An audit closes the day after "
    "midnight UTC."
)
REFUSALS = (
    "Requests refused for lack of credits leave nothing in the ledger. They are counted by the "
    "metric Refusals with code INSUFFICIENT_CREDITS (CloudWatch, namespace Farebox)."
)
_PAID = (LotKind.PAID.value, LotKind.SUBSCRIPTION.value)


class HouseQuerySchema(DaysSchema):
    credit_value_micros = WholeNumber(
        data_key="creditValueMicros",
        load_default=None,
        metadata={
            "description": "What a bought credit brought in, in millionths of the currency's unit.",
            "example": 50_000,
        },
    )
    currency = Text(
        load_default=None,
        min_length=3,
        max_length=3,
        metadata={"description": "The currency of that, as in ISO 4217.", "example": "USD"},
    )

    @validates_schema
    def _both(self, data: dict[str, Any], **_: Any) -> None:
        if (data.get("credit_value_micros") is None) != (data.get("currency") is None):
            raise ValidationError("Belongs to `creditValueMicros`, and it to this.", "currency")


class LotKindAmountsSchema(StrictSchema):
    """Credits by the kind of lot that they are of."""

    free = credits_field("Welcome credits and other gifts.", example=20)
    promo = credits_field("Promotions.", example=5)
    subscription = credits_field("Bought by subscription.", example=0)
    paid = credits_field("Bought once.", example=100)


class MovedSchema(StrictSchema):
    count = count_field("How often.", 2)
    credits = credits_field("How much, in all.", example=10)


class SpenderSchema(StrictSchema):
    user_id = fields.String(
        required=True, data_key="userId", metadata={"description": "Who.", "example": "1085"}
    )
    credits = credits_field("What the user was charged.", example=12)
    jobs = count_field("For how many delivered jobs.", 12)


class HouseUsageRowSchema(UsageRowSchema):
    provider_cost = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        data_key="providerCostMicros",
        metadata={
            "description": "What providers bill, in millionths of a currency's unit.",
            "example": {"USD": 4_200_000},
        },
    )
    house_loss = credits_field("Delivered and not charged.", example=0, data_key="houseLoss")
    house_losses = count_field("By so many jobs.", 0, "houseLosses")


class HouseDaySchema(StrictSchema):
    """One closed day."""

    day = fields.Date(required=True, metadata={"description": "In UTC.", "example": "2026-11-21"})
    spent = credits_field("Charged for delivered work.", example=42)
    spenders = count_field("Users who were charged.", 9)
    charged = fields.Nested(
        LotKindAmountsSchema,
        required=True,
        metadata={"description": "The same by the kind of lot that paid."},
    )
    wallets = count_field("Wallets at the day's end, those of erased users included.", 33)
    average_balance = fields.Float(
        required=True,
        allow_none=True,
        data_key="averageBalance",
        metadata={"description": "What a wallet could spend at the day's end.", "example": 3.5},
    )
    liability = fields.Nested(
        LotKindAmountsSchema,
        required=True,
        metadata={"description": "Unspent at the day's end, held credits included."},
    )
    breakage = fields.Nested(
        MovedSchema, required=True, metadata={"description": "What expired unspent."}
    )
    adjusted_up = fields.Nested(
        MovedSchema,
        required=True,
        data_key="adjustedUp",
        metadata={"description": "What operators added."},
    )
    adjusted_down = fields.Nested(
        MovedSchema,
        required=True,
        data_key="adjustedDown",
        metadata={"description": "What operators took; not above 0."},
    )
    clawed_back = fields.Nested(
        MovedSchema,
        required=True,
        data_key="clawedBack",
        metadata={"description": "What returned payments took; not above 0."},
    )
    restored = fields.Nested(
        MovedSchema,
        required=True,
        metadata={"description": "What came back of it, when a payment stood again."},
    )
    granted = fields.Nested(
        MovedSchema,
        required=True,
        metadata={"description": "Welcome credits, purchases and bonuses."},
    )
    house_loss = credits_field("Delivered and not charged.", example=0, data_key="houseLoss")
    top_users = fields.List(
        fields.Nested(SpenderSchema),
        required=True,
        data_key="topUsers",
        metadata={"description": "Who was charged most, at most twenty."},
    )


class HouseTotalsSchema(UsageSumSchema):
    provider_cost = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        data_key="providerCostMicros",
        metadata={
            "description": "What providers bill, in millionths of a currency's unit.",
            "example": {"USD": 4_200_000},
        },
    )
    charged = fields.Nested(
        LotKindAmountsSchema, required=True, metadata={"description": "By the kind of lot."}
    )
    breakage = credits_field("What expired unspent; not above 0.", example=0)
    house_loss = credits_field("Delivered and not charged.", example=0, data_key="houseLoss")
    revenue_micros = fields.Integer(
        required=True,
        allow_none=True,
        data_key="revenueMicros",
        metadata={
            "description": "Bought credits that were charged, at `creditValueMicros`; null without "
            "it.",
            "example": None,
        },
    )
    margin_micros = fields.Integer(
        required=True,
        allow_none=True,
        data_key="marginMicros",
        metadata={
            "description": "That less what providers bill in the same currency.",
            "example": None,
        },
    )


class TodaySchema(StrictSchema):
    day = fields.Date(required=True, metadata={"description": "In UTC.", "example": "2026-11-30"})
    source = fields.String(
        required=True,
        validate=validate.Equal("metrics"),
        metadata={"description": "Where its figures are.", "example": "metrics"},
    )
    note = fields.String(required=True, metadata={"description": "For people.", "example": TODAY})


class RefusalsSchema(StrictSchema):
    source = fields.String(
        required=True,
        validate=validate.Equal("metrics"),
        metadata={"description": "Where they are counted.", "example": "metrics"},
    )
    note = fields.String(
        required=True, metadata={"description": "For people.", "example": REFUSALS}
    )


class HouseAnalyticsSchema(BoundariesSchema):
    usage = fields.List(
        fields.Nested(HouseUsageRowSchema),
        required=True,
        metadata={"description": "By day, then by operation."},
    )
    days = fields.List(
        fields.Nested(HouseDaySchema),
        required=True,
        metadata={"description": "The closed days, the first one first."},
    )
    totals = fields.Nested(
        HouseTotalsSchema, required=True, metadata={"description": "The sum of these days."}
    )
    top_users = fields.List(
        fields.Nested(SpenderSchema),
        required=True,
        data_key="topUsers",
        metadata={
            "description": "Who was charged most. Of several days: the sum over those days on "
            "which the user was among the day's twenty."
        },
    )
    missing = fields.List(
        fields.Date(),
        required=True,
        metadata={"description": "Days that no audit has closed, or before the first wallet."},
    )
    today = fields.Nested(
        TodaySchema,
        required=True,
        allow_none=True,
        metadata={"description": "Today, if it is among these days; else null."},
    )
    insufficient_credits = fields.Nested(
        RefusalsSchema,
        required=True,
        data_key="insufficientCredits",
        metadata={"description": "Refusals for lack of credits."},
    )


def house_body(report: HouseReport, value: tuple[int, str] | None) -> dict[str, object]:
    """`value`: what a bought credit brought in, in millionths, and the currency."""
    is_today = report.days.first <= report.today <= report.days.last
    today = {"day": report.today.isoformat(), "source": "metrics", "note": TODAY}
    figures = report.closed.values()
    return {
        **boundaries_body(report.days),
        "usage": [_row_body(*row) for row in _rows(report.closed)],
        "days": [_day_body(day, each) for day, each in sorted(report.closed.items())],
        "totals": _totals_body(figures, value),
        "topUsers": [_spender_body(each) for each in _top(figures)],
        "missing": [day.isoformat() for day in report.missing],
        "today": today if is_today else None,
        "insufficientCredits": {"source": "metrics", "note": REFUSALS},
    }


def house_rows(report: HouseReport) -> Iterator[Row]:
    """One row for each day, operation and currency, under `HOUSE_COLUMNS`; house loss stands in the
    first of them."""
    for day, operation, figures in _rows(report.closed):
        costs = sorted(figures.cost_micros.items()) or [("", 0)]
        (currency, micros), *others = costs
        loss = credits_of(figures.house_loss)
        cells = usage_cells(day, operation, figures.usage)
        yield (*cells, micros, currency, loss, figures.house_losses)
        for currency, micros in others:
            yield (*usage_cells(day, operation, Usage()), micros, currency, 0, 0)


def _rows(closed: Mapping[Day, DayFigures]) -> Iterator[tuple[Day, str, OperationFigures]]:
    for day, figures in sorted(closed.items()):
        for operation, each in sorted(figures.operations.items()):
            yield day, operation, each


def _row_body(day: Day, operation: str, figures: OperationFigures) -> dict[str, object]:
    provider, name = names_of(operation)
    return {
        "day": day.isoformat(),
        "provider": provider,
        "operation": name,
        **sum_body(figures.usage),
        "providerCostMicros": dict(figures.cost_micros),
        "houseLoss": credits_number(figures.house_loss),
        "houseLosses": figures.house_losses,
    }


def _day_body(day: Day, figures: DayFigures) -> dict[str, object]:
    moved = figures.moved
    granted = (TransactionType.INITIAL, TransactionType.PURCHASE, TransactionType.BONUS)
    average = figures.balance // figures.wallets if figures.wallets else None
    return {
        "day": day.isoformat(),
        "spent": credits_number(sum(figures.charged.values())),
        "spenders": figures.spenders,
        "charged": _kinds_body(figures.charged),
        "wallets": figures.wallets,
        "averageBalance": None if average is None else credits_number(average),
        "liability": _kinds_body(figures.liability),
        "breakage": _moved_body(moved, TransactionType.EXPIRY),
        "adjustedUp": _moved_body(moved, ADJUSTED_UP),
        "adjustedDown": _moved_body(moved, TransactionType.ADJUSTMENT),
        "clawedBack": _moved_body(moved, TransactionType.CLAWBACK),
        "restored": _moved_body(moved, TransactionType.RESTORATION),
        "granted": _moved_body(moved, *granted),
        "houseLoss": credits_number(_house_loss(figures)),
        "topUsers": [_spender_body(each) for each in figures.top],
    }


def _totals_body(figures: Iterable[DayFigures], value: tuple[int, str] | None) -> dict[str, object]:
    total = DayFigures()
    for each in figures:
        total = total.plus(each)
    operations = OperationFigures()
    for of_one in total.operations.values():
        operations = operations.plus(of_one)
    bought = sum(total.charged.get(kind, 0) for kind in _PAID)
    micros, currency = value or (0, "")
    revenue = bought * micros // 1000 if value else None
    cost = operations.cost_micros.get(currency, 0)
    return {
        **sum_body(total_of(each.usage for each in total.operations.values())),
        "providerCostMicros": dict(operations.cost_micros),
        "charged": _kinds_body(total.charged),
        "breakage": credits_number(total.moved.get(TransactionType.EXPIRY, Moved()).amount),
        "houseLoss": credits_number(_house_loss(total)),
        "revenueMicros": revenue,
        "marginMicros": None if revenue is None else revenue - cost,
    }


def _top(figures: Iterable[DayFigures]) -> list[Spender]:
    spent: dict[str, Spender] = {}
    for each in (spender for day in figures for spender in day.top):
        before = spent.get(each.user_id, Spender(0, each.user_id, 0))
        spent[each.user_id] = Spender(
            before.credits + each.credits, each.user_id, before.jobs + each.jobs
        )
    return sorted(spent.values(), reverse=True)[:MAX_TOP_USERS]


def _house_loss(figures: DayFigures) -> Amount:
    return sum(each.house_loss for each in figures.operations.values())


def _kinds_body(amounts: Mapping[str, Amount]) -> dict[str, object]:
    return {kind.value: credits_number(amounts.get(kind.value, 0)) for kind in LotKind}


def _moved_body(moved: Mapping[str, Moved], *names: str) -> dict[str, object]:
    total = Moved()
    for name in names:
        total = total.plus(moved.get(name, Moved()))
    return {"count": total.count, "credits": credits_number(total.amount)}


def _spender_body(spender: Spender) -> dict[str, object]:
    return {
        "userId": spender.user_id,
        "credits": credits_number(spender.credits),
        "jobs": spender.jobs,
    }
