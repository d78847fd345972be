"""Envelope encryption of what is private to a user: a data key of their own encrypts it, and the
data key is stored wrapped. Destroying that key makes all of it unreadable at once, wherever it
lies."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import structlog

from service.core.clock import Clock
from service.core.errors import Conflict, Unavailable
from service.storage.codec import Item
from service.storage.key_cache import KeyCache
from service.storage.key_items import KeySet, key_set_from, key_set_write
from service.storage.keys import HOUSE, Key, data_key
from service.storage.sealed import (
    NotOpened,
    key_version,
    open_bytes,
    open_text,
    place_of,
    seal_bytes,
    seal_text,
)
from service.storage.table import ConditionFailed, Conflicted, MaybeApplied, Table
from service.storage.wrapping import Context, NewKey, NotUnwrapped, WrappedKey, Wrapping
from service.storage.writes import Write

log = structlog.get_logger()

Plain = TypeVar("Plain", str, bytes)

MAX_TRIES = 5
# About 300 bytes each: the item stays within 4 KB, one read unit.
MAX_VERSIONS = 12


class TooManyVersions(Exception):
    """A user's data key has `MAX_VERSIONS` already."""


class DataErased(Conflict):
    code = "DATA_ERASED"
    summary = "The private data of this user has been erased, and none can be added."


class DataUnreadable(Unavailable):
    """Damage that an operator investigates: the bytes, or the key, are not as this service stored
    them."""

    code = "DATA_UNREADABLE"
    summary = "Private data cannot be read. The operators know of it."
    retry_after = 60


class NoDataKey(Exception):
    """Nothing private of this user has ever been stored."""


@dataclass(frozen=True)
class SealedText:
    """Sealed bytes, and the attribute of the item that they are bound to."""

    key: Key
    attribute: str
    sealed: bytes


@dataclass(frozen=True)
class NewDataKey:
    """A further data key of one user, not stored yet: for transactions that add it together with
    what it seals."""

    user_id: str
    table_name: str
    new_key: NewKey = field(repr=False)

    @property
    def key(self) -> Key:
        """The item to read in the transaction's snapshot."""
        return data_key(self.user_id)

    def addition(self, before: Item | None, now: int) -> tuple[Write, int]:
        """The write that makes it the latest version of the user's key, given the item as it was
        read, and that version. Erased keys are followed by it. Pure. Raises `DataUnreadable`."""
        keys = _key_set(self.user_id, before)
        after = keys.with_version(self.new_key.wrapped_key, now)
        return key_set_write(self.key, keys, after), after.latest

    def seal(self, version: int, key: Key, attribute: str, text: str) -> bytes:
        """As `DataKeys.seal`, with this key as that version."""
        place = place_of(self.table_name, key, attribute)
        return seal_text(self.new_key.plaintext, version, place, text)


class DataKeys:
    """Seals and opens what is private to a user (`HOUSE`: to the house). Each use reads the user's
    key item, so that an erasure holds at once in every process; what KMS unwrapped is kept in
    memory for a while.

    Every method raises `StorageUnavailable` and `DataKeyUnavailable`, and `DataUnreadable` where
    the key item is damaged."""

    def __init__(
        self,
        table: Table,
        table_name: str,
        wrapping: Wrapping,
        clock: Clock,
        older: Sequence[Wrapping] = (),
    ) -> None:
        """`table_name` is what data is bound to, whatever a restored table is called. Keys that
        `wrapping` did not wrap are unwrapped by those of `older` that did."""
        self._table = table
        self._table_name = table_name
        self._wrapping = wrapping
        self._older = tuple(older)
        self._clock = clock
        self._cache = KeyCache(clock)

    def seal(self, user_id: str, key: Key, attribute: str, text: str) -> bytes:
        """The text, encrypted for that attribute of that item: nowhere else can it be opened. Makes
        the user's data key at its first use.

        Raises `DataErased` once the user's keys are destroyed, `ValueError` for a text of more than
        256 KB."""
        keys = self._live(user_id)
        plaintext = self._plaintext(user_id, keys, keys.latest)
        return seal_text(plaintext, keys.latest, place_of(self._table_name, key, attribute), text)

    def seal_bytes(self, user_id: str, key: Key, attribute: str, plain: bytes) -> bytes:
        """As `seal`, of up to 4 MB that are no text."""
        keys = self._live(user_id)
        plaintext = self._plaintext(user_id, keys, keys.latest)
        return seal_bytes(plaintext, keys.latest, place_of(self._table_name, key, attribute), plain)

    def open_bytes(self, user_id: str, key: Key, attribute: str, sealed: bytes) -> bytes | None:
        """The inverse; None if it has been erased. Raises `DataUnreadable`."""
        text = SealedText(key, attribute, sealed)
        return self._opened(user_id, self._read(user_id), text, open_bytes)

    def open(self, user_id: str, key: Key, attribute: str, sealed: bytes) -> str | None:
        """The text; None if it has been erased. Raises `DataUnreadable`."""
        return self.open_all(user_id, [SealedText(key, attribute, sealed)])[0]

    def open_all(self, user_id: str, texts: Sequence[SealedText]) -> list[str | None]:
        """As `open`, each text in its place, with one read of the user's keys."""
        keys = self._read(user_id)
        return [self._opened(user_id, keys, text, open_text) for text in texts]

    def open_read(
        self, user_id: str, item: Item | None, texts: Sequence[SealedText]
    ) -> list[str | None]:
        """As `open_all`, by the item of the user's keys as it was read with the texts. One that is
        older than a text is read again."""
        if not texts:
            return []
        keys = _key_set(user_id, item)
        if any(self._is_newer(text, keys) for text in texts):
            return self.open_all(user_id, texts)
        return [self._opened(user_id, keys, text, open_text) for text in texts]

    def _is_newer(self, text: SealedText, keys: KeySet) -> bool:
        with suppress(NotOpened):
            version = key_version(text.sealed)
            return version not in keys.keys and not keys.was_erased(version)
        return False

    def _opened(
        self,
        user_id: str,
        keys: KeySet,
        text: SealedText,
        opened: Callable[[bytes, bytes, bytes], Plain],
    ) -> Plain | None:
        sealed = text.sealed
        try:
            version = key_version(sealed)
            if keys.was_erased(version):
                return None
            if version not in keys.keys:
                _unreadable(user_id)
            plaintext = self._plaintext(user_id, keys, version)
            place = place_of(self._table_name, text.key, text.attribute)
            return opened(plaintext, place, sealed)
        except NotOpened:
            _unreadable(user_id)

    def new_key(self, user_id: str) -> NewDataKey:
        """A data key to be stored by a transaction of the caller. Reads and writes nothing."""
        new_key = self._wrapping.new_key(self._context(user_id))
        return NewDataKey(user_id, self._table_name, new_key)

    def erase(self, user_id: str) -> None:
        """Destroys every version of the user's data key; again without effect. Raises `ValueError`
        for the house."""
        if user_id == HOUSE:
            raise ValueError("the house's own secrets are not erased")

        def erased(keys: KeySet) -> KeySet | None:
            return keys.erased(self._clock.now()) if keys.erased_at is None else None

        self._change(user_id, erased)

    def rotate(self, user_id: str) -> int:
        """Adds a version, which seals everything from now on; what older ones sealed stays
        readable. Returns it. Raises `NoDataKey`, `DataErased`, `TooManyVersions`."""
        new_key = self._wrapping.new_key(self._context(user_id)).wrapped_key

        def rotated(keys: KeySet) -> KeySet:
            if keys.erased_at is not None:
                raise DataErased
            if not keys.revision:
                raise NoDataKey
            if len(keys.keys) >= MAX_VERSIONS:
                raise TooManyVersions
            return keys.with_version(new_key, self._clock.now())

        return self._change(user_id, rotated).latest

    def rewrap(self, user_id: str) -> int:
        """Wraps anew each version that another key has wrapped. Returns how many those were."""
        rewrapped: dict[int, WrappedKey] = {}

        def wrapped_anew(keys: KeySet) -> KeySet | None:
            rewrapped.clear()
            for number, version in keys.keys.items():
                if not self._wrapping.wraps(version.key):
                    plaintext = self._plaintext(user_id, keys, number)
                    rewrapped[number] = self._wrapping.wrap(plaintext, self._context(user_id))
            return keys.rewrapped(rewrapped) if rewrapped else None

        self._change(user_id, wrapped_anew)
        return len(rewrapped)

    def _live(self, user_id: str) -> KeySet:
        """The user's keys, the first of them made if there is none. Raises `DataErased`."""
        keys = self._read(user_id)
        if not keys.revision:
            new_key = self._wrapping.new_key(self._context(user_id)).wrapped_key
            keys = self._change(
                user_id,
                lambda found: (
                    None if found.revision else found.with_version(new_key, self._clock.now())
                ),
            )
        if keys.erased_at is not None:
            raise DataErased
        return keys

    def _change(self, user_id: str, change: Callable[[KeySet], KeySet | None]) -> KeySet:
        """Applies the change to the keys as they are; None leaves them. Whoever loses a race
        decides again on what the winner wrote."""
        key = data_key(user_id)
        keys = self._read(user_id)
        for _ in range(MAX_TRIES):
            after = change(keys)
            if after is None:
                return keys
            try:
                self._table.write(key_set_write(key, keys, after))
            except ConditionFailed as error:
                keys = _key_set(user_id, error.item)
                continue
            except MaybeApplied:
                keys = self._read(user_id)
                if keys != after:
                    continue
            return after
        raise Conflicted

    def _read(self, user_id: str) -> KeySet:
        return _key_set(user_id, self._table.get(data_key(user_id)))

    def _plaintext(self, user_id: str, keys: KeySet, number: int) -> bytes:
        wrapped = keys.keys[number].key
        return self._cache.get((user_id, wrapped), lambda: self._unwrapped(user_id, wrapped))

    def _unwrapped(self, user_id: str, key: WrappedKey) -> bytes:
        older = (each for each in self._older if each.wraps(key))
        try:
            return next(older, self._wrapping).unwrap(key, self._context(user_id))
        except NotUnwrapped:
            _unreadable(user_id)

    def _context(self, user_id: str) -> Context:
        return {"table": self._table_name, "user": user_id}


def erasure_writes(user_id: str, before: Item | None, now: int) -> tuple[Write, ...]:
    """What destroys every version of the user's data key, given the item as it was read; nothing
    for a user without one. For the transaction that closes the account: whoever comes back gets a
    further version, which a later call would destroy as well. Pure. Raises `DataUnreadable`."""
    keys = _key_set(user_id, before)
    if not keys.is_live:
        return ()
    return (key_set_write(data_key(user_id), keys, keys.erased(now)),)


def _key_set(user_id: str, item: Item | None) -> KeySet:
    try:
        return key_set_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        _unreadable(user_id)


def _unreadable(user_id: str) -> NoReturn:
    log.error("private_data_unreadable", user_id=user_id)
    raise DataUnreadable
