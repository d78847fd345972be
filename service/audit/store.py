"""What the audit reads: page by page, rate-limited, retried when the table does not respond, and
each item exactly as stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from service.audit.entities import Account, type_mismatch
from service.core.clock import Clock, from_iso
from service.jobs import keys as jobs_keys
from service.jobs.entities import Job
from service.jobs.store import KeyUse, job_from
from service.ledger import keys as ledger_keys
from service.ledger.entities import Entry
from service.ledger.store import entry_from, wallet_from
from service.storage.checks import Violation
from service.storage.codec import Item, RawItem, decode_item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, USER_PREFIX, Key, user_of, user_partition
from service.storage.table import Reading, StorageRefused, StorageUnavailable, Table
from service.users import keys as users_keys
from service.users.entities import SignUpDigests
from service.users.store import claims_of, sign_up_digests

Entity = TypeVar("Entity")

PAGE = 200
READ_TRIES = 8
FIRST_PAUSE_SECONDS = 0.5
STEP_SECONDS = 1.0
SETTLE_TRIES = 5
SETTLE_PAUSE_SECONDS = 0.2
# What one transactional read of up to 4 KB costs.
SETTLE_UNITS = 2.0
_LOOKUP_INDEX = ("GSI1PK", "GSI1SK")


class Stopped(Exception):
    """The process is stopping."""


class Reader:
    """Strongly consistent reads, at most `units_per_second` (None: unlimited)."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        units_per_second: float | None,
        stopping: Callable[[], bool],
    ) -> None:
        self._table = table
        self._clock = clock
        self._rate = units_per_second
        self._stopping = stopping
        self._free_at = clock.monotonic()
        self._page = min(PAGE, max(1, int(4 * units_per_second))) if units_per_second else PAGE

    def scan(self, segment: int, segments: int, after: Key | None) -> Iterator[RawItem]:
        """Every item of a segment, in the table's own order, so a partition's items are
        adjacent."""
        while True:
            page = self._read(
                partial(
                    self._table.scan,
                    segment=segment,
                    segments=segments,
                    limit=self._page,
                    after=after,
                )
            )
            yield from page.items
            after = page.after
            if after is None:
                return

    def partition(self, pk: str, prefix: str, after: str = "") -> Iterator[RawItem]:
        """Every item of a partition whose sort key has that prefix and comes after `after`, in
        order."""
        while True:
            page = self._read(
                partial(self._table.browse, pk, prefix, limit=self._page, after=after)
            )
            yield from page.items
            if page.after is None:
                return
            after = page.after.sk

    def one(self, key: Key) -> RawItem | None:
        page = self._read(lambda: self._table.browse(key.pk, key.sk, limit=1))
        return next((raw for raw in page.items if key_of(raw) == key), None)

    def settle(self, key: Key) -> None:
        """Waits until no transaction that writes the item is under way, so that the next reads see
        all that was written with what has been read of it. Stops waiting after about a second: a
        user who is always busy must not stop an audit."""
        for _ in range(SETTLE_TRIES):
            self._wait_until(self._free_at)
            if self._settled(key):
                return
            self._wait_until(self._clock.monotonic() + SETTLE_PAUSE_SECONDS)

    def _settled(self, key: Key) -> bool:
        try:
            return self._table.settled(key)
        except StorageRefused:
            raise
        except StorageUnavailable:
            return False
        finally:
            self._bill(SETTLE_UNITS)

    def _read(self, read: Callable[[], Reading]) -> Reading:
        """Raises `StorageUnavailable` after the last try, `StorageRefused` at once, `Stopped`."""
        pause_seconds = FIRST_PAUSE_SECONDS
        for _ in range(READ_TRIES - 1):
            self._wait_until(self._free_at)
            try:
                return self._billed(read())
            except StorageRefused:
                raise
            except StorageUnavailable:
                self._wait_until(self._clock.monotonic() + pause_seconds)
                pause_seconds *= 2
        return self._billed(read())

    def _billed(self, page: Reading) -> Reading:
        self._bill(page.units)
        return page

    def _bill(self, units: float) -> None:
        if self._rate:
            self._free_at = max(self._free_at, self._clock.monotonic()) + units / self._rate

    def _wait_until(self, moment: float) -> None:
        while not self._stopping():
            left = moment - self._clock.monotonic()
            if left <= 0:
                return
            self._clock.sleep(min(left, STEP_SECONDS))
        raise Stopped


def key_of(raw: RawItem) -> Key:
    return Key.of_raw_item(raw)


def name_of(raw: RawItem) -> str:
    key = key_of(raw)
    return f"{key.pk}/{key.sk}"


def is_claim(key: Key) -> bool:
    return key.sk == users_keys.CLAIM and key.pk.startswith(users_keys.CLAIM_PREFIXES)


def owner_of(key: Key) -> str | None:
    """Returns the user whose partition the item is in; None for any other partition."""
    return user_of(key.pk) if key.pk.startswith(USER_PREFIX) else None


def claimant(item: Item) -> str:
    """The user whom a claim names; empty for one that an operator has released."""
    from_iso(text_of(item, "at"))
    if "releasedAt" not in item:
        return text_of(item, "userId")
    from_iso(text_of(item, "releasedAt"))
    if "userId" in item:
        raise ValueError("a released claim has no owner")
    return ""


def read_count(reader: Reader) -> int | None:
    """The count of users as it is stored, 0 where no one has signed up; None when it cannot be
    read. The wallets that queries show before the read are in it, and those in it are shown
    afterwards."""
    reader.settle(users_keys.COUNT)
    raw = reader.one(users_keys.COUNT)
    reader.settle(users_keys.COUNT)
    return Findings().read(raw, _count) if raw else 0


def _count(item: Item) -> int:
    if type(item["count"]) is not int:
        raise TypeError("count is no whole number")
    return item["count"]


class Findings:
    """Decodes items one by one, and records what is wrong with each."""

    def __init__(self) -> None:
        self.faults: list[Violation] = []
        self.unreadable: set[str] = set()
        self.loose_macs: dict[str, str] = {}

    def read(self, raw: RawItem, understand: Callable[[Item], Entity]) -> Entity | None:
        """Returns the item as an entity whose fields have their declared types; None if it cannot
        be decoded."""
        try:
            entity = understand(decode_item(raw))
            odd = type_mismatch(entity)
        except Exception as error:
            # Understanding is pure: whatever it raises, the item is what no version of this code
            # wrote.
            odd = f"{type(error).__name__}: {error}"
            entity = None
        if odd is None:
            return entity
        self.unreadable.add(key_of(raw).sk)
        if "S" in raw.get("mac", {}):
            self.loose_macs[key_of(raw).sk] = raw["mac"]["S"]
        self.note(raw, f"cannot be read ({odd})")
        return None

    def note(self, raw: RawItem, what: str) -> None:
        self.faults.append(Violation(name_of(raw), what))


def read_account(
    reader: Reader,
    user_id: str,
    *,
    without_wallet: bool = False,
    prefixes: Iterable[str],
    closed_prefixes: Iterable[str],
    links: Callable[[Account], Iterable[Key]],
) -> Account | None:
    """One user's account; where there is no wallet None, or what is left. The order of the reads is
    the proof: what is written together with an entry up to the wallet's version is there when it is
    read after the wallet; whatever moves meanwhile leaves an entry beyond that version, and those
    are read last. Only a transaction that lands during the reads can be read in part."""
    raw_wallet = reader.one(ledger_keys.wallet(user_id))
    if raw_wallet is None and not without_wallet:
        return None
    items = _Items(reader, user_id)
    wallet = items.findings.read(raw_wallet, wallet_from) if raw_wallet else None
    last = (
        ledger_keys.entry(user_id, wallet.version).sk if wallet else ledger_keys.ENTRY_PREFIX + "~"
    )
    account = Account(
        user_id=user_id,
        wallet=wallet,
        keys=items.keys(),
        entries=items.entries(up_to=last),
        jobs=items.jobs(),
        devices=frozenset(devices := items.devices()),
        released=frozenset(digest for digest, released in devices.items() if released),
        items={prefix: items.decoded(prefix) for prefix in prefixes},
        late=items.entries(after=last),
    )
    if account.closed:
        more = {prefix: items.decoded(prefix) for prefix in closed_prefixes}
        account = replace(account, items={**account.items, **more})
    else:
        digests = items.digests()
        account = replace(account, digests=digests, claims=items.claims(digests))
    account = replace(account, linked=items.linked(links(account)))
    if account.late:
        account = replace(account, reached=items.version())
    findings = items.findings
    return replace(
        account,
        faults=tuple(findings.faults),
        unreadable=frozenset(findings.unreadable),
        loose_macs=findings.loose_macs,
    )


class _Items:
    """The items of one user by kind, each decoded by itself."""

    def __init__(self, reader: Reader, user_id: str) -> None:
        self._reader = reader
        self._user_id = user_id
        self._pk = user_partition(user_id)
        self.findings = Findings()

    def keys(self) -> dict[str, KeyUse]:
        uses = self._all(jobs_keys.IDEMPOTENCY_PREFIX, _key_use)
        return {key_of(raw).sk: use for raw, use in uses}

    def entries(self, *, up_to: str = "", after: str = "") -> tuple[Entry, ...]:
        return tuple(
            entry for _, entry in self._all(ledger_keys.ENTRY_PREFIX, _entry, after, up_to)
        )

    def jobs(self) -> tuple[Job, ...]:
        return tuple(
            self._indexed(raw, job) for raw, job in self._all(jobs_keys.JOB_PREFIX, job_from)
        )

    def decoded(self, prefix: str) -> tuple[Item, ...]:
        return tuple(item for _, item in self._all(prefix, lambda item: item))

    def devices(self) -> dict[str, bool]:
        """Whether each device is released."""
        found = {}
        for raw, (digest, released) in self._all(users_keys.DEVICE_PREFIX, _device):
            found[digest] = released
            index = {} if released else users_keys.device_index(self._user_id, digest)
            if _index_of(raw, _LOOKUP_INDEX) != index:
                self.findings.note(raw, "its index attributes are not those of its key")
        return found

    def linked(self, links: Iterable[Key]) -> dict[Key, Item | None]:
        found = {key: self._reader.one(key) for key in sorted(links, key=str)}
        return {
            key: self.findings.read(raw, lambda item: item) if raw else None
            for key, raw in found.items()
        }

    def version(self) -> int:
        """Returns the wallet's version, read again; 0 if it cannot be read."""
        raw = self._reader.one(ledger_keys.wallet(self._user_id))
        wallet = Findings().read(raw, wallet_from) if raw else None
        return wallet.version if wallet else 0

    def digests(self) -> SignUpDigests | None:
        """What the sign-up claimed, from the profile."""
        raw = self._reader.one(users_keys.profile(self._user_id))
        return self.findings.read(raw, _digests) if raw else None

    def claims(self, digests: SignUpDigests | None) -> dict[str, str | None]:
        """Returns the owner of each of those claims; None for a missing one. The walk itself
        reports an unreadable one."""
        named = claims_of(digests) if digests else ()
        found = {key: self._reader.one(key) for key in named}
        return {str(key): self._owner(raw) if raw else None for key, raw in found.items()}

    def _owner(self, raw: RawItem) -> str | None:
        owner = Findings().read(raw, claimant)
        return self._user_id if owner is None else owner or None

    def _indexed(self, raw: RawItem, job: Job) -> Job:
        due = jobs_keys.DUE_JOBS.index(job.job_id, job.due_at) if job.due_at is not None else {}
        if _index_of(raw, DUE_INDEX_ATTRIBUTES) != due:
            self.findings.note(raw, "its index attributes are not those of its shard and time")
        return job

    def _all(
        self, prefix: str, understand: Callable[[Item], Entity], after: str = "", up_to: str = ""
    ) -> Iterator[tuple[RawItem, Entity]]:
        for raw in self._reader.partition(self._pk, prefix, after):
            if up_to and key_of(raw).sk > up_to:
                return
            entity = self.findings.read(raw, understand)
            if entity is not None:
                yield raw, entity


def _entry(item: Item) -> Entry:
    entry = entry_from(item)
    if ledger_keys.entry("", entry.version).sk != item["SK"]:
        raise ValueError("its key is not a version in 12 digits")
    return entry


def _key_use(item: Item) -> KeyUse:
    mac = text_of(item, "mac") if "mac" in item else ""
    return KeyUse(text_of(item, "jobId"), text_of(item, "bodyHash"), mac)


def _device(item: Item) -> tuple[str, bool]:
    """Its digest, and whether it is released."""
    released = "releasedAt" in item
    for name in ("createdAt", *(["releasedAt"] if released else [])):
        from_iso(text_of(item, name))
    return text_of(item, "SK").removeprefix(users_keys.DEVICE_PREFIX), released


def _digests(item: Item) -> SignUpDigests:
    from_iso(text_of(item, "createdAt"))
    return sign_up_digests(item)


def text_of(item: Item, name: str) -> str:
    value = item[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _index_of(raw: RawItem, names: Sequence[str]) -> dict[str, str]:
    return {name: raw[name]["S"] for name in names if name in raw}
