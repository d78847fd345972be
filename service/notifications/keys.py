"""The keys of messages in the outbox, of webhook endpoints and deliveries to them, and of mails."""

from service.storage.keys import DueKind, ItemKind, Key, user_partition

OUTBOX_PREFIX = "OUTBOX#"
NOTICE_PREFIX = "EXPIRY#"
ENDPOINT_PREFIX = "WEBHOOK#"
DELIVERY_PREFIX = "DELIVERY#"
MAIL_PREFIX = "MAIL#"
SYSTEM = "SYSTEM"
_OWNER = "notifications"

DUE_MESSAGES = DueKind("OUTBOX", _OWNER, shards=4)
DUE_DELIVERIES = DueKind("WEBHOOK", _OWNER, shards=4)
DUE_MAILS = DueKind("MAIL", _OWNER, shards=4)
DUE_NOTICES = DueKind("EXPIRY", _OWNER, shards=1)
# Due for an operator: no sweep takes these up.
DEAD_LETTERS = DueKind("DEAD_LETTER", _OWNER, shards=1)
DUE = (DUE_MESSAGES, DUE_DELIVERIES, DUE_MAILS, DUE_NOTICES, DEAD_LETTERS)

_DUE_OR_DEAD = "GSI2 `DUE#{}#<shard>` / `<due, 13 digits of ms>`; dead: `DUE#DEAD_LETTER#0`"

MESSAGE_ITEM = ItemKind(
    "outbox message",
    _OWNER,
    "USER#<user id>",
    "OUTBOX#<event id>",
    "an event that is to be handed on, written in the transaction that caused it",
    _DUE_OR_DEAD.format("OUTBOX"),
)
NOTICE_ITEM = ItemKind(
    "expiry notice",
    _OWNER,
    "USER#<user id>",
    "EXPIRY#<day, 13 digits of ms>",
    "that credits of the user expire on that day",
    "GSI2 `DUE#EXPIRY#0` / `<due, 13 digits of ms>`",
)
ENDPOINT_ITEM = ItemKind(
    "webhook endpoint",
    _OWNER,
    SYSTEM,
    "WEBHOOK#<endpoint id>",
    "an address of the house that receives events",
)
DELIVERY_ITEM = ItemKind(
    "webhook delivery",
    _OWNER,
    "WEBHOOK#<endpoint id>",
    "DELIVERY#<event id>",
    "an event on its way to one endpoint, and what the endpoint responded",
    _DUE_OR_DEAD.format("WEBHOOK"),
)
MAIL_ITEM = ItemKind(
    "mail",
    _OWNER,
    "MAIL#<user id>",
    "MAIL#<mail id>",
    "a mail to a user, who need not have a wallet yet; what it says is sealed, and removed once "
    "it is sent",
    _DUE_OR_DEAD.format("MAIL"),
)
ADDRESS_COUNT_ITEM = ItemKind(
    "mails of an address",
    _OWNER,
    "MAILBOX#<digest>",
    "MAILS#<template>",
    "which mails of that template went to the address in the last hour",
)
PREFERENCES_ITEM = ItemKind(
    "notification settings",
    _OWNER,
    "USER#<user id>",
    "NOTIFICATIONS",
    "whether the user wants alerts by mail, once they have chosen",
)
ITEMS = (
    *(MESSAGE_ITEM, NOTICE_ITEM, ENDPOINT_ITEM, DELIVERY_ITEM),
    *(MAIL_ITEM, ADDRESS_COUNT_ITEM, PREFERENCES_ITEM),
)


def message(user_id: str, event_id: str) -> Key:
    return Key(user_partition(user_id), f"{OUTBOX_PREFIX}{event_id}")


def notice(user_id: str, day: int) -> Key:
    """Of the credits that expire on the day that begins at that millisecond."""
    return Key(user_partition(user_id), f"{NOTICE_PREFIX}{day:013d}")


def endpoint(endpoint_id: str) -> Key:
    return Key(SYSTEM, f"{ENDPOINT_PREFIX}{endpoint_id}")


def deliveries(endpoint_id: str) -> str:
    """The partition of an endpoint's deliveries."""
    return f"{ENDPOINT_PREFIX}{endpoint_id}"


def delivery(endpoint_id: str, event_id: str) -> Key:
    return Key(deliveries(endpoint_id), f"{DELIVERY_PREFIX}{event_id}")


def address_count(digest: str, template: str) -> Key:
    return Key(f"MAILBOX#{digest}", f"MAILS#{template}")


def mails(user_id: str) -> str:
    """The partition of a user's mails."""
    return f"{MAIL_PREFIX}{user_id}"


def mail(user_id: str, mail_id: str) -> Key:
    return Key(mails(user_id), f"{MAIL_PREFIX}{mail_id}")


def preferences(user_id: str) -> Key:
    return Key(user_partition(user_id), "NOTIFICATIONS")
