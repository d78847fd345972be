"""Bytes of a file that lies elsewhere, fetched as they are needed and never more than a bound."""

from collections.abc import Callable
from typing import Protocol

from service.media.image_headers import HeaderUnreadable

PAGE_BYTES = 64 * 1024
MAX_PAGES = 24

ReadRange = Callable[[int, int], bytes]
"""Returns that many bytes from that position on."""


class Source(Protocol):
    """A file of `size` bytes. `read` returns the bytes from that position on: fewer only where the
    file ends. Raises `HeaderUnreadable` once too much of it was needed."""

    size: int

    def read(self, position: int, length: int) -> bytes: ...


class Pages:
    """A `Source` that fetches pages of 64 KB, at most `MAX_PAGES` of them: whoever made the file
    decides where its headers lie."""

    def __init__(self, size: int, read_range: ReadRange) -> None:
        self.size = size
        self._read_range = read_range
        self._pages: dict[int, bytes] = {}

    def read(self, position: int, length: int) -> bytes:
        end = min(position + length, self.size)
        if position >= end:
            return b""
        first, last = position // PAGE_BYTES, (end - 1) // PAGE_BYTES
        content = b"".join(self._page(number) for number in range(first, last + 1))
        start = position - first * PAGE_BYTES
        return content[start : start + end - position]

    def whole(self) -> bytes:
        """All of it, in one piece: for files whose size is bounded elsewhere."""
        return self._read_range(0, self.size)

    def _page(self, number: int) -> bytes:
        if number not in self._pages:
            if len(self._pages) >= MAX_PAGES:
                raise HeaderUnreadable("The file's headers are scattered over too much of it.")
            start = number * PAGE_BYTES
            self._pages[number] = self._read_range(start, min(PAGE_BYTES, self.size - start))
        return self._pages[number]


def required(source: Source, position: int, length: int) -> bytes:
    """Exactly that many bytes. Raises `HeaderUnreadable` for a file that ends before."""
    content = source.read(position, length)
    if len(content) < length:
        raise cut_off()
    return content


def cut_off() -> HeaderUnreadable:
    return HeaderUnreadable("The file is cut off: it ends before its headers say.")


def damaged() -> HeaderUnreadable:
    return HeaderUnreadable("The file's headers cannot be read; it is damaged.")
