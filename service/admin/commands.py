"""Operator commands that call the operators' API, signed: `farebox grant USER AMOUNT`, `farebox
freeze USER` and the like. They need no settings of the service, only its address and a key, so
they also run on an operator's own machine."""

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from service.admin.client import (
    AdminClient,
    KeyUnusable,
    NoResponse,
    Reply,
    key_of_secret,
    key_of_text,
    sender,
)
from service.core.amounts import credits_number, parse_credits
from service.core.clock import SystemClock
from service.core.console import print_message, print_result
from service.outbound.network import Network
from service.outbound.trust import public_roots
from service.storage.secrets import SecretsManager

_WIDTH_OF_FILES = 160
_MAX_WIDTH = 10_000
_APPROVAL_COLUMNS = (
    *("approvalId", "status", "userId", "amount", "requestedBy", "expiresAt", "reason"),
)
_ACTION_COLUMNS = ("number", "at", "action", "amount", "operatorId", "reason", "details")

Command = Callable[..., int]
Request = tuple[str, Mapping[str, object]]
"""A path and a body, without the reason."""
RequestOf = Callable[..., Request]
Show = Callable[[AdminClient, Reply, bool], int]
"""Prints a response, as JSON or for people, and returns the exit code."""


STILL_CHARGED = (
    "Stripe goes on charging a subscription of this user: cancel it in Stripe's dashboard."
)


class Credits(click.ParamType[int]):
    """An amount above 0, such as 5 or 0.125; as thousandths."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            amount = parse_credits(str(value))
        except ValueError as error:
            self.fail(f"{value} {error}.", param, ctx)
        if amount == 0:
            self.fail("0 changes nothing.", param, ctx)
        return amount


def calls_api(command: Command) -> Command:
    """Adds the options of every command that calls the API, and hands the client over. Exits 1 when
    the service refuses, 2 when it could not be called."""

    @click.option(
        "--url", envvar=["FAREBOX_URL", "PUBLIC_URL"], required=True, help="Address of the service."
    )
    @click.option(
        "--key",
        envvar="FAREBOX_KEY",
        help="key id:algorithm:key. Give it in FAREBOX_KEY: others see a command line.",
    )
    @click.option(
        "--key-secret",
        envvar=["FAREBOX_KEY_SECRET", "OPERATOR_KEYS_SECRET_NAME"],
        help="Secret in Secrets Manager that holds the key, instead of --key.",
    )
    @click.option(
        "--key-id", envvar="FAREBOX_KEY_ID", default="operate", help="Which key of the secret."
    )
    @click.option("--region", envvar="AWS_REGION", default="us-east-1", help="Of the secret.")
    @click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
    @functools.wraps(command)
    def run(
        url: str,
        key: str | None,
        key_secret: str | None,
        key_id: str,
        region: str,
        as_json: bool,
        **arguments: Any,
    ) -> int:
        try:
            client = _client(url, key, key_secret, key_id, region)
            return command(client, as_json, **arguments)
        except (KeyUnusable, NoResponse) as error:
            print_message(f"{type(error).__name__}: {error}")
            return 2

    return run


def changes(request_of: RequestOf, show: Show | None = None) -> Command:
    """As `calls_api`, with the options of every command that changes anything: posts what
    `request_of` makes of the command's own arguments, and shows the response."""

    @click.option("--reason", required=True, help="Why. The user may read it.")
    @click.option(
        "--idempotency-key",
        help="Repeat a command under its key to find out what came of it. New by default.",
    )
    @calls_api
    @functools.wraps(request_of)
    def run(
        client: AdminClient,
        as_json: bool,
        reason: str,
        idempotency_key: str | None,
        **arguments: Any,
    ) -> int:
        chosen = idempotency_key or str(uuid4())
        path, body = request_of(**arguments)
        try:
            reply = client.post(path, {"reason": reason, **body}, chosen)
        except NoResponse:
            print_message(f"To find out whether it was done: --idempotency-key {chosen}")
            raise
        return (show or _show_performed)(client, reply, as_json)

    return run


def _client(
    url: str, key: str | None, key_secret: str | None, key_id: str, region: str
) -> AdminClient:
    if key:
        chosen = key_of_text(key)
    elif key_secret:
        chosen = key_of_secret(SecretsManager.connect(region).read(key_secret), key_id)
    else:
        raise KeyUnusable("Give a key: FAREBOX_KEY or FAREBOX_KEY_SECRET.")
    clock = SystemClock()
    return AdminClient(url, chosen, sender(Network(clock).pool(public_roots(), size=1)), clock)


def _show_performed(client: AdminClient, reply: Reply, as_json: bool) -> int:
    del client
    return shown(reply, as_json, print_performed)


def shown(reply: Reply, as_json: bool, show: Callable[[Any], None]) -> int:
    """Prints a response: as JSON, by `show`, or the error. Returns the exit code."""
    if as_json:
        print_result(json.dumps(reply.content, ensure_ascii=False))
    elif reply.status == 200:
        show(reply.data)
    else:
        code, error = reply.content.get("code"), reply.content.get("error")
        print_message(f"{code}: {error} (request {reply.content.get('requestId')})")
    return 0 if reply.status == 200 else 1


def print_performed(data: Any) -> None:
    action = data["action"]
    approval = data.get("approval")
    facts = {name: value for name, value in data.items() if name not in ("action", "approval")}
    if "price" in facts:
        facts["price"] = f"{price_text(facts['price'])} from {facts['price']['effectiveAt']}"
    shown = ", ".join(f"{name} {_in_a_line(value)}" for name, value in facts.items())
    if approval:
        shown = f"{approval['approvalId']} is {approval['status']} (see `farebox approvals`)"
    print_result(f"{action['action']} is action {action['number']} of the log: {shown or 'done'}")


def _in_a_line(value: Any) -> str:
    """Of an object, such as the purchase that was refunded, only what says anything in a line."""
    if not isinstance(value, Mapping):
        return str(value)
    said = (item for item in value.items() if item[1] and not isinstance(item[1], list))
    return " ".join(f"{name}={each}" for name, each in said)


def price_text(price: Any) -> str:
    """A price in a line, as the response has it."""
    facts = {**(price["rates"] or {}), "minimum": price["minimum"], "maximum": price["maximum"]}
    by_usage = ", ".join(f"{name} {given}" for name, given in facts.items() if given is not None)
    return by_usage or f"{price['credits']} credits"


def _print_actions(data: Any) -> None:
    table = Table(*_ACTION_COLUMNS)
    for action in data["actions"]:
        details = ", ".join(f"{name}={text}" for name, text in action["details"].items())
        table.add_row(
            *(str(action[name]) for name in _ACTION_COLUMNS[:3]),
            "" if action["amount"] is None else str(action["amount"]),
            action["operatorId"],
            action["reason"],
            details,
        )
    print_table(table)


def _print_approvals(data: Any) -> None:
    table = Table(*_APPROVAL_COLUMNS)
    for approval in data["approvals"]:
        table.add_row(*(str(approval[name]) for name in _APPROVAL_COLUMNS))
    print_table(table)


def print_table(table: Table) -> None:
    """Prints every word whole, beyond the width of the terminal if it must: an id that is cut
    short cannot be copied into the next command. Only cells with blanks are broken into lines."""
    for column in table.columns:
        column.no_wrap = not any(" " in str(cell) for cell in column.cells)
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    console = Console(file=sys.stdout, width=width, markup=False, highlight=False)
    unbounded = console.options.update(max_width=_MAX_WIDTH)
    console.width = max(console.width, Measurement.get(console, unbounded, table).minimum)
    console.print(table)


def user_path(user_id: str, rest: str = "") -> str:
    """The path of a user, or of what lies below."""
    path = f"/admin/users/{quote(user_id, safe='')}"
    return f"{path}/{rest}" if rest else path


@click.command(short_help="add credits to a user", help="Add credits to a user.")
@click.argument("user_id")
@click.argument("amount", type=Credits())
@click.option("--kind", help="free, promo (usual), subscription or paid.")
@click.option("--expires", "expires_at", help="When they expire: 2027-01-31T12:00:00Z.")
@click.option("--restriction", help="What alone they may be spent on.")
@changes
def grant(user_id: str, amount: int, **terms: str | None) -> Request:
    names = {"kind": "kind", "expires_at": "expiresAt", "restriction": "restriction"}
    given = {names[name]: text for name, text in terms.items() if text}
    return user_path(user_id, "adjustments"), {"amount": credits_number(amount), **given}


@click.command(
    short_help="take credits from a user, never more than there are",
    help="Take credits from a user, never more than there are.",
)
@click.argument("user_id")
@click.argument("amount", type=Credits())
@click.option("--lot", help="From this lot; otherwise in the order of spending.")
@changes
def take(user_id: str, amount: int, lot: str | None) -> Request:
    given = {"lotId": lot} if lot else {}
    return user_path(user_id, "adjustments"), {"amount": credits_number(-amount), **given}


@click.command(short_help="take all that is left of a lot", help="Take all that is left of a lot.")
@click.argument("user_id")
@click.argument("lot_id")
@changes
def void(user_id: str, lot_id: str) -> Request:
    return user_path(user_id, f"lots/{quote(lot_id, safe='')}/void"), {}


@click.command(
    "edit-lot", short_help="change when a lot expires", help="Change when a lot expires."
)
@click.argument("user_id")
@click.argument("lot_id")
@click.option("--expires", "expires_at", required=True, help="2027-01-31T12:00:00Z, or never.")
@changes
def edit_lot(user_id: str, lot_id: str, expires_at: str) -> Request:
    body = {"expiresAt": None if expires_at == "never" else expires_at}
    return user_path(user_id, f"lots/{quote(lot_id, safe='')}/edit"), body


@click.command(
    short_help="stop a user from spending; open jobs still settle",
    help="Stop a user from spending; open jobs still settle.",
)
@click.argument("user_id")
@changes
def freeze(user_id: str) -> Request:
    return user_path(user_id, "freeze"), {}


@click.command(short_help="let a frozen user spend again", help="Let a frozen user spend again.")
@click.argument("user_id")
@changes
def thaw(user_id: str) -> Request:
    return user_path(user_id, "thaw"), {}


def _show_disabled(client: AdminClient, reply: Reply, as_json: bool) -> int:
    code = _show_performed(client, reply, as_json)
    if code == 0:
        print_message(STILL_CHARGED)
    return code


@click.command(
    short_help="refuse every request of a user; open jobs still settle",
    help=(
        "Refuse every request of a user, and end their sessions. Open jobs still settle. A "
        "subscription goes on: cancel it in Stripe."
    ),
)
@click.argument("user_id")
@functools.partial(changes, show=_show_disabled)
def disable(user_id: str) -> Request:
    return user_path(user_id, "disable"), {}


@click.command(short_help="admit a disabled user again", help="Admit a disabled user again.")
@click.argument("user_id")
@changes
def enable(user_id: str) -> Request:
    return user_path(user_id, "enable"), {}


@click.command(
    short_help="note something about a user in the log",
    help="Note the reason in the log of a user; nothing else changes.",
)
@click.argument("user_id")
@changes
def note(user_id: str) -> Request:
    return user_path(user_id, "notes"), {}


@click.command(
    short_help="list what operators did to a user, or to the house",
    help="List what operators did to a user; without one, what concerns no single user.",
)
@click.argument("user_id", required=False)
@click.option("--limit", type=click.IntRange(1, 100), default=50, help="How many, newest first.")
@calls_api
def actions(client: AdminClient, as_json: bool, user_id: str | None, limit: int) -> int:
    path = user_path(user_id, "actions") if user_id else "/admin/actions"
    return shown(client.get(f"{path}?limit={limit}"), as_json, _print_actions)


@click.command(
    short_help="list the adjustments that wait for a second operator",
    help="List the adjustments that wait, or waited, for a second operator.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=50, help="How many, newest first.")
@calls_api
def approvals(client: AdminClient, as_json: bool, limit: int) -> int:
    return shown(client.get(f"/admin/approvals?limit={limit}"), as_json, _print_approvals)


@click.command(
    short_help="approve an adjustment that another operator requested",
    help="Approve an adjustment that another operator requested: the credits move.",
)
@click.argument("approval_id")
@changes
def approve(approval_id: str) -> Request:
    return f"/admin/approvals/{quote(approval_id, safe='')}/approve", {}


@click.command(
    short_help="reject an adjustment that waits for approval",
    help="Reject an adjustment that waits for approval.",
)
@click.argument("approval_id")
@changes
def reject(approval_id: str) -> Request:
    return f"/admin/approvals/{quote(approval_id, safe='')}/reject", {}


COMMANDS = (
    *(grant, take, void, edit_lot, freeze, thaw, disable, enable, note, actions),
    *(approvals, approve, reject),
)
