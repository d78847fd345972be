"""Promo codes, and the pure rules of redeeming one."""

import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from service.core.amounts import Amount
from service.core.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from service.core.keyring import Pepper
from service.ledger.entities import OutcomeUnknown
from service.ledger.grant_terms import GrantTerms
from service.ledger.grants import Grant, GrantSource
from service.ledger.lots import LotKind
from service.users.entities import digests

MIN_CODE_CHARACTERS = 8
MAX_CODE_CHARACTERS = 32
MAX_USES = 1_000_000
# It is shown to users as the reason of the grant, and fits an entry with the grant's id.
MAX_NAME = 100
MAX_NAME_BYTES = 180
MAX_USES_PER_IDENTITY = 20
# Crockford's base 32: no I, L, O or U. Sixteen characters are 80 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GENERATED_CHARACTERS = 16
_GROUP = 4
_LOOKALIKES = str.maketrans("OIL", "011")
_USABLE = re.compile(f"[0-9A-Z]{{{MIN_CODE_CHARACTERS},{MAX_CODE_CHARACTERS}}}")
_BETWEEN = re.compile(r"[\s._\u2010-\u2015\u2212-]+")


class UnknownPromoId(NotFound):
    code = "PROMO_ID_UNKNOWN"
    summary = "There is no promo code with this id."


class PromoNotFound(NotFound):
    """The same for a code that does not exist, that has ended, that has not begun and that was
    revoked: whoever guesses codes learns nothing."""

    code = "PROMO_NOT_FOUND"
    summary = "There is no such promo code, or it cannot be redeemed now."
    advice = "Let the user check the spelling. Repeating it does not help."


class PromoUsedUp(Conflict):
    code = "PROMO_USED_UP"
    summary = "This promo code has been used as often as it can be."
    advice = "Show the user that the promotion is over. Repeating it does not help."


class PromoAlreadyRedeemed(Conflict):
    code = "PROMO_ALREADY_REDEEMED"
    summary = "You have used this promo code as often as you can."
    advice = "Show the user that the credits were granted before."
    details_example: ClassVar[Mapping[str, object]] = {"maxUses": 1}


class PromoDeviceUsed(Forbidden):
    code = "PROMO_DEVICE_USED"
    summary = "This promo code has been used on this device as often as it can be."


class PromoCodeBusy(Unavailable):
    code = "PROMO_CODE_BUSY"
    summary = (
        "Too many people are redeeming this code at once, or your balance is changing just now. "
        "Nothing was changed; try again."
    )
    retry_after = 2


class RedemptionUnknown(OutcomeUnknown):
    summary = (
        "It is not yet known whether the code was redeemed. Send the same request again: a "
        "redemption that was made is returned, not repeated."
    )
    details_example: ClassVar[Mapping[str, object]] = {}


class PromoRevoked(Conflict):
    code = "PROMO_REVOKED"
    summary = "This promo code was revoked before."


class PromoInvalid(InvalidRequest):
    code = "PROMO_INVALID"
    summary = "A promo code cannot be made with these limits; the message says why."


class PromoTextUnusable(InvalidRequest):
    code = "PROMO_TEXT_UNUSABLE"
    summary = (
        f"The text of a promo code is {MIN_CODE_CHARACTERS} to {MAX_CODE_CHARACTERS} letters (A to "
        "Z) and digits, besides spaces and dashes."
    )


class PromoExists(Conflict):
    code = "PROMO_EXISTS"
    summary = "A promo code of this text has been made before."
    advice = "Choose another text, or have one generated."


@dataclass(frozen=True)
class NewPromoCode:
    """A promo code that is to be made. Without a `text` one is generated from the `seed`, which
    names the request; without a `budget` it is what all uses cost; without `starts_at` it begins at
    once."""

    name: str
    terms: GrantTerms
    max_uses: int
    created_by: str
    max_uses_per_identity: int = 1
    budget: Amount | None = None
    starts_at: int | None = None
    ends_at: int | None = None
    text: str | None = None
    seed: str = ""


@dataclass(frozen=True)
class PromoCode:
    """One promo code and how far it is used. The text of the code is not stored, only its digest.

    `uses` and `granted` count over all time; `max_uses_per_identity` bounds each identity, and each
    device, alone. Active from `starts_at` (inclusive) to `ends_at` (exclusive), in milliseconds.
    `mac` seals everything but the two counters."""

    promo_id: str
    digest: str
    name: str
    terms: GrantTerms
    max_uses: int
    max_uses_per_identity: int
    budget: Amount
    starts_at: int
    ends_at: int | None
    created_at: int
    created_by: str
    uses: int = 0
    granted: Amount = 0
    revoked_at: int | None = None
    mac: str = ""

    @classmethod
    def made(cls, new: "NewPromoCode", promo_id: str, digest: str, now: int) -> "PromoCode":
        """The code as it stands when it is made. Raises `PromoInvalid`."""
        budget = new.max_uses * new.terms.amount if new.budget is None else new.budget
        promo = cls(
            promo_id=promo_id,
            digest=digest,
            name=new.name,
            terms=new.terms,
            max_uses=new.max_uses,
            max_uses_per_identity=new.max_uses_per_identity,
            budget=budget,
            starts_at=now if new.starts_at is None else new.starts_at,
            ends_at=new.ends_at,
            created_at=now,
            created_by=new.created_by,
        )
        for fault in promo.faults():
            raise PromoInvalid(f"The promo code cannot be made: {fault}.")
        return promo

    def is_active(self, now: int) -> bool:
        ended = self.ends_at is not None and now >= self.ends_at
        return self.revoked_at is None and self.starts_at <= now and not ended

    @property
    def is_used_up(self) -> bool:
        return self.uses >= self.max_uses or self.granted + self.terms.amount > self.budget

    def faults(self) -> list[str]:
        """What is wrong with its limits; empty for a code that can be made."""
        checks = {
            "its name is empty or too long": not 0 < len(self.name) <= MAX_NAME
            or len(self.name.encode()) > MAX_NAME_BYTES,
            f"maxUses is not from 1 to {MAX_USES}": not 1 <= self.max_uses <= MAX_USES,
            f"maxUsesPerIdentity is not from 1 to {MAX_USES_PER_IDENTITY}": not 1
            <= self.max_uses_per_identity
            <= MAX_USES_PER_IDENTITY,
            "the budget does not pay for one use": self.budget < self.terms.amount,
            "the code ends before it begins": self.ends_at is not None
            and self.ends_at <= self.starts_at,
            "the lot expires before the code begins": self.terms.expires_at is not None
            and self.terms.expires_at <= self.starts_at,
        }
        return [*self.terms.faults(), *(fault for fault, found in checks.items() if found)]


@dataclass(frozen=True)
class Use:
    """One redemption by an identity. `key` is the digest of its Idempotency-Key ("": none was
    sent)."""

    key: str
    at: int
    expires_at: int | None


@dataclass(frozen=True)
class IdentityUses:
    """What one identity has redeemed of one code, in order."""

    identity: str
    user_id: str
    uses: tuple[Use, ...] = ()

    def find(self, key: str) -> Use | None:
        """The use that a request with that key stands for: without a key the first, whatever it was
        made with."""
        if not key:
            return self.uses[0] if self.uses else None
        return next((use for use in self.uses if use.key == key), None)


@dataclass(frozen=True)
class Redemption:
    """What a request to redeem a code has led to. `made` is False for one that was made before;
    `available` is what the user can spend now."""

    amount: Amount
    kind: LotKind
    restriction: str
    at: int
    expires_at: int | None
    available: Amount
    made: bool


def refuse_unless_open(promo: PromoCode, now: int) -> None:
    """Raises `PromoNotFound` or `PromoUsedUp` for a code that no one can redeem at that moment."""
    if not promo.is_active(now) or (
        promo.terms.expires_at is not None and promo.terms.expires_at <= now
    ):
        raise PromoNotFound
    if promo.is_used_up:
        raise PromoUsedUp


def refuse_beyond_limits(
    promo: PromoCode, uses: IdentityUses, device_counts: Sequence[int]
) -> None:
    """Raises `PromoAlreadyRedeemed` or `PromoDeviceUsed` when this identity, or one of the devices,
    has used the code as often as it may."""
    limit = promo.max_uses_per_identity
    if len(uses.uses) >= limit:
        raise PromoAlreadyRedeemed(details={"maxUses": limit})
    if any(count >= limit for count in device_counts):
        raise PromoDeviceUsed


def grant_of(
    promo: PromoCode, identity: str, user_id: str, number: int, expires_at: int | None
) -> Grant:
    """The grant of an identity's use with that number, from 1 up."""
    return Grant(
        source=GrantSource.CODE,
        grant_id=f"{promo.promo_id}:{identity}:{number}",
        user_id=user_id,
        amount=promo.terms.amount,
        kind=promo.terms.kind,
        expires_at=expires_at,
        restriction=promo.terms.restriction,
        details={"reason": promo.name},
    )


def normalised(text: str) -> str | None:
    """The code that a person means: capitals, without what stands between groups, look-alikes (O
    and 0; I, L and 1) as one. None for what is no code."""
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_LOOKALIKES)
    return plain if _USABLE.fullmatch(plain) else None


def generated(peppers: Sequence[Pepper], seed: str) -> str:
    """The code that belongs to that seed, in groups of four: 80 bits that no one can predict who
    lacks the pepper. The same seed returns the same code, so that a request whose response was lost
    can be repeated, though the code is stored nowhere."""
    key = min(peppers, key=lambda pepper: pepper.version).key
    digest = hmac.digest(key, f"promo code text\n{seed}".encode(), "sha256")
    text = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:_GENERATED_CHARACTERS])
    return "-".join(text[place : place + _GROUP] for place in range(0, len(text), _GROUP))


def code_digest(peppers: Sequence[Pepper], code: str) -> str:
    """The digest of a normalised code, under the oldest pepper: every process knows that one, so
    a code has one name whatever peppers are added."""
    return digests(peppers, "promo code", code).all[-1]


def key_digest(peppers: Sequence[Pepper], key: str | None) -> str:
    """The digest of an Idempotency-Key; empty without one."""
    return digests(peppers, "redemption", key).all[-1] if key else ""
