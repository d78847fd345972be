"""The feature's operations: enrolling, using and removing passkeys. What changes which passkeys
there are is only built here: `service.admin` sends it together with the record of the action."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from service.core.clock import Clock
from service.core.ids import Ids
from service.core.metrics import Metric, Metrics
from service.core.principal import Operator, OperatorMethod
from service.passkeys import ceremonies, keys, store
from service.passkeys.ceremonies import Credential, NewCredential, Site
from service.passkeys.entities import (
    CODE_SECONDS,
    PASSKEY_PREFIX,
    EnrolmentCode,
    EnrolmentCodeRefused,
    Passkey,
    PasskeyFault,
    PasskeyNeedsSignIn,
    PasskeyRefused,
    Passkeys,
    PasskeysDamaged,
    PasskeysNotConfigured,
    Proof,
)
from service.passkeys.tokens import Purpose, Tokens
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import Cancelled, NotApplied, Table
from service.storage.writes import Write

TRIES = 3
_CODE_BYTES = 15
_GROUP = 4

log = structlog.get_logger()


@dataclass(frozen=True)
class PasskeyChange:
    """A write, and what it means that its condition failed (None: read again)."""

    write: Write
    refusal: Exception | None = None


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """What an operator sends to enrol a passkey. `passkey_id` is the new one's."""

    operator: Operator
    passkey_id: str
    name: str
    code: str
    credential: Credential

    @property
    def related(self) -> tuple[Key, ...]:
        """What has to be read before it can be judged."""
        operator_id = self.operator.operator_id
        return keys.passkeys(operator_id), keys.code(code_digest(self.code))


def code_digest(code: str) -> str:
    """What is stored of an enrolment code, however it was typed."""
    return keys.digest("".join(code.split()).replace("-", "").upper())


class OperatorPasskeys:
    """The passkeys of all operators. Without a `site` there are none."""

    def __init__(
        self,
        table: Table,
        tokens: Tokens,
        site: Site | None,
        mac_key: bytes,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
    ) -> None:
        self._table = table
        self._tokens = tokens
        self._site = site
        self._mac_key = mac_key
        self._clock = clock
        self._ids = ids
        self._metrics = metrics

    @property
    def is_configured(self) -> bool:
        return self._site is not None

    def of(self, operator_id: str) -> Passkeys:
        """Raises `PasskeysDamaged` and `StorageUnavailable`."""
        return self.in_item(self._table.get(keys.passkeys(operator_id)), operator_id)

    def in_item(self, item: Item | None, operator_id: str) -> Passkeys:
        """The passkeys in an item as it was read (None: there are none). Pure. Raises
        `PasskeysDamaged`."""
        if item is None:
            return Passkeys(operator_id)
        try:
            found = store.passkeys_from(item)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise PasskeysDamaged from None
        if found.operator_id != operator_id or found.mac != found.sealed(self._mac_key):
            raise PasskeysDamaged
        return found

    def enrolment_options(self, operator: Operator) -> dict[str, Any]:
        """What a browser's `navigator.credentials.create` takes. Raises `PasskeyNeedsSignIn`,
        `PasskeysNotConfigured`, `PasskeysDamaged` and `StorageUnavailable`."""
        site = self._site_of(operator)
        challenge = self._tokens.challenge(Purpose.ENROL, operator, self._clock.now())
        operator_id = operator.operator_id
        known = self.of(operator_id).passkeys
        return ceremonies.enrolment_options(
            site, operator_id, self._handle(operator_id), challenge, known
        )

    def proof_options(self, operator: Operator) -> dict[str, Any]:
        """What `navigator.credentials.get` takes. Raises like `enrolment_options`."""
        site = self._site_of(operator)
        challenge = self._tokens.challenge(Purpose.PROVE, operator, self._clock.now())
        return ceremonies.proof_options(site, challenge, self.of(operator.operator_id).passkeys)

    def new_id(self) -> str:
        return self._ids.new(PASSKEY_PREFIX, self._clock.now())

    def code_of(self, digest: str) -> str:
        """The enrolment code of an action: the same for a repeated request, and 120 bits that no
        one else can work out."""
        facts = f"enrolment code\n{digest}".encode()
        raw = hmac.digest(self._mac_key, facts, "sha256")[:_CODE_BYTES]
        text = base64.b32encode(raw).decode()
        return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))

    def new_code(self, code: str, operator_id: str, made_by: str) -> EnrolmentCode:
        """Good for an hour, once, for that operator."""
        made = EnrolmentCode(
            digest=code_digest(code),
            operator_id=operator_id,
            made_by=made_by,
            expires_at=self._clock.now() + CODE_SECONDS * 1000,
        )
        return replace(made, mac=made.sealed(self._mac_key))

    def code_changes(self, code: EnrolmentCode) -> tuple[PasskeyChange, ...]:
        return (PasskeyChange(store.code_write(code)),)

    def enrolment_changes(
        self, enrolment: Enrolment, items: Mapping[Key, Item | None]
    ) -> tuple[PasskeyChange, ...]:
        """What enrols the passkey, `items` being the `related` ones as they were read together. The
        code comes first: without it nothing of the response is parsed. Raises
        `EnrolmentCodeRefused`, `PasskeyRefused`, `PasskeyLimitReached`, `PasskeyKnown`,
        `PasskeysDamaged`, `PasskeyNeedsSignIn`, `PasskeysNotConfigured`."""
        operator, now = enrolment.operator, self._clock.now()
        site = self._site_of(operator)
        key_of_passkeys, key_of_code = enrolment.related
        code = self._code_in(items[key_of_code])
        code.check(operator.operator_id, now)
        challenge = ceremonies.challenge_of(enrolment.credential)
        ends = self._tokens.check_challenge(challenge, Purpose.ENROL, operator, now)
        made = ceremonies.verified_enrolment(site, enrolment.credential, challenge)
        before = self.in_item(items[key_of_passkeys], operator.operator_id)
        after = before.added(_passkey(enrolment, made, now))
        return (
            PasskeyChange(store.code_used_write(code, now), EnrolmentCodeRefused()),
            PasskeyChange(
                store.challenge_write(challenge, ends), PasskeyRefused(PasskeyFault.CHALLENGE)
            ),
            self._change(before, after),
        )

    def renaming_changes(
        self, before: Passkeys, passkey_id: str, name: str
    ) -> tuple[PasskeyChange, ...]:
        """Raises `PasskeyNotFound`."""
        renamed = replace(before.get(passkey_id), name=name)
        return (self._change(before, before.replaced(renamed)),)

    def removal_changes(
        self, before: Passkeys, passkey_id: str, remover: Operator
    ) -> tuple[PasskeyChange, ...]:
        """No one who signs in removes their own last passkey, and is locked out. Raises
        `PasskeyNotFound`, `LastPasskey`."""
        is_own = remover.operator_id == before.operator_id
        may_be_last = remover.method is not OperatorMethod.SIGN_IN or not is_own
        return (self._change(before, before.removed(passkey_id, may_be_last=may_be_last)),)

    def prove(self, operator: Operator, credential: Credential) -> Proof:
        """A proof that this operator has just used one of their passkeys. Each challenge proves
        once. Raises `PasskeyRefused`, `PasskeyNeedsSignIn`, `PasskeysNotConfigured`,
        `PasskeysDamaged`, `StorageUnavailable`."""
        site, now = self._site_of(operator), self._clock.now()
        challenge = ceremonies.challenge_of(credential)
        ends = self._tokens.check_challenge(challenge, Purpose.PROVE, operator, now)
        spending = store.challenge_write(challenge, ends)
        for _ in range(TRIES):
            before = self.of(operator.operator_id)
            used = self._used(site, before, credential, challenge)
            change = self._change(before, before.replaced(used)).write
            try:
                self._table.transact([spending, change])
            except Cancelled as cancelled:
                if 0 in cancelled.refused:
                    raise PasskeyRefused(PasskeyFault.CHALLENGE) from cancelled
                continue
            return self._tokens.proof(operator, used.passkey_id, now)
        raise NotApplied

    def _used(
        self, site: Site, passkeys: Passkeys, credential: Credential, challenge: str
    ) -> Passkey:
        passkey = passkeys.of_credential(ceremonies.credential_id_of(credential))
        if passkey is None:
            raise PasskeyRefused(PasskeyFault.UNKNOWN)
        handle = self._handle(passkeys.operator_id)
        count = ceremonies.verified_use(site, credential, challenge, passkey, handle)
        if not passkey.counts_on(count):
            self._report_copy(passkeys.operator_id, passkey, count)
            raise PasskeyRefused(PasskeyFault.COUNTER)
        return replace(passkey, sign_count=count, used_at=self._clock.now())

    def _report_copy(self, operator_id: str, passkey: Passkey, count: int) -> None:
        self._metrics.count(Metric.PASSKEY_COPIES)
        log.error(
            "passkey_counts_back",
            operator_id=operator_id,
            passkey_id=passkey.passkey_id,
            counted=count,
            expected_above=passkey.sign_count,
        )

    def _change(self, before: Passkeys, after: Passkeys) -> PasskeyChange:
        sealed = replace(after, mac=after.sealed(self._mac_key))
        return PasskeyChange(store.passkeys_write(before, sealed))

    def _code_in(self, item: Item | None) -> EnrolmentCode:
        if item is None:
            raise EnrolmentCodeRefused
        code = store.code_from(item)
        if code.mac != code.sealed(self._mac_key):
            raise EnrolmentCodeRefused
        return code

    def _site_of(self, operator: Operator) -> Site:
        if operator.method is not OperatorMethod.SIGN_IN:
            raise PasskeyNeedsSignIn
        if self._site is None:
            raise PasskeysNotConfigured
        return self._site

    def _handle(self, operator_id: str) -> bytes:
        """Whom a passkey is of, for its authenticator, which must learn nothing personal
        (WebAuthn 3, 14.6.1)."""
        return hmac.digest(self._mac_key, f"passkey user\n{operator_id}".encode(), "sha256")


def _passkey(enrolment: Enrolment, made: NewCredential, now: int) -> Passkey:
    return Passkey(
        passkey_id=enrolment.passkey_id,
        name=enrolment.name,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=made.transports,
        added_at=now,
    )


def passkey_keys(operator_id: str) -> Sequence[Key]:
    """What has to be read before a passkey of that operator is changed."""
    return (keys.passkeys(operator_id),)
