"""Operator commands for operators' passkeys: who may enrol one, and what is left when one is lost.
They call the operators' API, signed, so they need no passkey."""

from functools import partial
from typing import Any
from urllib.parse import quote

import click
from rich.table import Table

from service.admin.client import AdminClient, Reply
from service.admin.commands import Request, calls_api, changes, print_table, shown
from service.core.console import print_message, print_result

_COLUMNS = ("passkeyId", "name", "addedAt", "usedAt")


def _show_code(client: AdminClient, reply: Reply, as_json: bool) -> int:
    def show(data: Any) -> None:
        print_message(f"{data['operatorId']} may enrol one passkey until {data['expiresAt']}.")
        print_message("Hand the code over by another way than e-mail:")
        print_result(data["code"])

    del client
    return shown(reply, as_json, show)


@click.command(
    "passkey-code",
    short_help="let an operator enrol a passkey within an hour",
    help="Make a code with which OPERATOR (issuer|subject) enrols one passkey within an hour.",
)
@click.argument("operator_id", metavar="OPERATOR")
@partial(changes, show=_show_code)
def passkey_code(operator_id: str) -> Request:
    return "/admin/passkeys/codes", {"operatorId": operator_id}


@click.command(
    short_help="list an operator's passkeys", help="List the passkeys of OPERATOR (issuer|subject)."
)
@click.argument("operator_id", metavar="OPERATOR")
@calls_api
def passkeys(client: AdminClient, as_json: bool, operator_id: str) -> int:
    path = f"/admin/passkeys?operatorId={quote(operator_id, safe='')}"
    return shown(client.get(path), as_json, _print_passkeys)


@click.command(
    "remove-passkey",
    short_help="remove an operator's passkey, the last one too",
    help="Remove a passkey of OPERATOR (issuer|subject), the last one too: its proofs end.",
)
@click.argument("operator_id", metavar="OPERATOR")
@click.argument("passkey_id", metavar="PASSKEY")
@changes
def remove_passkey(operator_id: str, passkey_id: str) -> Request:
    path = f"/admin/passkeys/{quote(passkey_id, safe='')}/remove"
    return path, {"operatorId": operator_id}


def _print_passkeys(data: Any) -> None:
    table = Table(*_COLUMNS)
    for passkey in data["passkeys"]:
        table.add_row(*(passkey[name] or "" for name in _COLUMNS))
    print_table(table)


PASSKEY_COMMANDS = (passkey_code, passkeys, remove_passkey)
