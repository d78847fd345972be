"""Who may be welcomed: marks of devices and identities, and the pure rules of signing up (the money protocol, section 7)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from service.core.errors import Refused
from service.ledger.entities import Wallet

MOST_DEVICES = 20
_MARK_BYTES = 16


class SystemLimitReached(Refused):
    code = "SYSTEM_LIMIT_REACHED"
    summary = "The system takes no more users at the moment."


class DeviceAlreadyUsed(Refused):
    code = "DEVICE_ALREADY_USED"
    summary = "This device already belongs to another user. Sign in with the account that it was first used with."


@dataclass(frozen=True)
class Pepper:
    """A secret that marks are made with. Losing it voids every claim; a new version is added beside the old ones."""

    version: int
    key: bytes

    def __repr__(self) -> str:
        return f"Pepper(version={self.version})"


@dataclass(frozen=True)
class Marks:
    """One device or identity as the table knows it: an HMAC under each pepper, newest first."""

    all: tuple[str, ...]

    @property
    def newest(self) -> str:
        return self.all[0]


def device_marks(peppers: Sequence[Pepper], fingerprint: str) -> Marks:
    return _marks(peppers, "fingerprint", fingerprint)


def identity_marks(peppers: Sequence[Pepper], issuer: str, subject: str) -> Marks:
    return _marks(peppers, "identity", f"{issuer}\n{subject}")


def _marks(peppers: Sequence[Pepper], kind: str, text: str) -> Marks:
    """HMAC-SHA-256 cut to 128 bits, 22 characters each; a fingerprint and an identity of the same text do not share one."""
    newest_first = sorted(peppers, key=lambda pepper: pepper.version, reverse=True)
    return Marks(tuple(_mark(pepper.key, f"{kind}\n{text}") for pepper in newest_first))


def _mark(key: bytes, text: str) -> str:
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()[:_MARK_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def knows_device(wallet: Wallet, marks: Marks) -> bool:
    return any(mark in wallet.fingerprints for mark in marks.all)


def with_device(wallet: Wallet, marks: Marks) -> Wallet:
    """The wallet with the device in its set. Past the limit others leave the set (their items and claims stay)."""
    if knows_device(wallet, marks):
        return wallet
    others = sorted(wallet.fingerprints)[: MOST_DEVICES - 1]
    return replace(wallet, fingerprints=frozenset({*others, marks.newest}))


def belongs_to_another(owners: Iterable[str | None], user_id: str) -> bool:
    """Whether a device claimed by these users (None: unclaimed) is taken, seen from one user."""
    return any(owner is not None and owner != user_id for owner in owners)
