"""Makes `service/passwords/common_passwords.bin` from a list of passwords, the commonest first.

Usage: python -m release.common_passwords LIST

LIST is SecLists' `10-million-password-list-top-1000000.txt` (MIT licence). The file holds the
100,000 commonest of those with at least 8 characters, and every one with at least 15.
"""

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from service.passwords.common_passwords import LIST, digest_of

COMMONEST = 100_000
MIN_CHARACTERS = 8
ALWAYS_FROM_CHARACTERS = 15


def digests(passwords: Iterable[str]) -> bytes:
    """The file's content."""
    usable = [each for each in passwords if len(each) >= MIN_CHARACTERS]
    commonest = dict.fromkeys(map(digest_of, usable))
    long = {digest_of(each) for each in usable if len(each) >= ALWAYS_FROM_CHARACTERS}
    return b"".join(sorted({*islice(commonest, COMMONEST), *long}))


def main(list_file: str) -> None:
    text = Path(list_file).read_text(encoding="utf-8", errors="replace")
    LIST.write_bytes(digests(text.splitlines()))


if __name__ == "__main__":
    main(sys.argv[1])
