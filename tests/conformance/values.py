"""Generated values of every type of DynamoDB, in DynamoDB's own form, ordinary and strange."""

from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any

Value = dict[str, Any]

TEXTS = (
    "a",
    "open",
    "2",
    "Grüße",
    "日本語",
    "e\u0301",
    "😀👩‍👩‍👧",
    "a 'quoted' \"word\"",
    "back\\slash \\u0041 \\n",
    "</script><!-- & -->",
    "\x00\x01\x1f\x7f",
    "line\nline\r\n\ttab",
    "\u2028\u2029\ufeff\u200b",
    "\ufffd\uffff\U0010ffff",
    "x" * 2_000,
)
LONE_SURROGATES = ("\ud800", "a\udc00b", "\ude00\ud83d")
NUMBERS = (
    "0",
    "-0",
    "1",
    "-7",
    "007",
    "+5",
    "1.50",
    "0.1",
    "1e3",
    "1790000000000",
    "9" * 38,
    "-" + "9" * 38,
    "0." + "3" * 38,
    "1E-130",
    "9.9999999999999999999999999999999999999E+125",
)
MAX_DEPTH = 4
MAX_LARGE_BYTES = 390_000


def text(random: Random) -> str:
    """Never empty: it can be a key."""
    return random.choice(LONE_SURROGATES if random.random() < 0.02 else TEXTS)


def value(random: Random, depth: int = 0) -> Value:
    """One value of any type, nested up to `MAX_DEPTH`."""
    kinds = _FLAT if depth >= MAX_DEPTH else _FLAT + _NESTED
    return random.choice(kinds)(random, depth)


def number(random: Random) -> Value:
    digits = str(random.randrange(10**12)) if random.random() < 0.3 else random.choice(NUMBERS)
    return {"N": digits}


def large(random: Random) -> Value:
    """A text of up to `MAX_LARGE_BYTES` in UTF-8, as DynamoDB measures it."""
    character = random.choice(("x", "é", "😀", '"', "\\", "\x01"))
    size = random.choice((5_000, 100_000, MAX_LARGE_BYTES))
    return {"S": character * (size // len(character.encode()))}


def deep(levels: int) -> Value:
    """A text within that many lists and maps. DynamoDB allows 32 levels."""
    nested: Value = {"S": "deep"}
    for level in range(levels):
        nested = {"M": {"in": nested}} if level % 2 else {"L": [nested]}
    return nested


def _string(random: Random, depth: int) -> Value:
    return {"S": "" if random.random() < 0.1 else text(random)}


def _number(random: Random, depth: int) -> Value:
    return number(random)


def _flag(random: Random, depth: int) -> Value:
    return {"BOOL": random.random() < 0.5}


def _null(random: Random, depth: int) -> Value:
    return {"NULL": True}


def _binary(random: Random, depth: int) -> Value:
    return {"B": _bytes(random)}


def _strings(random: Random, depth: int) -> Value:
    return {"SS": random.sample(TEXTS, random.randint(1, 4))}


def _numbers(random: Random, depth: int) -> Value:
    return {"NS": [str(each) for each in random.sample(range(-50, 50), random.randint(1, 4))]}


def _binaries(random: Random, depth: int) -> Value:
    return {"BS": sorted({_bytes(random) for _ in range(random.randint(1, 3))})}


def _list(random: Random, depth: int) -> Value:
    return {"L": [value(random, depth + 1) for _ in range(random.randint(0, 3))]}


def _map(random: Random, depth: int) -> Value:
    return {"M": {text(random): value(random, depth + 1) for _ in range(random.randint(0, 3))}}


def _bytes(random: Random) -> str:
    return b64encode(random.randbytes(random.randint(0, 40))).decode()


_Kind = Callable[[Random, int], Value]
_FLAT: tuple[_Kind, ...] = (
    _string,
    _string,
    _number,
    _number,
    _flag,
    _null,
    _binary,
    _strings,
    _numbers,
    _binaries,
)
_NESTED: tuple[_Kind, ...] = (_list, _map)
