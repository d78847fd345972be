"""Which alerts belong to a movement of a wallet, and are written with it. Pure.

In a file of its own because it is no verb of the outbox: it only knows wallets."""

from collections.abc import Iterator, Sequence

from service.core.amounts import SCALE, Amount, credits_number
from service.ledger.details import OPERATOR_ID, PAYMENT_ID
from service.ledger.entities import Entry, EntryKind, Movement, Wallet, WalletStatus
from service.ledger.limits import spent_on
from service.notifications import store
from service.notifications.entities import (
    DAY,
    Event,
    EventType,
    daily_event,
    day_of,
    event,
    new_message,
)
from service.storage.keys import DUE_TIME_END
from service.storage.writes import Write
from service.users.entities import provider_of

EXPIRY_NOTICE_MILLISECONDS = 7 * DAY
MIN_DAYS_OF_PAST = 7
UNUSUAL_FACTOR = 5
MIN_UNUSUAL = 20 * SCALE
_TAKING = (EntryKind.ADJUST, EntryKind.CLAWBACK, EntryKind.VOID)
# The version of the wallet at which a lot was made, from its number (`ledger.entities`).
_LOTS_OF_AN_ENTRY = 100


def alerts_of(before: Wallet | None, movement: Movement, now: int) -> Sequence[Write]:
    """What is to be written with that movement; usually nothing. What an erasure has removed must
    not be written anew by the movements that end it."""
    if movement.wallet.is_leaving:
        return ()
    return (
        *(store.message_write(new_message(each, now)) for each in _events(before, movement, now)),
        *_notices(movement, now),
    )


def _events(before: Wallet | None, movement: Movement, now: int) -> Iterator[Event]:
    after = movement.wallet
    for entry in movement.entries:
        if entry.kind is EntryKind.ADJUST:
            yield _adjusted(after.user_id, entry, now)
        if entry.kind is EntryKind.CLAWBACK:
            yield _clawed_back(after, entry, now)
    if before is None or before.status is WalletStatus.CLOSED:
        yield _created(before, after, now)
        return
    if falls_below(before, after):
        data = {
            "credits": credits_number(after.credits),
            "held": credits_number(after.held),
            "threshold": credits_number(after.low_balance),
            "taken": any(entry.kind in _TAKING for entry in movement.entries),
        }
        yield event(EventType.CREDITS_LOW, after.user_id, str(after.version), now, data)
    usual = usual_per_day(before, now)
    if usual is not None and becomes_unusual(before, after, usual, now):
        spending = {
            "spentToday": credits_number(spent_on(after, now)),
            "usualPerDay": credits_number(usual),
        }
        yield daily_event(EventType.SPENDING_UNUSUAL, after.user_id, now, spending)


def _created(before: Wallet | None, after: Wallet, now: int) -> Event:
    """One for each opening of the wallet: what follows a sign-up has been undone by an erasure."""
    data: dict[str, object] = {
        "provider": provider_of(after.user_id),
        "subscriptionStatus": "none",
        "welcomed": after.welcomed,
        "returning": before is not None,
    }
    key = "created" if before is None else f"created {after.version}"
    return event(EventType.USER_CREATED, after.user_id, key, now, data)


def _adjusted(user_id: str, entry: Entry, now: int) -> Event:
    data: dict[str, object] = {
        "amount": credits_number(entry.amount),
        "balance": credits_number(entry.credits),
        "operatorId": entry.details.get(OPERATOR_ID),
    }
    return event(EventType.CREDITS_ADJUSTED, user_id, str(entry.version), now, data)


def _clawed_back(after: Wallet, entry: Entry, now: int) -> Event:
    data: dict[str, object] = {
        "amount": credits_number(entry.amount),
        "balance": credits_number(entry.credits),
        "debt": credits_number(after.debt),
        "paymentId": entry.details.get(PAYMENT_ID),
    }
    return event(EventType.CREDITS_CLAWED_BACK, after.user_id, str(entry.version), now, data)


def usual_per_day(wallet: Wallet, now: int) -> Amount | None:
    """What the user has spent on an average day before today; None for a user of less than a week,
    who has no past to compare with."""
    days = (day_of(now) - day_of(wallet.created_at)) // DAY
    if days < MIN_DAYS_OF_PAST:
        return None
    return max(0, wallet.captured + wallet.held - spent_on(wallet, now)) // days


def becomes_unusual(before: Wallet, after: Wallet, usual: Amount, now: int) -> bool:
    """Whether today's spending reaches five times the usual, and 20 credits, with this movement."""
    bound = max(MIN_UNUSUAL, UNUSUAL_FACTOR * usual)
    return spent_on(before, now) < bound <= spent_on(after, now)


def falls_below(before: Wallet, after: Wallet) -> bool:
    """Whether the balance crosses the user's own threshold downwards. Held credits count as the
    user's until they are spent: otherwise each job that fails would cross it anew."""
    return after.low_balance > 0 and _owned(before) >= after.low_balance > _owned(after)


def _owned(wallet: Wallet) -> Amount:
    return wallet.credits + wallet.held


def _notices(movement: Movement, now: int) -> Iterator[Write]:
    """A notice for each day on which lots expire that this movement has made. A week before that
    day it becomes due. None for ends that the due index cannot sort: there they would be due
    now."""
    made_by = {entry.version for entry in movement.entries}
    days = {
        day_of(lot.expires_at)
        for lot in movement.wallet.lots
        if lot.expires_at is not None
        and lot.expires_at < DUE_TIME_END
        and lot.number // _LOTS_OF_AN_ENTRY in made_by
    }
    for day in sorted(days):
        due_at = max(now, day - EXPIRY_NOTICE_MILLISECONDS)
        yield store.notice_write(movement.wallet.user_id, day, due_at)
