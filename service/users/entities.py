"""Who may sign up and get welcome credits: digests of devices and identities, and the pure rules of
signing up."""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.core.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
)
from service.core.keyring import Pepper
from service.core.mailboxes import is_disposable, mailbox_of
from service.core.principal import (
    EXTERNAL_PREFIX,
    PASSWORD_PREFIX,
    Principal,
    SignInMethod,
    is_uuid,
)
from service.identity.entities import GOOGLE
from service.ledger.entities import Wallet, WalletFrozen, WalletStatus

MAX_DEVICES_PER_USER = 20
# They stand in one item of the device, by their ids.
MAX_SHARING_USERS = 50
MAX_LINKED_IDENTITIES = 10
# Providers of identities other than Google, which is named by its issuer.
COGNITO = "cognito"
PASSWORD = "password"
BACK_END = "back_end"
_DIGEST_BYTES = 16
_DIGEST = re.compile(r"[A-Za-z0-9_-]{22}")


class SystemLimitReached(Forbidden):
    code = "SYSTEM_LIMIT_REACHED"
    summary = "The system does not accept new users at the moment."


class DeviceAlreadyUsed(Forbidden):
    """Fingerprints are no proof: those of two people's devices can be the same."""

    code = "DEVICE_ALREADY_USED"
    summary = "This device already belongs to another user."
    advice = (
        "Sign in with the account that the device was first used with. If that account is not "
        "yours, contact support: an operator can release the device for you."
    )
    details_example: ClassVar[Mapping[str, object]] = {"action": advice}

    def __init__(self) -> None:
        super().__init__(f"{self.summary} {self.advice}", details={"action": self.advice})


class EmailAlreadyUsed(Forbidden):
    """Only someone who has proved that the mailbox is theirs learns of it."""

    code = "EMAIL_ALREADY_USED"
    summary = "There is an account with this e-mail address already, opened with another sign-in."
    advice = (
        "Sign in the way that the account was opened with. To use both, link them: "
        "POST /me/identities."
    )


class OtherTokenRejected(InvalidRequest):
    """The caller is known; it is the token in the body that proves no one."""

    code = "OTHER_TOKEN_REJECTED"
    summary = "The token of the other identity cannot be accepted; details.reason says why."
    advice = "Sign in with the other identity now, and send its token within 15 minutes."
    details_example: ClassVar[Mapping[str, object]] = {"reason": "expired"}

    def __init__(self, reason: str) -> None:
        super().__init__(details={"reason": reason})


class IdentityInUse(Conflict):
    code = "IDENTITY_IN_USE"
    summary = "This identity has an account of its own, or is linked to another."
    advice = "Erase that account or unlink the identity there first; accounts cannot be merged."


class IdentityNotFound(NotFound):
    code = "IDENTITY_NOT_FOUND"
    summary = "No such identity is linked to this account."


class IdentityRequired(Conflict):
    code = "IDENTITY_REQUIRED"
    summary = "The identity that the account was opened with stays with it."
    advice = "Erase the account to part with it."


class IdentityLimitReached(Conflict):
    code = "IDENTITY_LIMIT_REACHED"
    summary = "As many identities are linked to this account as may be. Unlink one first."


class IdentityLinked(Forbidden):
    """The token's own subject is no user: the identity is linked to one with another id."""

    code = "IDENTITY_LINKED"
    summary = "This identity is linked to an account that was opened with another."
    advice = "Open a session with this token, POST /auth/session, and send the session's token."


class DeviceNotFound(NotFound):
    code = "DEVICE_NOT_FOUND"
    summary = "This user has no such device."


class DeviceAlreadyReleased(Conflict):
    code = "DEVICE_ALREADY_RELEASED"
    summary = "The device was released before: no one is kept from signing up with it by this user."


class FingerprintRequired(InvalidRequest):
    code = "FINGERPRINT_REQUIRED"
    summary = (
        "Send the device's Fingerprint: claims are kept under several peppers, and a digest leads "
        "to one of them only."
    )


class WalletMissing(WalletFrozen):
    """A person's claims exist but their wallet does not: no second welcome until an operator has
    investigated. A client sees a frozen wallet."""


class DevicePolicy(StrEnum):
    """What becomes of someone new whose device belongs to another user: they are refused, made a
    user without free credits, or made a user whose wallet is frozen until an operator decides."""

    REFUSE = "refuse"
    NO_WELCOME = "no_welcome"
    REVIEW = "review"


class DeviceUse(StrEnum):
    """What a user's sign-up made of its device: claimed it; shares it, which is another's; only
    noted it, because there were no welcome credits; or took no note of it."""

    CLAIMED = "claimed"
    SHARED = "shared"
    NOTED = "noted"
    NONE = "none"


@dataclass(frozen=True)
class Digests:
    """One device or identity as the table knows it: an HMAC under each pepper, newest first."""

    all: tuple[str, ...]

    @property
    def newest(self) -> str:
        return self.all[0]


@dataclass(frozen=True)
class SignUpDigests:
    """What a user's profile says that the sign-up claimed, and how many identities are `linked`.
    `device` is None only where the `use` is `NONE`; it is a claim of the user's only where that is
    `CLAIMED`.
    `mailbox` is None without a verified e-mail address, and for users who are older than the claims
    of mailboxes. `welcome_mailbox` is the one that later welcome credits rested on."""

    device: str | None
    identity: str
    use: DeviceUse = DeviceUse.CLAIMED
    mailbox: str | None = None
    linked: int = 0
    welcome_mailbox: str | None = None

    @property
    def claimed_device(self) -> str | None:
        return self.device if self.use is DeviceUse.CLAIMED else None

    @property
    def listed_device(self) -> str | None:
        """The device of which the user has an item since the sign-up."""
        return None if self.use is DeviceUse.NOTED else self.device

    @property
    def shared_device(self) -> str | None:
        """The device whose list of users names this one."""
        return self.device if self.use in (DeviceUse.SHARED, DeviceUse.NOTED) else None


@dataclass(frozen=True)
class Profile:
    """Who a user is, as known from the sign-up: what it claimed, and `created_at`, its time in
    epoch milliseconds. `email` is None where none was known, and where it is erased."""

    user_id: str
    issuer: str
    email: str | None = field(repr=False)
    digests: SignUpDigests
    created_at: int
    email_erased: bool = False


@dataclass(frozen=True)
class LinkedIdentity:
    """An identity that a user signs in with: the one that the account was opened with, or a linked
    one. `linked_at` is epoch milliseconds. `email` is None where none was known, and where it is
    erased."""

    identity_id: str
    provider: str
    email: str | None = field(repr=False)
    email_verified: bool
    linked_at: int
    is_first: bool = False


def verified_addresses(identities: Iterable[LinkedIdentity]) -> list[str]:
    """The verified e-mail addresses among those identities, each once. Pure."""
    found = [each.email for each in identities if each.email and each.email_verified]
    return list({address.casefold(): address for address in found}.values())


@dataclass(frozen=True)
class UserDevice:
    """A device that a user has signed up with or had a job captured on. Since `released_at` (None:
    it is not released) it keeps no one else from signing up with it. Times are epoch
    milliseconds."""

    digest: str
    created_at: int
    released_at: int | None = None


class ReviewDecision(StrEnum):
    """What has ended a review. `WITHDRAWN`: the user is being erased."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Review:
    """A sign-up with a device that was another's, as an operator is to decide on it. `decision` is
    None until then. `may_be_welcomed` says what the sign-up's address and method allowed.
    `created_at` is epoch milliseconds."""

    user_id: str
    device: str
    created_at: int
    may_be_welcomed: bool
    decision: ReviewDecision | None = None


def device_digests(peppers: Sequence[Pepper], fingerprint: str) -> Digests:
    return digests(peppers, "fingerprint", fingerprint)


def provider_of(user_id: str) -> str:
    """Who vouches for the identity that a user id is, from its form alone (`core.principal`): a
    session's token names the same identity as the provider's own."""
    if user_id.startswith(PASSWORD_PREFIX):
        return PASSWORD
    if user_id.startswith(EXTERNAL_PREFIX):
        return BACK_END
    return COGNITO if is_uuid(user_id) else GOOGLE


def identity_digests(peppers: Sequence[Pepper], subject: str) -> Digests:
    return digests(peppers, "identity", f"{provider_of(subject)}\n{subject}")


def mailbox_digests(peppers: Sequence[Pepper], email: str) -> Digests:
    """The same for all addresses of one mailbox."""
    return digests(peppers, "mailbox", mailbox_of(email))


def is_verified(peppers: Sequence[Pepper], profile: Profile) -> bool:
    """Whether the address in the profile leads to a mailbox that the user has proved to be theirs:
    they may have proved another one since the sign-up."""
    if profile.email is None:
        return False
    return profile.digests.mailbox in mailbox_digests(peppers, profile.email).all


def verified_email(principal: Principal) -> str | None:
    """The address that the principal has proved to be theirs."""
    return principal.email if principal.email_verified and principal.email else None


def may_be_welcomed(principal: Principal) -> bool:
    """Whether the principal may get the welcome credits: with a verified address that is not at a
    service where anybody gets any number of them. A bare GoogleID proves nothing anyway."""
    if principal.method is SignInMethod.BARE:
        return True
    email = verified_email(principal)
    return email is not None and not is_disposable(email)


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
