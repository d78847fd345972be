"""Operator commands for support. `farebox timeline USER` reads the table; the others call the
operators' API, so that every action is recorded."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import click
from rich.table import Table

from service.admin.client import AdminClient
from service.admin.commands import Request, calls_api, changes, print_table, shown, user_path
from service.admin.lookup import LookupKey
from service.admin.timeline import Event, Timeline
from service.core.amounts import credits_number, credits_text
from service.core.clock import iso
from service.core.console import print_message, print_result
from service.feature import Parts
from service.ledger.entities import UserNotFound

EVENTS = 50
EVENTS_A_PAGE = 100


@click.command(
    short_help="print what happened to one user, newest first",
    help="Print what happened to one user, newest first: entries of the ledger, jobs, devices, the "
    "sign-up and what operators did. Exits 1 if there is no such user.",
)
@click.argument("user_id", metavar="USER")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=EVENTS,
    show_default=True,
    help="Maximum number of events.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per event.")
@click.pass_obj
def timeline(parts: Callable[[], Parts], user_id: str, limit: int, as_json: bool) -> int:
    show = _json if as_json else _line
    try:
        for event in _events(parts().get(Timeline), user_id, limit):
            print_result(show(event))
    except UserNotFound as refusal:
        print_message(f"{refusal.message} To find one: farebox find ID.")
        return 1
    return 0


def _events(source: Timeline, user_id: str, limit: int) -> Iterator[Event]:
    token, left = None, limit
    while left > 0:
        page = source.page(user_id, min(left, EVENTS_A_PAGE), token)
        yield from page.events
        token, left = page.next_token, left - len(page.events)
        if token is None:
            return


def _line(event: Event) -> str:
    facts = "  ".join(str(fact) for name, fact in _facts(event) if fact not in ("", None))
    return f"{iso(event.at)}  {event.kind:16}{facts}".rstrip()


def _json(event: Event) -> str:
    facts = {name: fact for name, fact in _facts(event) if fact not in ("", None)}
    return json.dumps({"at": iso(event.at), "type": event.kind.value, **facts})


def _facts(event: Event) -> Iterator[tuple[str, object]]:
    if event.entry is not None:
        entry = event.entry
        yield "kind", entry.kind.value
        yield "amount", credits_number(entry.amount)
        yield "ref", entry.ref
        yield "then", f"{credits_text(entry.credits)} available, {credits_text(entry.held)} held"
        yield from entry.details.items()
    if event.job is not None:
        job = event.job
        yield "jobId", job.job_id
        yield "operation", job.operation
        yield "status", job.status.value
        yield "failure", job.failure
    if event.device is not None:
        yield "device", event.device.digest
    if event.action is not None:
        action = event.action
        yield "action", action.name
        yield "operatorId", action.operator_id
        yield "reason", action.shown_reason


@click.command(
    short_help="find users by id, e-mail, device or job",
    help="Find users by their id, the e-mail address of the sign-up, a device's fingerprint or a "
    "job's id. For a provider's task: farebox find. For a request: make find.",
)
@click.argument("by", type=click.Choice([key.value for key in LookupKey]))
@click.argument("value")
@calls_api
def search(client: AdminClient, as_json: bool, by: str, value: str) -> int:
    reply = client.post("/admin/search", {"by": by, "value": value}, str(uuid4()))
    return shown(reply, as_json, _print_users)


@click.command(
    short_help="show a user: credits, devices, newest jobs",
    help="Show a user: credits, devices, newest jobs.",
)
@click.argument("user_id", metavar="USER")
@click.option("--show-email", is_flag=True, help="Show the whole address; this is logged.")
@calls_api
def user(client: AdminClient, as_json: bool, user_id: str, show_email: bool) -> int:
    query = "?showEmail=true" if show_email else ""
    return shown(client.get(user_path(user_id) + query), as_json, _print_user)


@click.command(
    "resolve-job",
    short_help="settle what can be settled of a job now, and record it",
    help="Query the provider for a job now, settle what can be settled, and record it.",
)
@click.argument("user_id", metavar="USER")
@click.argument("job_id", metavar="JOB")
@changes
def resolve_job(user_id: str, job_id: str) -> Request:
    return user_path(user_id, f"jobs/{quote(job_id, safe='')}/resolve"), {}


@click.command(
    "release-job",
    short_help="give up a job past its hard limit, and record it",
    help="Give up a job past its hard limit that nothing settles, and record it. Nothing is "
    "charged.",
)
@click.argument("user_id", metavar="USER")
@click.argument("job_id", metavar="JOB")
@changes
def release_job(user_id: str, job_id: str) -> Request:
    return user_path(user_id, f"jobs/{quote(job_id, safe='')}/release"), {}


@click.command(
    "release-device",
    short_help="let others sign up with a user's device",
    help="Let others sign up with a device of a user (`farebox user` shows its digest).",
)
@click.argument("user_id", metavar="USER")
@click.argument("device")
@click.option("--fingerprint", help="Needed where more than one pepper is in use.")
@changes
def release_device(user_id: str, device: str, fingerprint: str | None) -> Request:
    body = {"Fingerprint": fingerprint} if fingerprint else {}
    return user_path(user_id, f"devices/{quote(device, safe='')}/release"), body


def _print_users(data: Any) -> None:
    table = Table("userId", "email", "status", "available", "held", "created")
    for found in data["users"]:
        wallet = found["wallet"]
        amounts = (str(wallet["available"]), str(wallet["held"]))
        who = (found["userId"], found["email"] or "", wallet["status"])
        table.add_row(*who, *amounts, wallet["createdAt"])
    print_table(table)


def _print_user(data: Any) -> None:
    _print_users({"users": [data]})
    devices = Table("device", "created", "claimed", "released")
    for device in data["devices"]:
        claimed = "yes" if device["claimed"] else "no"
        devices.add_row(device["device"], device["createdAt"], claimed, device["releasedAt"] or "")
    jobs = Table("job", "created", "operation", "status", "failure")
    for job in data["newestJobs"]:
        what = (job["operation"], job["status"], job["failure"] or "")
        jobs.add_row(job["jobId"], job["createdAt"], *what)
    for table in (devices, jobs):
        print_table(table)


SUPPORT_COMMANDS = (timeline, search, user, resolve_job, release_job, release_device)
