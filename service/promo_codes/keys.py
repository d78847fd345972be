"""The keys of promo codes and of their uses. A digest is an HMAC (22 characters), never the thing
itself."""

from service.storage.keys import ItemKind, Key

PROMO_PREFIX = "PROMO#"
USE_PREFIX = "USE#"
DEVICE_PREFIX = "DEVICE#"
LIST = "PROMO_CODES"
LISTED_PREFIX = "promo_"
_OWNER = "promo_codes"

PROMO = ItemKind(
    "promo code",
    _OWNER,
    "PROMO#<digest of the code>",
    "PROMO",
    "a promo code's terms, limits and counters",
)
USE = ItemKind(
    "promo code use",
    _OWNER,
    "PROMO#<digest of the code>",
    "USE#<digest of the identity>",
    "what one identity has redeemed of a code; outlives the account",
)
DEVICE_USE = ItemKind(
    "promo code device",
    _OWNER,
    "PROMO#<digest of the code>",
    "DEVICE#<digest of the device>",
    "how often a code was used on a device",
)
LISTED = ItemKind(
    "listed promo code", _OWNER, "PROMO_CODES", "promo_<id>", "which code has that id"
)
ITEMS = (PROMO, USE, DEVICE_USE, LISTED)


def promo(digest: str) -> Key:
    return Key(f"{PROMO_PREFIX}{digest}", "PROMO")


def promo_of(pk: str) -> Key:
    """The code in whose partition an item lies."""
    return Key(pk, "PROMO")


def use(digest: str, identity: str) -> Key:
    return Key(f"{PROMO_PREFIX}{digest}", f"{USE_PREFIX}{identity}")


def device_use(digest: str, device: str) -> Key:
    return Key(f"{PROMO_PREFIX}{digest}", f"{DEVICE_PREFIX}{device}")


def listed(promo_id: str) -> Key:
    return Key(LIST, promo_id)
