"""Server keys: made, listed, revoked, and verified."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import structlog

from service.core.clock import Clock
from service.core.ids import Ids, is_id
from service.core.principal import Principal, SignInMethod
from service.core.scopes import KeyScope
from service.identity.entities import Rejection, ServerKeyRevoked, TokenRejected
from service.ledger.operations import ConditionalWrite
from service.server_keys import keys, store
from service.server_keys.entities import (
    KEY_ID_PREFIX,
    MAX_KEYS,
    USE_NOTED_MILLISECONDS,
    ServerKey,
    ServerKeyLimitReached,
    ServerKeyNotFound,
    is_use_due,
)
from service.server_keys.key_texts import SECRET_BYTES, digest_of, is_digest_of, key_id_of, made
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import ConditionFailed, StorageUnavailable, Table

ISSUER = "farebox:server-key"
STANDING_SECONDS = 10.0
"""How long a process may go on to accept sessions of a key that was revoked."""

PAGE_SIZE = 100
MAX_STANDINGS = 1000

log = structlog.get_logger()


@dataclass(frozen=True)
class _Standing:
    """Whether a key was good when it was last read, and until when that counts."""

    is_good: bool
    until: float


class ServerKeys:
    """A `ServerKeyGate`, and what operators do with keys. Safe from any thread. Every method raises
    `StorageUnavailable`."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        ids: Ids,
        random_bytes: Callable[[int], bytes],
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes
        self._mac_key = mac_key
        self._noted: dict[str, int] = {}
        self._standings: dict[str, _Standing] = {}

    def verify(self, text: str) -> Principal:
        """The back end whose key that is; its subject is the key's id. The key is read each time,
        so that one that was revoked is refused at once. Raises `TokenRejected`, which does not say
        whether there is such a key."""
        key_id = key_id_of(text, self._mac_key)
        key = None if key_id is None else self._read(key_id)
        if key is None or not is_digest_of(key.digest, text, self._mac_key) or not self._holds(key):
            raise TokenRejected(Rejection.SERVER_KEY)
        now = self._clock.now()
        self._note_use(key, now)
        return Principal(
            ISSUER,
            key.key_id,
            method=SignInMethod.SERVER_KEY,
            scopes=frozenset(scope.value for scope in key.scopes),
            issued_at=now,
        )

    def check(self, key_id: str) -> None:
        """Refuses the sessions of a key that is good no more, at most 10 seconds late. Raises
        `ServerKeyRevoked`."""
        standing = self._standings.get(key_id)
        now = self._clock.monotonic()
        if standing is None or now >= standing.until:
            key = self._read(key_id)
            standing = _Standing(key is not None and self._holds(key), now + STANDING_SECONDS)
            if len(self._standings) >= MAX_STANDINGS:
                self._standings.clear()
            self._standings[key_id] = standing
        if not standing.is_good:
            raise ServerKeyRevoked

    def all(self) -> tuple[ServerKey, ...]:
        """Those that have not been revoked, oldest first: every page is read, for revoked ones stay
        for 90 days. One that cannot be read is logged and left out."""
        found, after = [], ""
        while True:
            page = self._table.query(
                keys.SYSTEM, keys.SERVER_KEY_PREFIX, limit=PAGE_SIZE, after=after
            )
            found += [_readable(item) for item in page.items]
            if not page.more:
                break
            after = str(page.items[-1]["SK"])
        return tuple(key for key in found if key is not None and key.revoked_at is None)

    def get(self, key_id: str) -> ServerKey:
        """A key, revoked or not. Raises `ServerKeyNotFound`."""
        item = self._table.get(self.place(key_id))
        key = _readable(item) if item else None
        if key is None:
            raise ServerKeyNotFound
        return key

    def new(self, name: str, scopes: Collection[KeyScope]) -> tuple[ServerKey, str]:
        """A key that is not stored yet, and its text."""
        now = self._clock.now()
        key_id = self._ids.new(KEY_ID_PREFIX, now)
        text = made(key_id, self._random_bytes(SECRET_BYTES), self._mac_key)
        digest = digest_of(text, self._mac_key)
        key = ServerKey(key_id, name, frozenset(scopes), now, digest)
        return store.sealed(key, self._mac_key), text

    def require_room(self) -> None:
        """Raises `ServerKeyLimitReached` when there may be no further key."""
        if len(self.all()) >= MAX_KEYS:
            raise ServerKeyLimitReached(details={"max": MAX_KEYS})

    def place(self, key_id: str) -> Key:
        """The item to read with the change of a key. Raises `ServerKeyNotFound` for what can be no
        key's id."""
        if not is_id(KEY_ID_PREFIX, key_id):
            raise ServerKeyNotFound
        return keys.server_key(key_id)

    def creation(self, key: ServerKey) -> ConditionalWrite:
        """Stores a new key."""
        return ConditionalWrite(store.new_write(key))

    def revocation(self, item: Item | None) -> ConditionalWrite:
        """Revokes the key of that item, for good. Raises `ServerKeyNotFound`, also for one that was
        revoked before."""
        key = _readable(item) if item else None
        if key is None or key.revoked_at is not None:
            raise ServerKeyNotFound
        revoked = store.sealed(replace(key, revoked_at=self._clock.now()), self._mac_key)
        return ConditionalWrite(store.revocation_write(key, revoked))

    def _holds(self, key: ServerKey) -> bool:
        if key.revoked_at is not None:
            return False
        if not store.is_sealed(key, self._mac_key):
            log.error("server_key_damaged", back_end=key.key_id)
            return False
        return True

    def _read(self, key_id: str) -> ServerKey | None:
        item = self._table.get(keys.server_key(key_id))
        return _readable(item) if item else None

    def _note_use(self, key: ServerKey, now: int) -> None:
        """At most once a minute; whatever goes wrong keeps no back end from working."""
        if now - self._noted.get(key.key_id, 0) < USE_NOTED_MILLISECONDS:
            return
        if len(self._noted) >= MAX_STANDINGS:
            self._noted.clear()
        self._noted[key.key_id] = now
        if not is_use_due(key, now):
            return
        try:
            self._table.write(store.use_write(key, now))
        except ConditionFailed:
            return
        except StorageUnavailable as error:
            log.info("server_key_use_not_noted", back_end=key.key_id, reason=type(error).__name__)


def _readable(item: Item) -> ServerKey | None:
    try:
        return store.key_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.exception("server_key_unreadable", item=str(Key.of_item(item)))
        return None
