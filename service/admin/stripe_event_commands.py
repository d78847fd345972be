"""Operator commands on Stripe's events: `farebox dead-stripe-events`, `farebox
redrive-stripe-event`, which call the operators' API.

In a file of its own because it belongs to billing."""

from urllib.parse import quote

import click
from rich.table import Table

from service.admin.client import AdminClient
from service.admin.commands import Request, calls_api, changes, print_table, shown

_COLUMNS = ("eventId", "type", "objectId", "createdAt", "receivedAt", "attempts", "error")


@click.command(
    "dead-stripe-events",
    short_help="list events of Stripe's that could not be dealt with",
    help="List events of Stripe's that could not be dealt with in twenty attempts.",
)
@calls_api
def dead_stripe_events(client: AdminClient, as_json: bool) -> int:
    def show(data: dict[str, list[dict[str, object]]]) -> None:
        table = Table(*_COLUMNS)
        for row in data["events"]:
            table.add_row(*(str(row[name]) for name in _COLUMNS))
        print_table(table)

    return shown(client.get("/admin/stripe-events/dead"), as_json, show)


@click.command(
    "redrive-stripe-event",
    short_help="try an event of Stripe's anew",
    help="Have the worker try an event of Stripe's anew that it has given up.",
)
@click.argument("event_id")
@changes
def redrive_stripe_event(event_id: str) -> Request:
    return f"/admin/stripe-events/{quote(event_id, safe='')}/redrive", {}


STRIPE_EVENT_COMMANDS: tuple[click.Command, ...] = (dead_stripe_events, redrive_stripe_event)
