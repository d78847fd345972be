"""Who may sign up and get welcome credits: digests of devices and identities, and the pure rules of
signing up."""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from service.core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from service.core.keyring import Pepper
from service.ledger.entities import Wallet, WalletFrozen, WalletStatus

MAX_DEVICES_PER_USER = 20
_DIGEST_BYTES = 16
_DIGEST = re.compile(r"[A-Za-z0-9_-]{22}")


class SystemLimitReached(Forbidden):
    code = "SYSTEM_LIMIT_REACHED"
    summary = "The system does not accept new users at the moment."


class DeviceAlreadyUsed(Forbidden):
    code = "DEVICE_ALREADY_USED"
    summary = (
        "This device already belongs to another user. Sign in with the account that it was first "
        "used with."
    )


class DeviceNotFound(NotFound):
    code = "DEVICE_NOT_FOUND"
    summary = "This user has no such device."


class DeviceAlreadyReleased(Conflict):
    code = "DEVICE_ALREADY_RELEASED"
    summary = "The device was released before: nobody is kept from signing up with it by this user."


class FingerprintRequired(InvalidRequest):
    code = "FINGERPRINT_REQUIRED"
    summary = (
        "Send the device's Fingerprint: claims are kept under several peppers, and a digest leads "
        "to one of them only."
    )


class WalletMissing(WalletFrozen):
    """A person's claims exist but their wallet does not: no second welcome until an operator has
    investigated. A client sees a frozen wallet."""


@dataclass(frozen=True)
class Digests:
    """One device or identity as the table knows it: an HMAC under each pepper, newest first."""

    all: tuple[str, ...]

    @property
    def newest(self) -> str:
        return self.all[0]


@dataclass(frozen=True)
class Profile:
    """Who a user is, as known from the sign-up. `device` and `identity` are the digests that it
    claimed, `created_at` its time in epoch milliseconds. `email` is None where none was known, and
    where it is erased."""

    user_id: str
    issuer: str
    email: str | None = field(repr=False)
    device: str
    identity: str
    created_at: int
    email_erased: bool = False


@dataclass(frozen=True)
class UserDevice:
    """A device that a user has signed up with or had a job captured on. Since `released_at` (None:
    it is not released) it keeps nobody else from signing up with it. Times are epoch
    milliseconds."""

    digest: str
    created_at: int
    released_at: int | None = None


def device_digests(peppers: Sequence[Pepper], fingerprint: str) -> Digests:
    return digests(peppers, "fingerprint", fingerprint)


def identity_digests(peppers: Sequence[Pepper], issuer: str, subject: str) -> Digests:
    return digests(peppers, "identity", f"{issuer}\n{subject}")


def user_tag(user_id: str, key: bytes) -> str:
    """32 bits (8 hex digits) that a user's job ids carry, so that they lead an operator to the
    user. A few users may share one."""
    return hmac.new(key, f"user tag\n{user_id}".encode(), hashlib.sha256).hexdigest()[:8]


def email_digests(peppers: Sequence[Pepper], email: str) -> Digests:
    """The same for every spelling of an address that differs in case alone."""
    return digests(peppers, "email", unicodedata.normalize("NFC", email.strip()).casefold())


def digests(peppers: Sequence[Pepper], kind: str, text: str) -> Digests:
    """HMAC-SHA-256 cut to 128 bits, 22 characters each; a fingerprint and an identity of the same
    text do not share one."""
    newest_first = sorted(peppers, key=lambda pepper: pepper.version, reverse=True)
    return Digests(tuple(_digest(pepper.key, f"{kind}\n{text}") for pepper in newest_first))


def _digest(key: bytes, text: str) -> str:
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()[:_DIGEST_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_digest(text: str) -> bool:
    """Whether the text has the form of a digest."""
    return _DIGEST.fullmatch(text) is not None


def is_open(wallet: Wallet | None) -> bool:
    """Whether there is a user: a wallet that erasure has not closed."""
    return wallet is not None and wallet.status is not WalletStatus.CLOSED


def knows_device(wallet: Wallet, digests: Digests) -> bool:
    return any(digest in wallet.fingerprints for digest in digests.all)


def has_item(wallet: Wallet, digests: Digests) -> bool:
    """Whether the wallet knows that the device has an item. False for one that left the set."""
    return any(digest in wallet.devices_with_item for digest in digests.all)


def with_device(wallet: Wallet, digests: Digests) -> Wallet:
    """The wallet with the device in its set, as a new one unless it is there. Past the limit others
    leave the set, new ones first (the items and claims of devices stay)."""
    if knows_device(wallet, digests):
        return wallet
    oldest_first = sorted(wallet.fingerprints, key=lambda each: (each in wallet.new_devices, each))
    others = frozenset(oldest_first[: MAX_DEVICES_PER_USER - 1])
    present = frozenset({digests.newest})
    return replace(
        wallet, fingerprints=others | present, new_devices=wallet.new_devices & others | present
    )


def with_item(wallet: Wallet, digests: Digests, *, added: bool) -> Wallet:
    """The wallet once the device has an item, `added` just then or before. A device that has left
    the set meanwhile does not come back into it."""
    named = frozenset(digests.all)
    in_set = frozenset({digests.newest}) if wallet.fingerprints & named else frozenset()
    return replace(
        wallet,
        fingerprints=wallet.fingerprints - named | in_set,
        new_devices=wallet.new_devices - named,
        device_count=wallet.device_count + added,
    )


def belongs_to_another(owners: Iterable[str | None], user_id: str) -> bool:
    """Whether a device claimed by these users (None: unclaimed) is taken, seen from one user."""
    return any(owner is not None and owner != user_id for owner in owners)
