"""Operator commands for support: `farebox timeline USER`."""

import json
from collections.abc import Callable, Iterator

import click

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
        yield "reason", action.reason


SUPPORT_COMMANDS = (timeline,)
