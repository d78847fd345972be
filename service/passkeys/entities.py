"""Passkeys, enrolment codes, and the errors of both. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.core.errors import Conflict, Forbidden, NotFound, Unauthenticated
from service.core.seals import seal

MAX_PASSKEYS = 10
MAX_NAME = 60
PASSKEY_PREFIX = "psk"
# How long a proof lasts, a ceremony may take, and a code can be used.
PROOF_SECONDS = 900
CHALLENGE_SECONDS = 300
CODE_SECONDS = 3600


class SecondFactorFault(StrEnum):
    """Why a request has no second factor. A proof of another operator, one of another sign-in and
    one that was made up are the same."""

    MISSING = "missing"
    INVALID = "invalid"
    EXPIRED = "expired"
    REMOVED = "removed"


_FAULT_SENTENCES = {
    SecondFactorFault.MISSING: "This needs a second factor: a proof of your passkey in the header "
    "X-Second-Factor.",
    SecondFactorFault.INVALID: "The proof in X-Second-Factor is not of you and this sign-in.",
    SecondFactorFault.EXPIRED: "The proof in X-Second-Factor is older than 15 minutes.",
    SecondFactorFault.REMOVED: "The passkey of this proof has been removed.",
}


class SecondFactorRequired(Unauthenticated):
    """RFC 9470: the token is good, but not for this. `details.reason` is one of
    `SecondFactorFault`. Nothing was done."""

    code = "SECOND_FACTOR_REQUIRED"
    summary = (
        "This needs a second factor: a proof of your passkey, made within the last 15 minutes, in "
        "the header X-Second-Factor. details.reason says what is wrong."
    )
    advice = (
        "Open `/docs/operators`, use your passkey, and send the proof that the page shows as "
        "`X-Second-Factor`, with the token of the same sign-in. Requests that are signed with an "
        "operator's key need none."
    )
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="passkey"'
    details_example: ClassVar[Mapping[str, object]] = {"reason": SecondFactorFault.MISSING.value}

    def __init__(self, fault: SecondFactorFault) -> None:
        super().__init__(_FAULT_SENTENCES[fault], details={"reason": fault.value})


class PasskeyFault(StrEnum):
    """What is wrong with what a browser sent of a passkey."""

    CHALLENGE = "challenge"
    UNKNOWN = "unknown"
    RESPONSE = "response"
    COUNTER = "counter"


_PASSKEY_SENTENCES = {
    PasskeyFault.CHALLENGE: "The challenge is not one that you got for this within the last five "
    "minutes, or it was used before. Get another.",
    PasskeyFault.UNKNOWN: "You have no such passkey here.",
    PasskeyFault.RESPONSE: "The passkey's response does not hold: it was made for another site or "
    "page, without verifying its user, with another algorithm, or was changed.",
    PasskeyFault.COUNTER: "The passkey counts fewer uses than it has had: there may be a copy of "
    "it. Remove it, and enrol another.",
}


class PasskeyRefused(Forbidden):
    """`details.reason` is one of `PasskeyFault`. Nothing was written."""

    code = "PASSKEY_REFUSED"
    denies_access = True
    summary = "The passkey's response cannot be accepted; details.reason says why."
    details_example: ClassVar[Mapping[str, object]] = {"reason": PasskeyFault.CHALLENGE.value}

    def __init__(self, fault: PasskeyFault) -> None:
        super().__init__(_PASSKEY_SENTENCES[fault], details={"reason": fault.value})


class EnrolmentCodeRefused(Forbidden):
    """Unknown, another operator's, used, and too old are the same to whoever tries codes."""

    code = "ENROLMENT_CODE_REFUSED"
    denies_access = True
    summary = "The enrolment code is wrong, too old, used, or not for you."
    advice = "Have another made: `farebox passkey-code` (docs/runbook.md, Passkeys)."


class PasskeyNeedsSignIn(Forbidden):
    code = "PASSKEY_NEEDS_SIGN_IN"
    denies_access = True
    summary = "Passkeys belong to people: sign in with a token, instead of signing the request."


class PasskeyNotFound(NotFound):
    code = "PASSKEY_NOT_FOUND"
    summary = "There is no such passkey."


class PasskeysNotConfigured(NotFound):
    code = "PASSKEYS_NOT_CONFIGURED"
    summary = "This service has no passkeys: it has no domain (PUBLIC_URL or PASSKEY_RP_ID)."
    advice = "Sign the request with an operator's key instead."


class PasskeyLimitReached(Conflict):
    code = "PASSKEY_LIMIT_REACHED"
    summary = f"An operator has at most {MAX_PASSKEYS} passkeys. Remove one first."


class PasskeyKnown(Conflict):
    code = "PASSKEY_KNOWN"
    summary = "This passkey is enrolled already."


class LastPasskey(Conflict):
    """Or a moment's mistake would lock its owner out."""

    code = "LAST_PASSKEY"
    summary = "This is your last passkey. Enrol another before you remove it."
    advice = "A lost one is removed by `farebox remove-passkey`, or by another operator."


class PasskeysDamaged(Conflict):
    """Nothing is proved by passkeys that this service did not write."""

    code = "PASSKEYS_DAMAGED"
    summary = "The passkeys of this operator are damaged, so none of them proves anything."
    advice = "Run the audit (docs/runbook.md, Passkeys)."


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """One credential of an operator. `public_key` is a COSE key, `sign_count` what its
    authenticator had counted at its last use (0: it does not count); times in epoch
    milliseconds."""

    passkey_id: str
    name: str
    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    transports: tuple[str, ...] = ()
    added_at: int
    used_at: int | None = None

    def counts_on(self, sign_count: int) -> bool:
        """Whether a use with that count can come after the last (WebAuthn 3, 7.2, 22): the counter
        of a copy falls behind. Passkeys that are synchronized do not count."""
        return sign_count > self.sign_count or (sign_count == 0 and self.sign_count == 0)

    def facts(self) -> list[object]:
        return [
            *(self.passkey_id, self.name, _text(self.credential_id), _text(self.public_key)),
            *(self.sign_count, list(self.transports), self.added_at, self.used_at),
        ]


@dataclass(frozen=True)
class Passkeys:
    """All passkeys of one operator. `mac` covers them: whoever can edit the table, but holds no
    key of ours, can add none."""

    operator_id: str
    passkeys: tuple[Passkey, ...] = ()
    mac: str = ""

    def sealed(self, key: bytes) -> str:
        facts = [passkey.facts() for passkey in self.passkeys]
        return seal(["passkeys", self.operator_id, facts], key)

    def get(self, passkey_id: str) -> Passkey:
        """Raises `PasskeyNotFound`."""
        for passkey in self.passkeys:
            if passkey.passkey_id == passkey_id:
                return passkey
        raise PasskeyNotFound

    def has(self, passkey_id: str) -> bool:
        return any(passkey.passkey_id == passkey_id for passkey in self.passkeys)

    def of_credential(self, credential_id: bytes) -> Passkey | None:
        found = (each for each in self.passkeys if each.credential_id == credential_id)
        return next(found, None)

    def added(self, passkey: Passkey) -> "Passkeys":
        """Raises `PasskeyLimitReached` or `PasskeyKnown`."""
        if len(self.passkeys) >= MAX_PASSKEYS:
            raise PasskeyLimitReached
        if self.of_credential(passkey.credential_id) is not None:
            raise PasskeyKnown
        return replace(self, passkeys=(*self.passkeys, passkey))

    def replaced(self, passkey: Passkey) -> "Passkeys":
        """With that one in place of the one of its id. Raises `PasskeyNotFound`."""
        self.get(passkey.passkey_id)
        changed = (
            passkey if each.passkey_id == passkey.passkey_id else each for each in self.passkeys
        )
        return replace(self, passkeys=tuple(changed))

    def removed(self, passkey_id: str, *, may_be_last: bool) -> "Passkeys":
        """Raises `PasskeyNotFound` or `LastPasskey`."""
        gone = self.get(passkey_id)
        if len(self.passkeys) == 1 and not may_be_last:
            raise LastPasskey
        return replace(self, passkeys=tuple(each for each in self.passkeys if each != gone))


@dataclass(frozen=True, kw_only=True)
class EnrolmentCode:
    """Lets one operator enrol one passkey until `expires_at`. Only the digest of the code is
    stored."""

    digest: str
    operator_id: str
    made_by: str
    expires_at: int
    used_at: int | None = None
    mac: str = ""

    def sealed(self, key: bytes) -> str:
        facts = [self.digest, self.operator_id, self.made_by, self.expires_at]
        return seal(["enrolment code", *facts], key)

    def check(self, operator_id: str, now: int) -> None:
        """Raises `EnrolmentCodeRefused` unless that operator may use it now."""
        if self.operator_id != operator_id or self.used_at is not None or now >= self.expires_at:
            raise EnrolmentCodeRefused


@dataclass(frozen=True)
class Proof:
    """A proof of a second factor, and when it ends, in epoch milliseconds."""

    text: str = field(repr=False)
    expires_at: int


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
