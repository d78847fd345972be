"""The parameters that Twitch's API takes, and nothing else: unknown ones are refused, so that
a mistake shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from devstack.simulators.twitch.errors import TwitchError

MAX_VALUES = 100
KINDS = ("all", "upload", "archive", "highlight")
PERIODS = ("all", "day", "week", "month")
SORTS = ("time", "trending", "views")
USUAL_FIRST = 20

Query = Mapping[str, list[str]]


@dataclass(frozen=True)
class VideoQuery:
    """Either ids, or a user's recordings of a kind, newest first: `first` of them after that
    many."""

    ids: tuple[str, ...] = ()
    user_id: str = ""
    kind: str = "all"
    first: int = USUAL_FIRST
    after: int = 0


def query_of(path: str, allowed: set[str]) -> Query:
    """The parameters of an address. Raises `TwitchError`."""
    try:
        found = parse_qs(urlsplit(path).query, keep_blank_values=True, max_num_fields=MAX_VALUES)
    except ValueError:
        raise TwitchError(400, "too many parameters") from None
    if unknown := found.keys() - allowed:
        raise TwitchError(400, f"unknown parameter {sorted(unknown)[0]}")
    return found


def video_query(path: str) -> VideoQuery:
    """Raises `TwitchError`."""
    known = {"id", "user_id", "game_id", "language", "period", "sort", "type"}
    query = query_of(path, known | {"first", "after", "before"})
    chosen = [name for name in ("id", "user_id", "game_id") if query.get(name)]
    if len(chosen) != 1:
        raise TwitchError(400, "Must provide exactly one of id, user_id or game_id")
    if chosen == ["game_id"]:
        raise TwitchError(400, "game_id is not simulated")
    if chosen == ["id"]:
        return VideoQuery(ids=_ids(query["id"]))
    _one_of(query, "period", PERIODS)
    _one_of(query, "sort", SORTS)
    return VideoQuery(
        user_id=_ids(query["user_id"][:1])[0],
        kind=_one_of(query, "type", KINDS),
        first=_number(query, "first", USUAL_FIRST, 1, 100),
        after=_cursor(query),
    )


def _ids(values: list[str]) -> tuple[str, ...]:
    if any(not each.isdecimal() or not each.isascii() or len(each) > 20 for each in values):
        raise TwitchError(400, 'The parameter "id" was malformed')
    return tuple(values)


def _one_of(query: Query, name: str, values: tuple[str, ...]) -> str:
    value = query.get(name, [values[0]])[0]
    if value not in values:
        raise TwitchError(400, f'The parameter "{name}" was malformed')
    return value


def _number(query: Query, name: str, usual: int, low: int, high: int) -> int:
    text = query.get(name, [str(usual)])[0]
    if not (text.isascii() and text.isdecimal()) or not low <= int(text[:6]) <= high:
        raise TwitchError(400, f'The parameter "{name}" was malformed')
    return int(text)


def _cursor(query: Query) -> int:
    text = query.get("after", ["c0"])[0]
    if not text.startswith("c") or not text[1:].isdecimal():
        raise TwitchError(400, 'The parameter "after" was malformed')
    return int(text[1:8])
