"""Texts that look like a server key and must be refused, made of a good one and its id."""

from collections.abc import Callable

OTHER_ID = "01kb7r3v6q8f2x0m4n5p6q7r8s"


def flipped(text: str, place: int) -> str:
    """With another letter there."""
    changed = "A" if text[place] != "A" else "B"
    return text[:place] + changed + text[place:][1:]


CORPUS: dict[str, Callable[[str], str]] = {
    "prefix alone": lambda key: "sk_",
    "of another service": lambda key: "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "cut short": lambda key: key[:-1],
    "with a letter more": lambda key: key + "A",
    "without its MAC": lambda key: key[:-23],
    "in capitals": lambda key: "sk_" + key[3:].upper(),
    "with another secret": lambda key: flipped(key, 40),
    "with another MAC": lambda key: flipped(key, -22),
    "with a spare bit of its MAC": lambda key: key[:-1] + ("B" if key[-1] == "A" else "A"),
    "with another id": lambda key: f"sk_{OTHER_ID}{key[29:]}",
    "with padding": lambda key: key + "=",
    "of a megabyte": lambda key: "sk_" + "a" * 1_000_000,
    "a token behind the prefix": lambda key: "sk_eyJhbGciOiJub25lIn0.e30.",
}
