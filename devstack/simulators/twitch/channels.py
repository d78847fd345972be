"""The channels of the simulated Twitch, what they show and what Twitch keeps of it."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from service.core.clock import Clock, iso

MAX_CHANNELS = 1_000
MAX_VIDEOS = 1_000
HOUR = 3_600_000
CHANNEL = "lighthousetv"


@dataclass(frozen=True)
class Video:
    """A recording. `started_at` is in epoch milliseconds."""

    video_id: str
    title: str
    started_at: int
    seconds: int
    kind: str = "archive"


@dataclass(frozen=True)
class Channel:
    """`live_title` None: it shows nothing at present."""

    user_id: str
    login: str
    name: str
    live_title: str | None = None
    live_since: int = 0
    videos: tuple[Video, ...] = field(default=())


class Channels:
    """At most 1,000 channels. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._channels: dict[str, Channel] = {}
        self.reset()

    def reset(self) -> None:
        """One channel, on the air for an hour, with two recordings."""
        now = self._clock.now()
        videos = (
            Video("2000000002", "Harbour lights, second evening", now - 26 * HOUR, 3 * 3600 + 513),
            Video("2000000001", "Harbour lights", now - 50 * HOUR, 201),
        )
        seeded = Channel(
            "1000001", CHANNEL, "LighthouseTV", "Live from the lantern room", now - HOUR, videos
        )
        with self._lock:
            self._channels = {CHANNEL: seeded}

    def put(self, login: str, name: str, live_title: str | None) -> Channel:
        """Makes a channel, or changes one. Raises `OverflowError`."""
        now = self._clock.now()
        with self._lock:
            known = self._channels.get(login)
            if known is None and len(self._channels) >= MAX_CHANNELS:
                raise OverflowError
            base = known or Channel(f"{2_000_000 + next(self._numbers)}", login, name)
            made = replace(base, name=name, live_title=live_title, live_since=now - HOUR)
            self._channels[login] = made
            return made

    def add_video(self, login: str, title: str, seconds: int, kind: str) -> Video:
        """Raises `KeyError` and `OverflowError`."""
        with self._lock:
            channel = self._channels[login]
            if len(channel.videos) >= MAX_VIDEOS:
                raise OverflowError
            started_at = self._clock.now() - seconds * 1000
            video = Video(
                f"{2_100_000_000 + next(self._numbers)}", title, started_at, seconds, kind
            )
            self._channels[login] = replace(channel, videos=(video, *channel.videos))
            return video

    def remove_video(self, video_id: str) -> bool:
        """A recording vanishes. Returns whether it was there."""
        with self._lock:
            for login, channel in self._channels.items():
                kept = tuple(each for each in channel.videos if each.video_id != video_id)
                if len(kept) < len(channel.videos):
                    self._channels[login] = replace(channel, videos=kept)
                    return True
        return False

    def of_login(self, login: str) -> Channel | None:
        with self._lock:
            return self._channels.get(login.lower())

    def of_id(self, user_id: str) -> Channel | None:
        with self._lock:
            return next((each for each in self._channels.values() if each.user_id == user_id), None)

    def videos(self, video_ids: Sequence[str]) -> list[tuple[Channel, Video]]:
        """In the order of the ids, each once; unknown ones are left out."""
        with self._lock:
            known = {
                video.video_id: (channel, video)
                for channel in self._channels.values()
                for video in channel.videos
            }
        return [known[each] for each in dict.fromkeys(video_ids) if each in known]


def user_view(channel: Channel) -> dict[str, object]:
    return {
        "id": channel.user_id,
        "login": channel.login,
        "display_name": channel.name,
        "type": "",
        "broadcaster_type": "affiliate",
        "description": "",
        "profile_image_url": f"https://static.example/{channel.login}.png",
        "offline_image_url": "",
        "view_count": 0,
        "created_at": "2020-05-01T12:00:00Z",
    }


def stream_view(channel: Channel) -> dict[str, object]:
    return {
        "id": f"4{channel.user_id}",
        "user_id": channel.user_id,
        "user_login": channel.login,
        "user_name": channel.name,
        "game_id": "509658",
        "game_name": "Just Chatting",
        "type": "live",
        "title": channel.live_title,
        "tags": [],
        "viewer_count": 17,
        "started_at": _time(channel.live_since),
        "language": "en",
        "thumbnail_url": f"https://static.example/{channel.login}-{{width}}x{{height}}.jpg",
        "is_mature": False,
    }


def video_view(channel: Channel, video: Video) -> dict[str, object]:
    return {
        "id": video.video_id,
        "stream_id": f"4{channel.user_id}" if video.kind == "archive" else None,
        "user_id": channel.user_id,
        "user_login": channel.login,
        "user_name": channel.name,
        "title": video.title,
        "description": "",
        "created_at": _time(video.started_at),
        "published_at": _time(video.started_at),
        "url": f"https://www.twitch.tv/videos/{video.video_id}",
        "thumbnail_url": "https://static.example/thumb-%{width}x%{height}.jpg",
        "viewable": "public",
        "view_count": 3,
        "language": "en",
        "type": video.kind,
        "duration": duration_of(video.seconds),
        "muted_segments": None,
    }


def duration_of(seconds: int) -> str:
    """As Twitch writes a length: units that are nothing are left out."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _time(at: int) -> str:
    return f"{iso(at)[:-5]}Z"
