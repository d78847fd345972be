"""Where each audit found each wallet, and what the next one requires of it: the entries that were
there are there still. Pure.

The chain of a ledger proves each entry by the one before it, but not that the last ones are still
there, nor that the user is. In a file of its own because only the daily audit keeps anchors."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from service.core.seals import holds, seal
from service.ledger import keys as ledger_keys
from service.ledger.entities import Entry, Wallet
from service.storage.checks import Violation, item_name

FORM = 1


class AnchorsDamaged(Exception):
    """The kept anchors are not what an audit wrote, or are gone."""


@dataclass(frozen=True)
class Anchor:
    """A wallet as an audit found it: its version, and the MAC of the entry there."""

    user_id: str
    version: int
    head: str


@dataclass(frozen=True)
class Chunk:
    """One object of anchors: its key, how many wallets it has, and the seal of its body."""

    key: str
    wallets: int
    mac: str


@dataclass(frozen=True)
class Manifest:
    """The anchors of the last audit that compared every wallet. `finished` is its end, in
    milliseconds since the epoch, `previous` the MAC of the manifest before. Without a day, no
    audit has kept any."""

    day: str = ""
    finished: int = 0
    chunks: tuple[Chunk, ...] = ()
    previous: str = ""

    def mac(self, key: bytes) -> str:
        chunks = [[chunk.key, chunk.wallets, chunk.mac] for chunk in self.chunks]
        return seal(["anchors", self.day, self.finished, self.previous, chunks], key)

    def body(self, key: bytes) -> bytes:
        document = {
            "form": FORM,
            "day": self.day,
            "finished": self.finished,
            "previous": self.previous,
            "chunks": chunks_document(self.chunks),
            "mac": self.mac(key),
        }
        return json.dumps(document, indent=1).encode()

    @classmethod
    def from_body(cls, body: bytes, key: bytes) -> "Manifest":
        """Raises `AnchorsDamaged`."""
        try:
            document = json.loads(body)
            found = cls(
                document["day"],
                document["finished"],
                chunks_from(document["chunks"]),
                document["previous"],
            )
            if document["form"] != FORM or document["mac"] != found.mac(key):
                raise ValueError("its MAC does not hold")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise AnchorsDamaged(f"{type(error).__name__}: {error}") from None
        return found


def chunks_document(chunks: Iterable[Chunk]) -> list[dict[str, Any]]:
    return [{"key": each.key, "wallets": each.wallets, "mac": each.mac} for each in chunks]


def chunks_from(document: Any) -> tuple[Chunk, ...]:
    """Raises `KeyError` or `TypeError` for what `chunks_document` never returned."""
    chunks = tuple(Chunk(each["key"], each["wallets"], each["mac"]) for each in document)
    for chunk in chunks:
        if (type(chunk.key), type(chunk.wallets), type(chunk.mac)) != (str, int, str):
            raise TypeError("no chunk of anchors")
    return chunks


def chunk_of(object_key: str, anchors: Sequence[Anchor], key: bytes) -> tuple[Chunk, bytes]:
    """The chunk and its body: a line for each wallet."""
    lines = (
        json.dumps([each.user_id, each.version, each.head], separators=(",", ":"))
        for each in anchors
    )
    body = "\n".join(lines).encode()
    return Chunk(object_key, len(anchors), seal(_facts(object_key, body), key)), body


def anchors_in(chunk: Chunk, body: bytes, key: bytes) -> Iterator[Anchor]:
    """Raises `AnchorsDamaged`."""
    if not holds(chunk.mac, _facts(chunk.key, body), key):
        raise AnchorsDamaged(f"{chunk.key} is not as it was written")
    return (Anchor(*json.loads(line)) for line in body.splitlines())


def _facts(object_key: str, body: bytes) -> list[object]:
    return ["chunk", object_key, body.decode(errors="replace")]


@dataclass(frozen=True)
class Accepted:
    """A wallet as an operator has accepted it at the time `at` (milliseconds since the epoch), for
    that reason; version 0: that it is gone."""

    user_id: str
    version: int
    head: str
    at: int
    reason: str

    def mac(self, key: bytes) -> str:
        facts = ["accepted", self.user_id, self.version, self.head, self.at, self.reason]
        return seal(facts, key)


class FoundAccount(Protocol):
    """The part of an account that is compared."""

    @property
    def user_id(self) -> str: ...

    @property
    def wallet(self) -> Wallet | None: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def unreadable(self) -> frozenset[str]: ...


ReadAccepted = Callable[[str], Accepted | None]


class Comparison:
    """Compares each wallet with where the last audit found it, and collects where it is now. The
    anchor of a wallet that is not as it was is kept until an operator accepts the change, so that
    each audit until then finds it again."""

    def __init__(
        self, earlier: Iterable[Anchor], day: str, finished: int, damage: Violation | None = None
    ) -> None:
        self._earlier = {each.user_id: (each.version, each.head) for each in earlier}
        self._day = day
        self._finished = finished
        self._damage = damage
        self._found: list[Anchor] = []

    def forget(self, already: Iterable[Anchor]) -> None:
        """Leaves out what an earlier run of the same audit has compared."""
        for each in already:
            self._earlier.pop(each.user_id, None)

    def compare(
        self, account: FoundAccount, is_whole: bool, read_accepted: ReadAccepted
    ) -> tuple[int, list[Violation]]:
        """How many wallets that were (0 or 1), and what is wrong. `is_whole`: nothing else is wrong
        with the account."""
        old = self._earlier.get(account.user_id)
        faults = self._faults(account, old) if old else []
        if faults and _is_accepted(account, self._valid(read_accepted(account.user_id))):
            faults = []
        self._earlier.pop(account.user_id, None)
        if account.wallet is not None and is_whole and not faults:
            anchor = account.wallet.version, account.wallet.head
            self._found.append(Anchor(account.user_id, *anchor))
        elif old:
            self._found.append(Anchor(account.user_id, *old))
        where = item_name(account.user_id, ledger_keys.wallet("").sk)
        return int(old is not None), [Violation(where, fault) for fault in faults]

    def missing(self, read_accepted: ReadAccepted) -> tuple[int, list[Violation]]:
        """As `compare`, for the wallets that the walk has not met."""
        violations = [self._damage] if self._damage else []
        still_missing = []
        for user_id, (version, head) in sorted(self._earlier.items()):
            accepted = self._valid(read_accepted(user_id))
            if accepted is None or accepted.version:
                still_missing.append(Anchor(user_id, version, head))
                where = item_name(user_id, ledger_keys.wallet("").sk)
                violations.append(Violation(where, f"is gone; {self._said(version)}"))
        count = len(self._earlier)
        self._earlier.clear()
        self._found += still_missing
        return count, violations

    def take(self) -> list[Anchor]:
        """The anchors collected since the last call."""
        taken, self._found = self._found, []
        return taken

    def put_back(self, taken: list[Anchor]) -> None:
        """For anchors that could not be kept yet."""
        self._found = taken + self._found

    def _faults(self, account: FoundAccount, old: tuple[int, str]) -> list[str]:
        version, head = old
        if account.wallet is None:
            return []
        if account.wallet.version < version:
            return [f"is at version {account.wallet.version}; {self._said(version)}"]
        if _has(account, version, head):
            return []
        return [f"has another entry {version} than before; {self._said(version)}"]

    def _said(self, version: int) -> str:
        return f"an audit until {self._day} found it at version {version}"

    def _valid(self, accepted: Accepted | None) -> Accepted | None:
        """What was accepted before the anchors were kept has been taken into account in them."""
        return accepted if accepted and accepted.at > self._finished else None


def _is_accepted(account: FoundAccount, accepted: Accepted | None) -> bool:
    return accepted is not None and _has(account, accepted.version, accepted.head)


def _has(account: FoundAccount, version: int, head: str) -> bool:
    """Whether the entry at that version is that one. One that cannot be read is a violation of its
    own."""
    if ledger_keys.entry("", version).sk in account.unreadable:
        return True
    place = version - 1
    if 0 <= place < len(account.entries) and account.entries[place].version == version:
        return account.entries[place].mac == head
    return any(each.version == version and each.mac == head for each in account.entries)
