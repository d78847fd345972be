"""Which alerts belong to a movement of a wallet, and are written with it. Pure.

In a file of its own because it is no verb of the outbox: it only knows wallets."""

from collections.abc import Iterator, Sequence

from service.core.amounts import Amount, credits_number
from service.ledger.entities import Movement, Wallet
from service.notifications import store
from service.notifications.entities import (
    DAY,
    Event,
    EventType,
    day_of,
    event,
    new_message,
)
from service.storage.writes import Write

EXPIRY_NOTICE_MILLISECONDS = 7 * DAY
# The version of the wallet at which a lot was made, from its number (`ledger.entities`).
_LOTS_OF_AN_ENTRY = 100


def alerts_of(before: Wallet | None, movement: Movement, now: int) -> Sequence[Write]:
    """What is to be written with that movement; usually nothing."""
    return (
        *(store.message_write(new_message(each, now)) for each in _events(before, movement, now)),
        *_notices(movement, now),
    )


def _events(before: Wallet | None, movement: Movement, now: int) -> Iterator[Event]:
    after = movement.wallet
    if before is not None and falls_below(before, after):
        data = {
            "credits": credits_number(after.credits),
            "held": credits_number(after.held),
            "threshold": credits_number(after.low_balance),
        }
        yield event(EventType.CREDITS_LOW, after.user_id, str(after.version), now, data)


def falls_below(before: Wallet, after: Wallet) -> bool:
    """Whether the balance crosses the user's own threshold downwards. Held credits count as the
    user's until they are spent: otherwise each job that fails would cross it anew."""
    return after.low_balance > 0 and _owned(before) >= after.low_balance > _owned(after)


def _owned(wallet: Wallet) -> Amount:
    return wallet.credits + wallet.held


def _notices(movement: Movement, now: int) -> Iterator[Write]:
    """A notice for each day on which lots expire that this movement has made. A week before that
    day it becomes due."""
    made_by = {entry.version for entry in movement.entries}
    days = {
        day_of(lot.expires_at)
        for lot in movement.wallet.lots
        if lot.expires_at is not None and lot.number // _LOTS_OF_AN_ENTRY in made_by
    }
    for day in sorted(days):
        due_at = max(now, day - EXPIRY_NOTICE_MILLISECONDS)
        yield store.notice_write(movement.wallet.user_id, day, due_at)
