"""Operator commands on server keys, which call the operators' API: `farebox server-key`,
`farebox server-keys`, `farebox revoke-server-key`.

In a file of its own because a key is shown once, and by no other command."""

from functools import partial
from typing import Any
from urllib.parse import quote

import click
from rich.table import Table

from service.admin.client import AdminClient, Reply
from service.admin.commands import Request, calls_api, changes, print_table, shown
from service.core.console import print_message, print_result
from service.core.scopes import KeyScope

_COLUMNS = ("keyId", "name", "scopes", "createdAt", "lastUsedAt")


def _show_key(client: AdminClient, reply: Reply, as_json: bool) -> int:
    def show(data: Any) -> None:
        made = data["serverKey"]
        print_message(f"{made['keyId']} is the key of {made['name']}.")
        if data["key"] is None:
            print_message("It was shown when this was done. Revoke it if it is lost.")
            return
        print_message("This is the only time that it is shown:")
        print_result(data["key"])

    del client
    return shown(reply, as_json, show)


def _print_keys(data: Any) -> None:
    table = Table(*_COLUMNS)
    for key in data["serverKeys"]:
        scopes, used = " ".join(key["scopes"]), key["lastUsedAt"] or ""
        table.add_row(key["keyId"], key["name"], scopes, key["createdAt"], used)
    print_table(table)


@click.command(
    "server-key",
    short_help="make a key for one of the house's back ends",
    help="Make a key for one of the house's back ends, called NAME. Prints it, this once.",
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in KeyScope]),
    default=[KeyScope.SESSIONS.value],
    show_default=True,
    help="What it may do. May be repeated.",
)
@partial(changes, show=_show_key)
def server_key(name: str, scopes: tuple[str, ...]) -> Request:
    return "/admin/server-keys", {"name": name, "scopes": list(scopes)}


@click.command(
    "revoke-server-key",
    short_help="revoke a server key and end the sessions that it minted",
    help="Revoke a server key at once, and end the sessions that it minted within 10 seconds.",
)
@click.argument("server_key_id", metavar="KEY_ID")
@changes
def revoke_server_key(server_key_id: str) -> Request:
    return f"/admin/server-keys/{quote(server_key_id, safe='')}/revoke", {}


@click.command("server-keys", short_help="list the server keys", help="List the server keys.")
@calls_api
def server_keys(client: AdminClient, as_json: bool) -> int:
    return shown(client.get("/admin/server-keys"), as_json, _print_keys)


SERVER_KEY_COMMANDS: tuple[click.Command, ...] = (server_key, server_keys, revoke_server_key)
