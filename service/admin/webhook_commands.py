"""Operator commands on webhooks: `farebox webhook`, `farebox dead-letters` and the like, which call
the operators' API.

In a file of its own because a secret is shown once, and by no other command."""

from functools import partial
from typing import Any
from urllib.parse import quote

import click
from rich.table import Table

from service.admin.client import AdminClient, Reply
from service.admin.commands import Request, calls_api, changes, print_table, shown, user_path
from service.core.console import print_message, print_result

_COLUMNS = ("webhookId", "url", "state", "events", "failingSince", "description")
_DELIVERY_COLUMNS = ("eventId", "type", "userId", "createdAt", "state", "attempts", "lastAttempt")
_LETTER_COLUMNS = ("eventId", "type", "userId", "webhookId", "createdAt", "attempts", "error")


def _webhook(webhook_id: str, rest: str = "") -> str:
    path = f"/admin/webhooks/{quote(webhook_id, safe='')}"
    return f"{path}/{rest}" if rest else path


def _show_secret(client: AdminClient, reply: Reply, as_json: bool) -> int:
    def show(data: Any) -> None:
        webhook = data["webhook"]
        print_message(f"{webhook['webhookId']} sends to {webhook['url']}.")
        if data["secret"] is None:
            print_message("Its secret was shown when this was done. Rotate it if it is lost.")
            return
        print_message("This is the only time that its secret is shown:")
        print_result(data["secret"])

    del client
    return shown(reply, as_json, show)


def _print_rows(columns: tuple[str, ...], rows: Any) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    print_table(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return " ".join(value) or "all"
        case dict():
            return str(value["status"] or value["error"])
    return str(value)


@click.command(
    short_help="send events to URL from now on",
    help="Send events to URL from now on. Prints the secret that verifies them, this once.",
)
@click.argument("receiver", metavar="URL")
@click.option("--event", "events", multiple=True, help="A type to send, such as credits.low. All.")
@click.option("--description", default="", help="Whose it is.")
@partial(changes, show=_show_secret)
def webhook(receiver: str, events: tuple[str, ...], description: str) -> Request:
    body = {"url": receiver, "events": list(events), "description": description}
    return "/admin/webhooks", body


@click.command(
    "rotate-webhook",
    short_help="make another secret for a webhook endpoint",
    help="Make another secret for a webhook endpoint. For a day the one before signs as well.",
)
@click.argument("webhook_id")
@partial(changes, show=_show_secret)
def rotate_webhook(webhook_id: str) -> Request:
    return _webhook(webhook_id, "rotate"), {}


@click.command(
    "enable-webhook", short_help="enable a webhook endpoint", help="Enable a webhook endpoint."
)
@click.argument("webhook_id")
@changes
def enable_webhook(webhook_id: str) -> Request:
    return _webhook(webhook_id, "edit"), {"enabled": True}


@click.command(
    "disable-webhook",
    short_help="send nothing to a webhook endpoint for now",
    help="Send nothing to a webhook endpoint for now.",
)
@click.argument("webhook_id")
@changes
def disable_webhook(webhook_id: str) -> Request:
    return _webhook(webhook_id, "edit"), {"enabled": False}


@click.command(
    "remove-webhook", short_help="remove a webhook endpoint", help="Remove a webhook endpoint."
)
@click.argument("webhook_id")
@changes
def remove_webhook(webhook_id: str) -> Request:
    return _webhook(webhook_id, "remove"), {}


@click.command(
    "test-webhook",
    short_help="send a test event to a webhook endpoint",
    help="Send a test event to a webhook endpoint.",
)
@click.argument("webhook_id")
@changes
def test_webhook(webhook_id: str) -> Request:
    return _webhook(webhook_id, "test"), {}


@click.command(
    "resend-event",
    short_help="send an event to a webhook endpoint again",
    help="Send an event to a webhook endpoint again, dead letters included.",
)
@click.argument("webhook_id")
@click.argument("event_id")
@changes
def resend_event(webhook_id: str, event_id: str) -> Request:
    return _webhook(webhook_id, f"deliveries/{quote(event_id, safe='')}/resend"), {}


@click.command(
    "redrive-event",
    short_help="hand on an event that is a dead letter without an endpoint",
    help="Hand on an event that is a dead letter without an endpoint.",
)
@click.argument("user_id")
@click.argument("event_id")
@changes
def redrive_event(user_id: str, event_id: str) -> Request:
    return user_path(user_id, f"events/{quote(event_id, safe='')}/redrive"), {}


@click.command(short_help="list the webhook endpoints", help="List the webhook endpoints.")
@calls_api
def webhooks(client: AdminClient, as_json: bool) -> int:
    reply = client.get("/admin/webhooks")
    return shown(reply, as_json, lambda data: _print_rows(_COLUMNS, data["webhooks"]))


@click.command(
    short_help="list what was sent to a webhook endpoint",
    help="List what was sent to a webhook endpoint.",
)
@click.argument("webhook_id")
@click.option("--limit", type=click.IntRange(1, 100), default=20, help="How many, newest first.")
@calls_api
def deliveries(client: AdminClient, as_json: bool, webhook_id: str, limit: int) -> int:
    reply = client.get(_webhook(webhook_id, f"deliveries?limit={limit}"))
    return shown(reply, as_json, lambda data: _print_rows(_DELIVERY_COLUMNS, data["deliveries"]))


@click.command(
    "dead-letters",
    short_help="list events that could not be delivered",
    help="List events that could not be delivered for three days.",
)
@calls_api
def dead_letters(client: AdminClient, as_json: bool) -> int:
    reply = client.get("/admin/dead-letters")
    return shown(reply, as_json, lambda data: _print_rows(_LETTER_COLUMNS, data["deadLetters"]))


WEBHOOK_COMMANDS: tuple[click.Command, ...] = (
    webhook,
    webhooks,
    rotate_webhook,
    enable_webhook,
    disable_webhook,
    remove_webhook,
    test_webhook,
    deliveries,
    resend_event,
    redrive_event,
    dead_letters,
)
