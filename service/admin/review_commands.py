"""Operator commands for sign-ups under review. They call the operators' API."""

from typing import Any

import click
from rich.table import Table

from service.admin.client import AdminClient
from service.admin.commands import Request, calls_api, changes, print_table, shown, user_path


@click.command(
    short_help="list the sign-ups that wait for a decision",
    help="List the sign-ups that wait for a decision (DEVICE_POLICY=review), oldest first.",
)
@calls_api
def reviews(client: AdminClient, as_json: bool) -> int:
    return shown(client.get("/admin/reviews"), as_json, _print_reviews)


@click.command(
    "approve-user",
    short_help="let a user under review in, with the welcome credits",
    help="Let a user under review in, with the welcome credits.",
)
@click.argument("user_id", metavar="USER")
@changes
def approve_user(user_id: str) -> Request:
    return user_path(user_id, "review/approve"), {}


@click.command(
    "reject-user",
    short_help="leave a user under review frozen for good",
    help="Leave a user under review frozen, and take the sign-up off the list.",
)
@click.argument("user_id", metavar="USER")
@changes
def reject_user(user_id: str) -> Request:
    return user_path(user_id, "review/reject"), {}


def _print_reviews(data: Any) -> None:
    table = Table("userId", "device", "createdAt")
    for review in data["reviews"]:
        table.add_row(review["userId"], review["device"], review["createdAt"])
    print_table(table)


REVIEW_COMMANDS = (reviews, approve_user, reject_user)
