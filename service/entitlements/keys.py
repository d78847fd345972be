"""The keys of entitlements, and of who has had a trial."""

from service.storage.keys import ItemKind, Key, user_partition

_OWNER = "entitlements"

ENTITLEMENT_ITEM = ItemKind(
    "entitlement",
    _OWNER,
    "USER#<user id>",
    "ENTITLEMENT",
    "what the user's subscription entitles them to, by Stripe's present state",
)
CARD_ITEM = ItemKind(
    "card claim",
    _OWNER,
    "CARD#<digest>",
    "CLAIM",
    "that a card has paid for a trial; outlives the account",
)
TRIAL_ITEM = ItemKind(
    "trial claim",
    _OWNER,
    "TRIAL#<digest>",
    "CLAIM",
    "that an identity has had a trial; outlives the account",
)
ITEMS = (ENTITLEMENT_ITEM, CARD_ITEM, TRIAL_ITEM)


def entitlement(user_id: str) -> Key:
    return Key(user_partition(user_id), "ENTITLEMENT")


def card(digest: str) -> Key:
    return Key(f"CARD#{digest}", "CLAIM")


def trial(digest: str) -> Key:
    return Key(f"TRIAL#{digest}", "CLAIM")
