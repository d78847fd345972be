"""Operator commands about purchases. They call the operators' API."""

from typing import Any
from urllib.parse import quote

import click
from rich.table import Table

from service.admin.client import AdminClient
from service.admin.commands import Request, calls_api, changes, print_table, shown, user_path

_COLUMNS = (
    *("paymentId", "grantedAt", "reference", "granted", "paidCents", "currency"),
    *("clawedBack", "refundedCents", "disputedCents", "movedCents"),
    *("creditedCents", "unfundedCents", "warned"),
)
_ALWAYS = _COLUMNS[:6]


def _purchase(payment_id: str, rest: str = "") -> str:
    path = f"/admin/purchases/{quote(payment_id, safe='')}"
    return f"{path}/{rest}" if rest else path


def print_purchases(purchases: list[Any]) -> None:
    """Leaves out what is zero in all of them: most money never comes back."""
    columns = [name for name in _COLUMNS if name in _ALWAYS or any(p[name] for p in purchases)]
    table = Table(*columns)
    for each in purchases:
        table.add_row(*(str(each[name]) for name in columns))
    print_table(table)


@click.command(
    short_help="list what a user has bought",
    help="List what a user has bought and what was taken back of it, newest first.",
)
@click.argument("user_id", metavar="USER")
@calls_api
def purchases(client: AdminClient, as_json: bool, user_id: str) -> int:
    reply = client.get(user_path(user_id, "purchases"))
    return shown(reply, as_json, lambda data: print_purchases(data["purchases"]))


@click.command(
    short_help="show the purchase of a payment",
    help="Show what PAYMENT (pi_…, or in_… of an invoice) has brought, and what was taken back.",
)
@click.argument("payment_id", metavar="PAYMENT")
@calls_api
def purchase(client: AdminClient, as_json: bool, payment_id: str) -> int:
    reply = client.get(_purchase(payment_id))
    return shown(reply, as_json, lambda data: print_purchases([data]))


@click.command(
    "refund",
    short_help="return the money of a payment, or a part of it",
    help="Return the money of PAYMENT to its buyer: all that is left, or --cents of it. The "
    "credits follow from what Stripe says of the payment afterwards.",
)
@click.argument("payment_id", metavar="PAYMENT")
@click.option("--cents", type=click.IntRange(1), help="In the currency's smallest unit. All.")
@changes
def refund(payment_id: str, cents: int | None) -> Request:
    return _purchase(payment_id, "refund"), {} if cents is None else {"amountCents": cents}


@click.command(
    "clear-warning",
    short_help="set the fraud warning of a payment aside",
    help="Set the early fraud warning of PAYMENT aside: its credits return.",
)
@click.argument("payment_id", metavar="PAYMENT")
@changes
def clear_warning(payment_id: str) -> Request:
    return _purchase(payment_id, "clear-warning"), {}


@click.command(
    "settle-purchase",
    short_help="settle a payment by what Stripe says now",
    help="Settle PAYMENT (pi_… or in_…) by what Stripe says of it now, also one that has brought "
    "nothing yet. Safe at any time.",
)
@click.argument("payment_id", metavar="PAYMENT")
@changes
def settle_purchase(payment_id: str) -> Request:
    return _purchase(payment_id, "settle"), {}


PURCHASE_COMMANDS = (purchases, purchase, refund, clear_warning, settle_purchase)
