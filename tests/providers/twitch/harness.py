"""Twitch's client, and what the simulated Twitch received from it."""

from dataclasses import dataclass, field
from typing import Any

import requests

from service.core.settings import Secret
from service.providers.base import Broadcast, BroadcastLookup, FoundBroadcast, SoughtBroadcast
from service.providers.http import ProviderHttp
from service.providers.twitch.client import Twitch
from service.providers.twitch.credentials import TwitchAccess, TwitchKeys
from tests.doubles.quick import QuickClock
from tests.providers.kling.harness import Counting

KEYS = TwitchKeys("farebox-local-twitch-application", Secret("farebox-local-twitch-secret"))
CHANNEL = "lighthousetv"
VIDEO = "2000000002"


class StridingClock(QuickClock):
    """Pauses end at once, and count as having passed."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.passed = 0.0
        self.pauses: list[float] = []

    def now(self) -> int:
        return super().now() + round(self.passed * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.passed

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.passed += seconds


@dataclass
class TwitchHarness:
    url: str
    keys: list[TwitchKeys] = field(default_factory=lambda: [KEYS])
    metrics: Counting = field(default_factory=Counting)
    clock: StridingClock = field(default_factory=StridingClock)
    client: Twitch = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.connected()

    def connected(self, url: str | None = None, seconds: float = 8.0) -> Twitch:
        """Reads its keys one after the other, the last of them again and again."""
        http, base = ProviderHttp(self.clock), url or f"{self.url}/twitch"

        def read() -> TwitchKeys:
            return self.keys.pop(0) if len(self.keys) > 1 else self.keys[0]

        access = TwitchAccess(read, http, f"{base}/oauth2/token", self.clock)
        return Twitch(http, access, self.clock, self.metrics, f"{base}/helix", seconds)

    def find(self, channel: str = "", video_id: str = "", client: Any = None) -> BroadcastLookup:
        until = self.clock.monotonic() + 60
        sought = SoughtBroadcast("job_1", channel, video_id)
        found: BroadcastLookup = (client or self.client).find(sought, until)
        return found

    def found(self, channel: str = "", video_id: str = "") -> Broadcast:
        lookup = self.find(channel, video_id)
        assert isinstance(lookup, FoundBroadcast), lookup
        return lookup.broadcast

    def fault(self, operation: str, fault: str, **more: Any) -> None:
        body = {"service": "twitch", "operation": operation, "fault": fault, **more}
        self.call("POST", "/__faults", json=body)

    def journal(self, operation: str) -> list[dict[str, Any]]:
        query = {"service": "twitch", "operation": operation}
        found: list[dict[str, Any]] = self.call("GET", "/__journal", params=query)["requests"]
        return found

    def call(self, method: str, path: str, **options: Any) -> Any:
        response = requests.request(method, self.url + path, timeout=30, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def reset(self) -> None:
        for path in ("/twitch/__books", "/__faults", "/__journal"):
            self.call("DELETE", path)
