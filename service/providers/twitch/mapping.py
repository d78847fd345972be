"""What Twitch's responses say (https://dev.twitch.tv/docs/api/reference/). Pure.

Titles and names are a streamer's own words: bounded, without control characters, and never more
than data."""

import re
from collections.abc import Mapping
from typing import Any

from service.core.clock import from_foreign_iso
from service.providers.base import Broadcast
from service.providers.http import Reply

MAX_TITLE = 300
MAX_NAME = 60
MAX_ITEMS = 100
MAX_MESSAGE = 200
MAX_VIDEO_SECONDS = 7 * 24 * 3600
VIDEO_URL = "https://www.twitch.tv/videos/"
CHANNEL_URL = "https://www.twitch.tv/"
_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s)?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,20}")
_LOGIN = re.compile(r"[a-z0-9_]{1,25}")


class Unusable(ValueError):
    """A response that is not what Twitch sends."""


def items_of(reply: Reply) -> list[Mapping[str, Any]]:
    """The objects of a list. Raises `Unusable`."""
    body = reply.json()
    items = body.get("data") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) > MAX_ITEMS:
        raise Unusable("no list")
    if not all(isinstance(each, dict) for each in items):
        raise Unusable("no objects")
    return items


def is_own_error(reply: Reply) -> bool:
    """Whether it is Twitch's error, and not one of something in front of it."""
    body = reply.json()
    return isinstance(body, dict) and body.get("status") == reply.status


def message_of(reply: Reply) -> str:
    """Twitch's words, for the log."""
    body = reply.json()
    message = body.get("message") if isinstance(body, dict) else None
    return message[:MAX_MESSAGE] if isinstance(message, str) else ""


def user_of(item: Mapping[str, Any], login: str) -> tuple[str, str]:
    """A user's id and name. Raises `Unusable`, also for another user's."""
    user_id = item.get("id")
    if item.get("login") != login or not _is_id(user_id):
        raise Unusable("another user")
    return str(user_id), _text(item.get("display_name"), MAX_NAME) or login


def live_of(item: Mapping[str, Any], user_id: str, login: str, name: str) -> Broadcast:
    """A channel that is on the air. Raises `Unusable`."""
    if item.get("user_id") != user_id:
        raise Unusable("another user's stream")
    return Broadcast(
        channel=name,
        title=_text(item.get("title"), MAX_TITLE),
        url=CHANNEL_URL + login,
        started_at=_time(item.get("started_at")),
        is_live=True,
    )


def off_the_air(login: str, name: str) -> Broadcast:
    """A channel that shows nothing and has kept nothing."""
    return Broadcast(channel=name, title="", url=CHANNEL_URL + login)


def video_of(item: Mapping[str, Any], video_id: str | None = None) -> Broadcast:
    """A recording that Twitch keeps. Raises `Unusable`, also for another than the one that was
    requested."""
    found = item.get("id")
    if not _is_id(found) or video_id not in (None, found):
        raise Unusable("another video")
    return Broadcast(
        channel=_text(item.get("user_name"), MAX_NAME) or _login(item.get("user_login")),
        title=_text(item.get("title"), MAX_TITLE),
        url=f"{VIDEO_URL}{found}",
        started_at=_time(item.get("created_at")),
        seconds=seconds_of(item.get("duration")),
        video_id=str(found),
    )


def seconds_of(text: object) -> int | None:
    """The seconds of a length such as `3h8m33s`; None for what is none."""
    matched = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if matched is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in matched.groups())
    return min(hours * 3600 + minutes * 60 + seconds, MAX_VIDEO_SECONDS)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_DIGITS.fullmatch(value))


def _login(value: object) -> str:
    return value if isinstance(value, str) and _LOGIN.fullmatch(value) else ""


def _text(value: object, maximum: int) -> str:
    """Bounded, on one line, and in UTF-8: half a surrogate pair, which JSON can spell, has none."""
    if not isinstance(value, str):
        return ""
    printable = "".join(each if each.isprintable() else " " for each in value[: 4 * maximum])
    return " ".join(printable.split())[:maximum]


def _time(value: object) -> int | None:
    """Epoch milliseconds; None for what is no time."""
    try:
        return from_foreign_iso(value) if isinstance(value, str) else None
    except ValueError:
        return None
