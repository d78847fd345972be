"""Operator commands for erasures. They call the operators' API, so that every action is
recorded."""

from typing import Any

import click
from rich.table import Table

from service.admin.client import AdminClient
from service.admin.commands import Request, calls_api, changes, print_table, shown, user_path

_COLUMNS = ("userId", "requestedAt", "requestedBy", "done", "held up")


@click.command(
    "erase-account",
    short_help="erase a user who wants it, and record it",
    help="Erase a user: begins what DELETE /me/account begins. Nothing of it can be undone. The "
    "reason stays: write nothing personal in it.",
)
@click.argument("user_id", metavar="USER")
@changes
def erase_account(user_id: str) -> Request:
    return user_path(user_id, "erasure"), {}


@click.command(
    short_help="list the erasures that run, and what holds each up",
    help="List the erasures that have not ended, oldest first, and what holds each up.",
)
@calls_api
def erasures(client: AdminClient, as_json: bool) -> int:
    return shown(client.get("/admin/erasures"), as_json, _print_erasures)


def _print_erasures(data: Any) -> None:
    table = Table(*_COLUMNS)
    for each in data["erasures"]:
        done = sum(step["status"] == "done" for step in each["steps"])
        held_up = ", ".join(f"{step}: {why}" for step, why in sorted(each["heldUp"].items()))
        of_all = f"{done} of {len(each['steps'])}"
        table.add_row(each["userId"], each["requestedAt"], each["requestedBy"], of_all, held_up)
    print_table(table)


ERASURE_COMMANDS = (erase_account, erasures)
