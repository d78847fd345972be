"""The anchors of a table in its bucket: one manifest, and the objects that it names.

In a file of its own, next to the records: a record is a bookmark of one day, the anchors are what
one day leaves to the next."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from service.audit.anchors import (
    Anchor,
    AnchorsDamaged,
    Chunk,
    Comparison,
    Manifest,
    anchors_in,
    chunk_of,
)
from service.storage.checks import Violation
from service.storage.objects import ObjectChanged, Objects, ObjectsUnavailable


class AnchorObjects:
    """Reads and writes anchors under a prefix."""

    def __init__(self, objects: Objects, prefix: str, mac_key: bytes) -> None:
        self._objects = objects
        self._prefix = prefix
        self._mac_key = mac_key
        self.key = f"{prefix}/anchors.json"

    def last(self) -> tuple[Manifest, str]:
        """The manifest, and the tag needed to overwrite it. Writes an empty one where there is
        none: so no role needs to list the bucket. Raises `AnchorsDamaged` and
        `ObjectsUnavailable`."""
        empty = Manifest()
        try:
            return empty, self._objects.write(self.key, empty.body(self._mac_key), None)
        except ObjectChanged:
            stored = self._objects.read(self.key)
        if stored is None:
            raise ObjectsUnavailable("it does not hold still")
        return Manifest.from_body(stored.body, self._mac_key), stored.tag

    def read(self, chunks: Iterable[Chunk]) -> Iterator[Anchor]:
        """Raises `AnchorsDamaged` and `ObjectsUnavailable`."""
        return chain.from_iterable(map(self._read, chunks))

    def _read(self, chunk: Chunk) -> Iterator[Anchor]:
        stored = self._objects.read(chunk.key)
        if stored is None:
            raise AnchorsDamaged(f"{chunk.key} is gone")
        return anchors_in(chunk, stored.body, self._mac_key)

    def write(self, name: str, anchors: list[Anchor]) -> Chunk:
        """Raises `ObjectsUnavailable`, and `ObjectChanged` for a name that was used before."""
        chunk, body = chunk_of(f"{self._prefix}/anchors/{name}", anchors, self._mac_key)
        self._objects.write(chunk.key, body, None)
        return chunk

    def advance(self, manifest: Manifest, over: str) -> None:
        """Raises `ObjectChanged` and `ObjectsUnavailable`."""
        self._objects.write(self.key, manifest.body(self._mac_key), over)

    def mac(self, manifest: Manifest) -> str:
        return manifest.mac(self._mac_key)


class Tracking:
    """One run's comparison with the last audit, and the anchors that the whole audit leaves.
    `comparison` is None while nothing can be compared."""

    def __init__(self, objects: AnchorObjects, on_message: Callable[[str], None]) -> None:
        self._objects = objects
        self._said = on_message
        self._manifest = Manifest()
        self._tag = ""
        self._owner = ""
        self._writes = 0
        self.comparison: Comparison | None = None

    def begin(self, owner: str, compared_with: str | None, chunks: tuple[Chunk, ...]) -> str:
        """`compared_with` is the seal of the manifest that earlier runs of this audit compared with
        ("" for none; None: there was no earlier run), `chunks` what they have kept. Returns the
        seal of the manifest that this run compares with. Never raises."""
        self._owner = owner
        try:
            self._manifest, self._tag = self._objects.last()
            mac = self._objects.mac(self._manifest)
            if compared_with not in (None, mac):
                self._said("This audit goes on without comparing wallets with an earlier one.")
                return ""
            self.comparison = self._comparison(chunks)
            return mac
        except AnchorsDamaged as error:
            return self._damaged(error)
        except ObjectsUnavailable as error:
            self._said(
                f"{self._objects.key} cannot be read or written ({error}); wallets are not "
                "compared with an earlier audit."
            )
            return ""

    def _comparison(self, chunks: tuple[Chunk, ...]) -> Comparison:
        last = self._manifest
        comparison = Comparison(self._objects.read(last.chunks), last.day, last.finished)
        comparison.forget(self._objects.read(chunks))
        return comparison

    def _damaged(self, error: AnchorsDamaged) -> str:
        """A violation, and nothing is compared or kept until an operator has investigated."""
        what = f"the anchors of the last audit are not what it wrote ({error})"
        self.comparison = Comparison((), "", 0, Violation(self._objects.key, what))
        self._tag = ""
        return ""

    def keep(self) -> tuple[Chunk, ...]:
        """Writes what was collected since the last call, and returns the chunk (none if that was
        nothing). Raises `ObjectsUnavailable`; nothing collected is lost then."""
        taken = self.comparison.take() if self.comparison and self._tag else []
        if not taken or self.comparison is None:
            return ()
        self._writes += 1
        try:
            return (self._objects.write(f"{self._owner}-{self._writes:05d}", taken),)
        except (ObjectsUnavailable, ObjectChanged) as error:
            self.comparison.put_back(taken)
            raise ObjectsUnavailable(str(error)) from error

    def finish(self, day: str, now: int, chunks: tuple[Chunk, ...]) -> None:
        """Leaves the anchors to the next audit, if every wallet was compared. Never raises."""
        if self.comparison is None or not self._tag:
            return
        previous = self._objects.mac(self._manifest)
        manifest = Manifest(day, now, chunks, previous)
        wallets = sum(chunk.wallets for chunk in chunks)
        try:
            self._objects.advance(manifest, self._tag)
        except (ObjectsUnavailable, ObjectChanged) as error:
            self._said(f"{self._objects.key} could not be written ({error}): it stays as it was.")
            return
        seal = self._objects.mac(manifest)
        self._said(f"Where {wallets} wallets are is kept for the next audit (seal {seal}).")
