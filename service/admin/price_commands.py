"""Operator commands on prices: `farebox price`, `farebox cancel-price` and `farebox prices`, which
call the operators' API.

In a file of its own because a price has a form of its own."""

from typing import Any
from urllib.parse import quote

import click
from rich.table import Table

from service.admin.client import AdminClient
from service.admin.commands import (
    Credits,
    Request,
    calls_api,
    changes,
    price_text,
    print_table,
    shown,
)
from service.core.amounts import credits_number, micros_number, parse_micros
from service.core.console import print_result


class RateOption(click.ParamType[tuple[str, int | float]]):
    """A rate of a price by usage, such as perSecond=0.05."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | float]:
        name, _, number = str(value).partition("=")
        try:
            return name, micros_number(parse_micros(number))
        except ValueError as error:
            self.fail(f"{value} is not a rate such as perSecond=0.05: {error}.", param, ctx)


@click.command(
    short_help="schedule a price",
    help="Schedule the price of an operation: CREDITS for each job, or --rate for usage.",
)
@click.argument("operation")
@click.argument("amount", metavar="[CREDITS]", type=Credits(), required=False)
@click.option("--at", "effective_at", required=True, help="2027-01-31T12:00:00Z.")
@click.option("--rate", "rates", type=RateOption(), multiple=True, help="perSecond=0.05; repeat.")
@click.option("--minimum", type=Credits(), help="What complete work costs at least, with --rate.")
@click.option("--maximum", type=Credits(), help="What a job costs at most, with --rate.")
@changes
def price(
    operation: str,
    amount: int | None,
    effective_at: str,
    rates: tuple[tuple[str, int | float], ...],
    minimum: int | None,
    maximum: int | None,
) -> Request:
    amounts = {"credits": amount, "minimum": minimum, "maximum": maximum}
    body: dict[str, object] = {
        name: credits_number(given) for name, given in amounts.items() if given is not None
    }
    body |= {"rates": dict(rates)} if rates else {}
    return "/admin/prices", {"operation": operation, "effectiveAt": effective_at, **body}


@click.command(
    "cancel-price",
    short_help="take back a price that is not yet in effect",
    help="Take back the price of an operation that would take effect at that time.",
)
@click.argument("operation")
@click.argument("effective_at", metavar="TIME")
@changes
def cancel_price(operation: str, effective_at: str) -> Request:
    return "/admin/prices/cancel", {"operation": operation, "effectiveAt": effective_at}


@click.command(
    short_help="list the prices of an operation",
    help="List the prices that were scheduled for an operation, the last to take effect first.",
)
@click.argument("operation")
@click.option("--limit", type=click.IntRange(1, 100), default=50, help="How many.")
@calls_api
def prices(client: AdminClient, as_json: bool, operation: str, limit: int) -> int:
    path = f"/admin/prices?operation={quote(operation, safe='')}&limit={limit}"
    return shown(client.get(path), as_json, _print_prices)


def _print_prices(data: Any) -> None:
    table = Table("effective at", "price", "version", "by", "reason", "cancelled")
    for each in data["prices"]:
        table.add_row(
            each["effectiveAt"],
            price_text(each),
            each["priceVersion"],
            each["scheduledBy"],
            each["reason"],
            each["cancelReason"] or "",
        )
    print_table(table)
    print_result(f"A price that is scheduled now can take effect at {data['earliestEffectiveAt']}.")


PRICE_COMMANDS = (price, cancel_price, prices)
