"""Operator commands on promo codes and bulk grants: `farebox promo-code`, `farebox bulk-grant` and
the like, which call the operators' API.

In a file of its own because it shows how a bulk grant comes along, which takes minutes."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TextIO
from urllib.parse import quote

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.admin.client import AdminClient, Reply
from service.admin.commands import Credits, Request, calls_api, changes, print_table, shown
from service.core.amounts import credits_number, credits_text, parse_credits
from service.core.clock import SystemClock
from service.core.console import print_message, print_result, stop_on_signal

POLL_SECONDS = 1.0
_PROMO_COLUMNS = ("promoId", "name", "credits", "uses", "maxUses", "granted", "endsAt", "revokedAt")
_BULK_COLUMNS = ("bulkId", "name", "credits", "audience", "users", "budget", "createdAt")
_FAILURE_COLUMNS = ("userId", "reason", "at")
_NAMES = {"lot_expires": "lotExpiresAt", "starts": "startsAt", "ends": "endsAt", "code": "code"}

Command = Callable[..., Any]


def _grants(command: Command) -> Command:
    """The arguments of what each user receives."""
    for option in reversed(
        (
            click.argument("name"),
            click.argument("amount", type=Credits(), metavar="CREDITS"),
            click.option("--kind", help="free, promo (usual), subscription or paid."),
            click.option("--lot-expires", help="When the credits expire: 2027-01-31T12:00:00Z."),
            click.option("--lot-days", type=int, help="How many days they live, instead."),
            click.option("--restriction", help="What alone they may be spent on."),
            click.option("--budget", type=Credits(), help="Credits that may be granted in all."),
        )
    ):
        command = option(command)
    return command


def _grant_body(name: str, amount: int, given: dict[str, Any]) -> dict[str, object]:
    """The request of a campaign, without what was left out."""
    budget, days = given.pop("budget"), given.pop("lot_days")
    body: dict[str, object] = {"name": name, "credits": credits_number(amount)}
    body |= {} if budget is None else {"budget": credits_number(budget)}
    body |= {} if days is None else {"lotLifeDays": days}
    return body | {_NAMES.get(key, key): value for key, value in given.items() if value}


def _show_promo(client: AdminClient, reply: Reply, as_json: bool) -> int:
    def show(data: Any) -> None:
        promo = data["promo"]
        if "code" in data:
            print_message("This is the only time that the code is shown:")
            print_result(data["code"])
        print_message(f"{promo['promoId']}: {promo['uses']} of {promo['maxUses']} uses")

    del client
    return shown(reply, as_json, show)


@click.command(
    "promo-code",
    short_help="make a promo code that grants CREDITS to each user",
    help="Make a promo code that grants CREDITS to each user, under the NAME that users see.",
)
@_grants
@click.option("--uses", type=int, required=True, help="How often it can be redeemed in all.")
@click.option("--uses-per-user", type=int, help="How often by one user. Usually once.")
@click.option("--starts", help="From when it can be redeemed: 2027-01-31T12:00:00Z.")
@click.option("--ends", help="Until when it can be redeemed.")
@click.option("--code", help="Its text. Left out: one that no one can guess.")
@partial(changes, show=_show_promo)
def promo_code(
    name: str, amount: int, uses: int, uses_per_user: int | None, **given: Any
) -> Request:
    limits: dict[str, object] = {"maxUses": uses}
    limits |= {} if uses_per_user is None else {"maxUsesPerIdentity": uses_per_user}
    return "/admin/promo-codes", _grant_body(name, amount, given) | limits


@click.command(
    "revoke-promo-code",
    short_help="let no one redeem a promo code any more",
    help="Let no one redeem a promo code any more. What was redeemed stays.",
)
@click.argument("promo_id")
@partial(changes, show=_show_promo)
def revoke_promo_code(promo_id: str) -> Request:
    return f"/admin/promo-codes/{quote(promo_id, safe='')}/revoke", {}


@click.command("promo-codes", short_help="list promo codes", help="List promo codes.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, help="How many, newest first.")
@calls_api
def promo_codes(client: AdminClient, as_json: bool, limit: int) -> int:
    reply = client.get(f"/admin/promo-codes?limit={limit}")
    return shown(reply, as_json, lambda data: _print_rows(_PROMO_COLUMNS, data["promos"]))


def _follow(client: AdminClient, reply: Reply, as_json: bool) -> int:
    """Shows how a bulk grant comes along until it has ended; a signal leaves it to the worker."""
    if reply.status != 200 or as_json:
        return shown(reply, as_json, lambda _: None)
    return _followed(client, reply.data["bulkGrant"])


def _followed(client: AdminClient, bulk: Any) -> int:
    clock = SystemClock()
    with _bar() as bar, stop_on_signal() as stopping:
        task = bar.add_task(bulk["bulkId"], total=None)
        while True:
            bar.update(task, **_so_far(bulk))
            if bulk["status"] != "running" or stopping():
                break
            clock.sleep(POLL_SECONDS)
            reply = client.get(_bulk(bulk["bulkId"]))
            if reply.status != 200:
                return shown(reply, False, lambda _: None)
            bulk = reply.data
    _print_progress(bulk)
    return 0 if bulk["status"] in ("running", "finished") else 1


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr))


def _so_far(bulk: Any) -> dict[str, Any]:
    """Of a list: the users. How many all users are no one has counted: the parts."""
    if bulk["users"] is None:
        return {"completed": bulk["finishedParts"], "total": bulk["parts"]}
    return {"completed": bulk["grantedUsers"] + bulk["failedUsers"], "total": bulk["users"]}


def _print_progress(bulk: Any) -> None:
    users, verb, granted = bulk["grantedUsers"], "granted", bulk["grantedCredits"]
    if bulk["dryRun"]:
        verb = "would be granted"
        granted = credits_text(users * parse_credits(str(bulk["credits"])))
    print_result(
        f"{bulk['bulkId']} is {bulk['status']}: {users} users {verb} it, "
        f"{bulk['failedUsers']} failed, {granted} credits in all"
    )


@click.command(
    "bulk-grant",
    short_help="grant CREDITS to many users, each once",
    help="Grant CREDITS to many users, each once, under the NAME that they see. The worker makes "
    "it; this command shows how it comes along, and can be stopped.",
)
@_grants
@click.option("--users", type=click.File(), help="User ids, one a line; - for standard input.")
@click.option("--all-users", is_flag=True, help="Everyone who has an account now; needs a budget.")
@click.option("--dry-run", is_flag=True, help="Only count whom it would be granted to.")
@partial(changes, show=_follow)
def bulk_grant(
    name: str,
    amount: int,
    users: TextIO | None,
    all_users: bool,
    dry_run: bool,
    **given: Any,
) -> Request:
    if (users is None) is not all_users:
        raise click.UsageError("Give either --users FILE or --all-users.")
    body = _grant_body(name, amount, given) | ({"dryRun": True} if dry_run else {})
    if users is not None:
        body["userIds"] = [line.strip() for line in users if line.strip()]
    return "/admin/bulk-grants", body


@click.command(
    "bulk-grant-progress",
    short_help="show how far a bulk grant has come",
    help="Show how far a bulk grant has come. Exits 1 if it was cancelled or ran out of budget.",
)
@click.argument("bulk_id")
@click.option("--follow", is_flag=True, help="Until it has ended.")
@calls_api
def bulk_grant_progress(client: AdminClient, as_json: bool, bulk_id: str, follow: bool) -> int:
    reply = client.get(_bulk(bulk_id))
    if follow and reply.status == 200 and not as_json:
        return _followed(client, reply.data)
    return shown(reply, as_json, _print_progress)


@click.command(
    "bulk-grant-failures",
    short_help="list the users to whom a bulk grant could not be made",
    help="List the users to whom a bulk grant could not be made, and why.",
)
@click.argument("bulk_id")
@click.option("--limit", type=click.IntRange(1, 100), default=100, help="How many.")
@calls_api
def bulk_grant_failures(client: AdminClient, as_json: bool, bulk_id: str, limit: int) -> int:
    reply = client.get(f"{_bulk(bulk_id)}/failures?limit={limit}")
    return shown(reply, as_json, lambda data: _print_rows(_FAILURE_COLUMNS, data["failures"]))


@click.command(
    "cancel-bulk-grant",
    short_help="grant nothing more of a bulk grant",
    help="Grant nothing more of a bulk grant. What was granted stays.",
)
@click.argument("bulk_id")
@partial(changes, show=_follow)
def cancel_bulk_grant(bulk_id: str) -> Request:
    return f"{_bulk(bulk_id)}/cancel", {}


@click.command("bulk-grants", short_help="list bulk grants", help="List bulk grants.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, help="How many, newest first.")
@calls_api
def bulk_grants(client: AdminClient, as_json: bool, limit: int) -> int:
    reply = client.get(f"/admin/bulk-grants?limit={limit}")
    return shown(reply, as_json, lambda data: _print_rows(_BULK_COLUMNS, data["bulkGrants"]))


def _bulk(bulk_id: str) -> str:
    return f"/admin/bulk-grants/{quote(bulk_id, safe='')}"


def _print_rows(columns: tuple[str, ...], rows: Any) -> None:
    table = Table(*columns)
    for row in rows:
        values = (row[name] for name in columns)
        table.add_row(*("" if value is None else str(value) for value in values))
    print_table(table)


CAMPAIGN_COMMANDS: tuple[click.Command, ...] = (
    *(promo_code, promo_codes, revoke_promo_code),
    *(bulk_grant, bulk_grants, bulk_grant_progress, bulk_grant_failures, cancel_bulk_grant),
)
