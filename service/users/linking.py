"""The identities that one user signs in with: resolving, linking and unlinking them.

In a file of its own because no request but those of signing in and of `/me/identities` needs it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from service.core.clock import Clock, iso
from service.core.erasure import StepOutcome
from service.core.keyring import Pepper
from service.core.principal import Principal, SignInMethod
from service.ledger.entities import OutcomeUnknown, UserNotFound, Wallet, WalletBusy
from service.ledger.operations import Ledger, Snapshot
from service.storage.codec import Item
from service.storage.data_keys import DataKeys, SealedText
from service.storage.keys import Key, data_key
from service.storage.table import (
    Cancelled,
    ConditionFailed,
    MaybeApplied,
    NotApplied,
    StorageUnavailable,
    Table,
)
from service.storage.writes import Write
from service.users import identities, keys, later_profiles, store
from service.users.entities import (
    COGNITO,
    MAX_LINKED_IDENTITIES,
    Digests,
    EmailAlreadyUsed,
    IdentityInUse,
    IdentityLimitReached,
    IdentityNotFound,
    IdentityRequired,
    LinkedIdentity,
    Profile,
    belongs_to_another,
    email_digests,
    identity_digests,
    is_digest,
    is_verified,
    mailbox_digests,
    provider_of,
    verified_email,
)

log = structlog.get_logger()

MAX_TRIES = 5
PAUSE_SECONDS = 0.05
# What signs no one in as the person themselves.
_NO_IDENTITIES = (SignInMethod.BARE, SignInMethod.SERVER_KEY)


def _nothing_to_end() -> None:
    return None


@dataclass(frozen=True)
class _Names:
    """A principal's identity and verified mailbox as the table knows them."""

    subject: str
    identity: Digests
    mailbox: Digests | None
    email: str | None = field(repr=False)

    @property
    def identity_keys(self) -> tuple[Key, ...]:
        return store.identity_keys(self.identity)

    @property
    def mailbox_keys(self) -> tuple[Key, ...]:
        return store.mailbox_keys(self.mailbox)


class Identities:
    """Who a principal is, and what else they sign in with. Every method raises `WalletBusy` and
    `StorageUnavailable`."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        data_keys: DataKeys,
        clock: Clock,
        peppers: Sequence[Pepper],
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._data_keys = data_keys
        self._clock = clock
        self._peppers = tuple(peppers)

    def resolve(self, principal: Principal) -> str:
        """The id of the user that the principal is, or would become by signing up: usually its own
        subject, for a linked identity the user that it is linked to. One call. A user without a
        claim of their verified mailbox, older than these claims, gets it by the way."""
        names = self._names(principal)
        read = (*names.identity_keys, *names.mailbox_keys)
        snapshot = self._ledger.read_snapshot(principal.subject, read)
        owners = store.owners(snapshot.related, names.identity_keys)
        user_id = next((owner for owner in owners if owner), principal.subject)
        if user_id == principal.subject and _stays(snapshot.wallet):
            self._claim_mailbox(names, snapshot)
        return user_id

    def _claim_mailbox(self, names: _Names, snapshot: Snapshot) -> None:
        """At the latest the next sign-in tries again."""
        owners = store.owners(snapshot.related, names.mailbox_keys)
        if names.mailbox is None or any(owners):
            return
        user_id, now = names.subject, self._clock.now()
        try:
            profile = self._table.get(keys.profile(user_id)) or {}
            of_email = email_digests(self._peppers, names.email or "")
            index = later_profiles.email_index(profile, user_id, of_email)
            writes: list[Write] = [
                *store.mailbox_claim_writes(user_id, names.mailbox, owners, now),
                later_profiles.mailbox_noted_write(user_id, names.mailbox, index),
            ]
            self._table.transact(writes)
        except (Cancelled, StorageUnavailable) as error:
            log.info("mailbox_not_claimed", user_id=user_id, reason=type(error).__name__)

    def all(self, user_id: str) -> list[LinkedIdentity]:
        """The identity that the account was opened with, then the others, oldest first. Raises
        `UserNotFound`, `DataKeyUnavailable` and `DataUnreadable`."""
        return self.listed(user_id, self._table.get_each(self.keys_of(user_id)))

    def keys_of(self, user_id: str) -> tuple[Key, ...]:
        """What `listed` must be called with, as it was read."""
        return keys.profile(user_id), data_key(user_id)

    def listed(self, user_id: str, items: Mapping[Key, Item | None]) -> list[LinkedIdentity]:
        """What `all` returns and raises. Only where identities are linked is anything read."""
        profile = items[keys.profile(user_id)]
        if profile is None:
            raise UserNotFound
        stored = store.profile_from(user_id, profile)
        is_linked = identities.count_of(profile) > 0
        linked = identities.read_linked(self._table, user_id) if is_linked else []
        texts = list(_sealed_emails(user_id, stored, linked))
        opened = self._data_keys.open_read(user_id, items[data_key(user_id)], texts)
        emails = {text.key: email for text, email in zip(texts, opened, strict=True)}
        own = stored.profile
        if stored.sealed is not None:
            own = replace(own, email=emails[keys.profile(user_id)])
        return [
            self._first(user_id, own),
            *(_identity(each, emails.get(_key(user_id, each))) for each in linked),
        ]

    def _first(self, user_id: str, own: Profile) -> LinkedIdentity:
        return LinkedIdentity(
            own.digests.identity,
            provider_of(user_id),
            own.email,
            is_verified(self._peppers, own),
            own.created_at,
            is_first=True,
        )

    def link(self, user_id: str, other: Principal) -> list[LinkedIdentity]:
        """Lets `other` sign in as that user, who has proved to be both just now. Again without
        effect. Returns what `all` does.

        Raises, and writes nothing: `IdentityInUse` for an identity that has an account or belongs
        to another user, `EmailAlreadyUsed` for a mailbox of another's, `IdentityLimitReached`,
        `UserNotFound`; and `OutcomeUnknown`, `DataKeyUnavailable`, `DataErased`."""
        if other.method in _NO_IDENTITIES:
            raise IdentityInUse
        names = self._names(other)
        if other.subject != user_id:
            self._until_settled(lambda: self._link(user_id, names))
        return self.all(user_id)

    def _link(self, user_id: str, names: _Names) -> None:
        item_key = keys.linked_identity(user_id, names.identity.newest)
        profile = keys.profile(user_id)
        read = (profile, item_key, *names.identity_keys, *names.mailbox_keys)
        snapshot = self._ledger.read_snapshot(user_id, read)
        owners = store.owners(snapshot.related, names.identity_keys)
        if not _stays(snapshot.wallet) or snapshot.related[profile] is None:
            raise UserNotFound
        if belongs_to_another(owners, user_id):
            raise IdentityInUse
        item = snapshot.related[item_key]
        if user_id in owners and item and not identities.stored_from(item).unlinked:
            return
        of_mailbox = store.owners(snapshot.related, names.mailbox_keys)
        if belongs_to_another(of_mailbox, user_id):
            raise EmailAlreadyUsed
        count = identities.count_of(snapshot.related[profile])
        if count >= MAX_LINKED_IDENTITIES:
            raise IdentityLimitReached
        now = self._clock.now()
        is_new = names.mailbox is not None and user_id not in of_mailbox
        new = self._sealed(user_id, names, names.mailbox if is_new else None)
        self._table.transact(
            [
                *identities.link_writes(user_id, new, item, now),
                *identities.claim_writes(user_id, names.identity, owners, now),
                *store.mailbox_claim_writes(user_id, names.mailbox, of_mailbox, now),
                identities.count_write(user_id, count, count + 1),
            ]
        )

    def _sealed(
        self, user_id: str, names: _Names, mailbox: Digests | None
    ) -> identities.NewIdentity:
        key, email, subject = keys.linked_identity(user_id, names.identity.newest), None, None
        provider = provider_of(names.subject)
        if names.email is not None:
            email = self._data_keys.seal(user_id, key, identities.EMAIL, names.email)
        if provider == COGNITO:
            subject = self._data_keys.seal(user_id, key, identities.SUBJECT, names.subject)
        return identities.NewIdentity(names.identity, mailbox, provider, email, subject)

    def pool_subjects(self, user_id: str) -> tuple[str, ...]:
        """The subjects in the Cognito user pool that the user signs in as: their own, and those
        that are linked. Raises `DataKeyUnavailable` and `DataUnreadable`."""
        own = (user_id,) if provider_of(user_id) == COGNITO else ()
        sealed = [
            (each.identity_id, each.subject)
            for each in identities.read_linked(self._table, user_id)
            if each.subject is not None
        ]
        opened = (
            self._data_keys.open(user_id, *identities.subject_place(user_id, name), subject)
            for name, subject in sealed
        )
        return (*own, *(subject for subject in opened if subject is not None))

    def unlink(
        self, user_id: str, identity_id: str, end_sessions: Callable[[], object] = _nothing_to_end
    ) -> list[LinkedIdentity]:
        """Takes a linked identity from the user: it may open an account of its own then. A mailbox
        that the welcome credits rested on stays the user's. `end_sessions` is called just before,
        so that a crash leaves none that the identity has opened. Returns what `all` does. Raises
        `IdentityNotFound`, `IdentityRequired`, `UserNotFound`, `OutcomeUnknown`."""
        if not is_digest(identity_id):
            raise IdentityNotFound
        self._until_settled(lambda: self._unlink(user_id, identity_id, end_sessions))
        return self.all(user_id)

    def _unlink(self, user_id: str, identity_id: str, end_sessions: Callable[[], object]) -> None:
        item_key, profile = keys.linked_identity(user_id, identity_id), keys.profile(user_id)
        snapshot = self._ledger.read_snapshot(user_id, (profile, item_key))
        item, own = snapshot.related[item_key], snapshot.related[profile]
        if own is None or not _stays(snapshot.wallet):
            raise UserNotFound
        digests = store.sign_up_digests(own)
        if digests.identity == identity_id:
            raise IdentityRequired
        stored = identities.stored_from(item) if item else None
        if stored is None or stored.unlinked:
            raise IdentityNotFound
        end_sessions()
        count, now = identities.count_of(own), self._clock.now()
        self._table.transact(
            [
                *identities.unlink_writes(user_id, stored, digests.welcome_mailbox, now),
                identities.count_write(user_id, count, count - 1),
            ]
        )

    def forget(self, user_id: str) -> StepOutcome:
        """Removes the addresses of linked identities, as a step of an erasure. The claims stay: who
        returns returns to the same account. Raises `StorageUnavailable`."""
        for stored in identities.read_linked(self._table, user_id):
            write = identities.forget_write(user_id, stored, self._clock.now())
            with suppress(ConditionFailed):
                self._table.write(write)
        return StepOutcome.DONE

    def export(self, user_id: str) -> list[dict[str, object]]:
        """The identities, as JSON. Raises `DataKeyUnavailable` and `DataUnreadable`."""
        try:
            found = self.all(user_id)
        except UserNotFound:
            return []
        return [
            {
                "identityId": each.identity_id,
                "provider": each.provider,
                "email": each.email,
                "linkedAt": iso(each.linked_at),
            }
            for each in found
        ]

    def _until_settled(self, attempt: Callable[[], None]) -> None:
        """Decides again on what has changed meanwhile. After a lost response the attempt finds its
        own work done, or does it."""
        in_doubt = False
        for _ in range(MAX_TRIES):
            try:
                return attempt()
            except (Cancelled, NotApplied):
                self._clock.sleep(PAUSE_SECONDS)
            except MaybeApplied:
                in_doubt = True
            except IdentityNotFound:
                if in_doubt:
                    return None
                raise
        raise OutcomeUnknown if in_doubt else WalletBusy

    def _names(self, principal: Principal) -> _Names:
        email = verified_email(principal)
        mailbox = None if email is None else mailbox_digests(self._peppers, email)
        identity = identity_digests(self._peppers, principal.subject)
        return _Names(principal.subject, identity, mailbox, email)


def _sealed_emails(
    user_id: str, own: store.StoredProfile, linked: Sequence[identities.StoredIdentity]
) -> Iterator[SealedText]:
    if own.sealed is not None:
        yield SealedText(*store.email_place(user_id), own.sealed)
    for each in linked:
        if each.email is not None:
            yield SealedText(*identities.email_place(user_id, each.identity_id), each.email)


def _key(user_id: str, stored: identities.StoredIdentity) -> Key:
    return keys.linked_identity(user_id, stored.identity_id)


def _identity(stored: identities.StoredIdentity, email: str | None) -> LinkedIdentity:
    return LinkedIdentity(
        stored.identity_id, stored.provider, email, email is not None, stored.linked_at
    )


def _stays(wallet: Wallet | None) -> bool:
    """Whether there is a user, and no erasure under way."""
    return wallet is not None and not wallet.is_leaving
