"""Texts that a client sends in place of an identifier that it does not have. Pure.

A failed library, an unset variable or a template that was not filled in sends the same text from
every device: whoever takes it for an identifier takes all of them for one."""

import re
import unicodedata

MIN_DEVICE_CHARACTERS = 4

# Letters and digits alone, in lower case: `n/a`, `[object Object]`, `(null)` and `<nil>` are here.
_NOTHING = frozenset(
    """
    null nil none undefined undef unknown unset empty missing absent anonymous default na nan inf
    infinity true false error failed failure timeout blocked disabled denied unavailable unsupported
    notavailable notsupported notfound notset novalue loading pending todo tbd placeholder
    objectobject objectpromise objectundefined objectnull void
    """.split()  # noqa: SIM905 - a list would take fifty lines
)
# Around such a word they add nothing: `fp-undefined`, `device: null`, `Optional(nil)`.
_LABELS = frozenset(
    """
    fp fingerprint device browser visitor client user web app ios android mobile desktop id key uuid
    visitorid deviceid clientid userid hash optional the is not object promise value string number
    symbol
    """.split()  # noqa: SIM905
)
# What a device reports when it hides its own address or id, and what a hash function makes of an
# empty text (MD5, SHA-1, SHA-256).
_SHARED = frozenset(
    {
        "020000000000",  # Android's and iOS's stand-in for a hardware address
        "9774d56d682e549c",  # the Android id that a whole series of devices shares
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)
_WORDS = re.compile(r"[^\W_]+")


def is_placeholder(text: str) -> bool:
    """Whether the text says that there is no value: blank, or made of such words alone."""
    words = _words(text)
    if not words:
        return True
    if "".join(words) in _NOTHING:
        return True
    known = [word for word in words if word in _NOTHING]
    return bool(known) and all(word in _NOTHING or word in _LABELS for word in words)


def identifies_a_device(text: str) -> bool:
    """Whether the text can distinguish one device from others: no placeholder, bare label or value
    that many devices share, at least four letters or digits that are not all the same."""
    words = _words(text)
    letters = "".join(words)
    return not (
        len(letters) < MIN_DEVICE_CHARACTERS
        or len(set(letters)) == 1
        or letters in _SHARED
        or all(word in _LABELS for word in words)
        or is_placeholder(text)
    )


def _words(text: str) -> list[str]:
    return _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
