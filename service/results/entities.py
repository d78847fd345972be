"""The result of one job: what is to be charged for it, and what was delivered. Pure.

Times are epoch milliseconds."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# Of the document as JSON, before it is compressed: ten hours of speech, with each of its words, are
# 3 to 6 MB, by their script.
MAX_CONTENT_BYTES = 6 * 1024 * 1024
MAX_VERDICT_BYTES = 600
COMPRESSED_BEYOND_BYTES = 1024
# What is larger lies in chunks: the head is read wherever a job is shown.
MAX_INLINE_BYTES = 16 * 1024
CHUNK_BYTES = 128 * 1024
MAX_CHUNKS = MAX_CONTENT_BYTES // CHUNK_BYTES + 1
_PLAIN, _COMPRESSED = b"\0", b"\1"
_DIGEST_BYTES = 16

Content = Mapping[str, Any]


class ResultTooLarge(Exception):
    """More than `MAX_CONTENT_BYTES`. Nothing was written."""


class ContentDamaged(ValueError):
    """Bytes that `packed` never returned."""


@dataclass(frozen=True)
class Verdict:
    """What the end of a job says of its charge: the usage to charge (None: nothing), the reason if
    nothing is charged, and what else its kind of work has to know when it settles. Raises
    `ValueError` for a negative count, and beyond 600 bytes as JSON."""

    usage: Mapping[str, int] | None
    reason: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(type(count) is not int or count < 0 for count in (self.usage or {}).values()):
            raise ValueError("usage is counted in whole numbers from 0 on")
        if (self.usage is None) != bool(self.reason):
            raise ValueError("either there is usage to charge, or a reason why not")
        size = len(json.dumps([self.usage, self.reason, dict(self.facts)]).encode())
        if size > MAX_VERDICT_BYTES:
            raise ValueError(f"a verdict has at most {MAX_VERDICT_BYTES} bytes")


@dataclass(frozen=True)
class Owner:
    """Whose result it is: it lies with the user who pays, and the data key of the one who requested
    it encrypts it."""

    payer: str
    actor: str
    job_id: str


@dataclass(frozen=True)
class Head:
    """The item that makes a result exist. Sealed content lies in it, or in `chunks` chunks that
    `attempt` has written; `digest` is that of all of it. After `erased_at` there is no content."""

    owner: Owner
    verdict: Verdict
    attempt: str
    created_at: int
    digest: str
    chunks: int = 0
    sealed: bytes | None = field(default=None, repr=False)
    erased_at: int | None = None
    mac: str = ""

    def without_content(self, now: int) -> "Head":
        return replace(self, sealed=None, chunks=0, digest="", erased_at=now)


@dataclass(frozen=True)
class Result:
    """A result as it is read. Without `content` it has been erased."""

    verdict: Verdict
    created_at: int
    content: Content | None = field(repr=False)


@dataclass(frozen=True)
class Unfinished:
    """Chunks that may have no head, or not for long: once due, those without one are removed."""

    payer: str
    job_id: str
    attempt: str
    chunks: int
    due_at: int


def packed(content: Content) -> bytes:
    """The document as bytes, compressed beyond 1 KB. Raises `ResultTooLarge`."""
    plain = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    if len(plain) > MAX_CONTENT_BYTES:
        raise ResultTooLarge(f"{len(plain)} bytes")
    if len(plain) <= COMPRESSED_BEYOND_BYTES:
        return _PLAIN + plain
    return _COMPRESSED + zlib.compress(plain)


def unpacked(data: bytes) -> Content:
    """The inverse; never makes more of it than `MAX_CONTENT_BYTES`. Raises `ContentDamaged`."""
    form, rest = data[:1], data[1:]
    try:
        content = json.loads(rest if form == _PLAIN else _decompressed(form, rest))
    except (ValueError, zlib.error, RecursionError) as error:
        raise ContentDamaged(type(error).__name__) from None
    if not isinstance(content, dict):
        raise ContentDamaged("no object")
    return content


def _decompressed(form: bytes, data: bytes) -> bytes:
    if form != _COMPRESSED:
        raise ContentDamaged("another form")
    unpacking = zlib.decompressobj()
    plain = unpacking.decompress(data, MAX_CONTENT_BYTES)
    if not unpacking.eof:
        raise ContentDamaged("incomplete, or beyond the limit")
    return plain


def chunks_of(sealed: bytes) -> tuple[bytes, ...]:
    """What lies in chunks of their own; nothing where it fits into the head."""
    if len(sealed) <= MAX_INLINE_BYTES:
        return ()
    return tuple(sealed[at : at + CHUNK_BYTES] for at in range(0, len(sealed), CHUNK_BYTES))


def digest_of(sealed: bytes) -> str:
    return hashlib.sha256(sealed).digest()[:_DIGEST_BYTES].hex()
