"""Twitch's API: which broadcast a video or a channel is (`/users`, `/streams`, `/videos`).

Every call only reads, so that one without a usable response may be made again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlencode

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.providers.base import (
    Broadcast,
    BroadcastLookup,
    FoundBroadcast,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    SoughtBroadcast,
)
from service.providers.http import NeverSent, NoResponse, ProviderHttp, Reply
from service.providers.reports import Reports
from service.providers.twitch.credentials import Access, TokenRefused, TwitchAccess
from service.providers.twitch.mapping import (
    Unusable,
    is_own_error,
    items_of,
    live_of,
    message_of,
    off_the_air,
    user_of,
    video_of,
)
from service.providers.twitch.rate_limit import RateLimit
from service.storage.secrets import SecretUnavailable

log = structlog.get_logger()

MAX_SENDS = 3
QUERY = "find"


class _Ended(Exception):
    """The search has come to that end."""

    def __init__(self, lookup: BroadcastLookup) -> None:
        super().__init__(type(lookup).__name__)
        self.lookup = lookup


class Twitch:
    """The provider "twitch". See `service.providers.base.BroadcastProvider` for what its methods
    promise."""

    name = "twitch"

    def __init__(
        self,
        http: ProviderHttp,
        access: TwitchAccess,
        clock: Clock,
        metrics: Metrics,
        base_url: str,
        query_seconds: float,
    ) -> None:
        self._http = http
        self._access = access
        self._clock = clock
        self._metrics = metrics
        self._base_url = base_url.rstrip("/")
        self._query_seconds = query_seconds
        self._limit = RateLimit(clock)
        self._reports = Reports(self.name, metrics, clock)

    def find(self, sought: SoughtBroadcast, until: float) -> BroadcastLookup:
        until = min(until, self._clock.monotonic() + self._query_seconds)
        try:
            if sought.video_id:
                return FoundBroadcast(self._video(sought, until))
            return FoundBroadcast(self._channel(sought, until))
        except _Ended as ended:
            return ended.lookup
        except Unusable as error:
            log.warning("provider_error", provider=self.name, operation=QUERY, reason=str(error))
            self._metrics.count(Metric.PROVIDER_ERRORS, provider=self.name, provider_code="other")
            return Indeterminate()

    def _video(self, sought: SoughtBroadcast, until: float) -> Broadcast:
        found = self._items("videos", {"id": sought.video_id}, sought.job_id, until)
        if not found:
            raise _Ended(NotFound())
        return video_of(found[0], sought.video_id)

    def _channel(self, sought: SoughtBroadcast, until: float) -> Broadcast:
        """What the channel shows at this moment, else the newest recording of what it showed."""
        login, job_id = sought.channel, sought.job_id
        users = self._items("users", {"login": login}, job_id, until)
        if not users:
            raise _Ended(NotFound())
        user_id, name = user_of(users[0], login)
        streams = self._items("streams", {"user_id": user_id}, job_id, until)
        if streams:
            return live_of(streams[0], user_id, login, name)
        kept = {"user_id": user_id, "type": "archive", "sort": "time", "first": "1"}
        videos = self._items("videos", kept, job_id, until)
        return video_of(videos[0]) if videos else off_the_air(login, name)

    def _items(
        self, path: str, query: Mapping[str, str], job_id: str, until: float
    ) -> Sequence[Mapping[str, Any]]:
        """Raises `_Ended` and `Unusable`."""
        url = f"{self._base_url}/{path}?{urlencode(query)}"
        lookup: BroadcastLookup = Indeterminate()
        renewed = False
        for _ in range(MAX_SENDS):
            self._await_limit(until)
            access = self._granted(job_id, until)
            reply = self._reply(url, access, job_id, until)
            if reply is None:
                continue
            self._limit.note(reply.status, reply.headers)
            if reply.status == 200:
                return items_of(reply)
            lookup = self._refused(reply, job_id)
            if reply.status == 401 and not renewed:
                self._access.renew(access)
                renewed = True
            elif isinstance(lookup, NotFound) or lookup == Rejected(RejectionReason.UNAVAILABLE):
                break
        if lookup == Rejected(RejectionReason.UNAVAILABLE):
            self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self.name)
        raise _Ended(lookup)

    def _await_limit(self, until: float) -> None:
        """Waits until Twitch takes more calls, unless that is too late. Raises `_Ended`."""
        seconds = self._limit.seconds()
        if self._clock.monotonic() + seconds >= until:
            raise _Ended(Rejected(RejectionReason.BUSY) if seconds else Indeterminate())
        if seconds:
            self._clock.sleep(seconds)

    def _granted(self, job_id: str, until: float) -> Access:
        """Raises `_Ended`."""
        try:
            return self._access.current(until)
        except TokenRefused as refused:
            self._end_without_token(refused.reply, job_id)
        except SecretUnavailable as error:
            self._reports.not_reached("token", job_id, error)
            raise _Ended(Rejected(RejectionReason.UNAVAILABLE)) from error
        except (NeverSent, NoResponse) as error:
            self._reports.not_reached("token", job_id, error)
            self._metrics.count(Metric.PROVIDER_NOT_REACHED, provider=self.name)
            raise _Ended(Indeterminate()) from error

    def _end_without_token(self, reply: Reply, job_id: str) -> NoReturn:
        self._report("token", reply, job_id)
        if reply.status == 429:
            raise _Ended(Rejected(RejectionReason.BUSY))
        if reply.status in (400, 401, 403) and is_own_error(reply):
            self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self.name)
            raise _Ended(Rejected(RejectionReason.UNAVAILABLE))
        raise _Ended(Indeterminate())

    def _reply(self, url: str, access: Access, job_id: str, until: float) -> Reply | None:
        """None where no whole response comes."""
        headers = {
            "Authorization": f"Bearer {access.token}",
            "Client-Id": access.client_id,
            "Accept-Encoding": "identity",
        }
        started = self._clock.monotonic()
        try:
            return self._timed(lambda: self._http.get(url, headers, until))
        except NoResponse:
            self._reports.silent(QUERY, job_id, started)
            return None

    def _refused(self, reply: Reply, job_id: str) -> BroadcastLookup:
        self._report(QUERY, reply, job_id)
        if reply.status == 429:
            return Rejected(RejectionReason.BUSY)
        if not is_own_error(reply):
            return Indeterminate()
        if reply.status == 404:
            return NotFound()
        if reply.status >= 500:
            return Indeterminate()
        # A 400 is also what Twitch sends to whoever makes too many calls at once.
        return Rejected(RejectionReason.UNAVAILABLE) if reply.status != 400 else Indeterminate()

    def _report(self, operation: str, reply: Reply, job_id: str) -> None:
        """Twitch's words go to the log, for the operator; never to the client."""
        log.warning(
            "provider_error",
            provider=self.name,
            operation=operation,
            job_id=job_id,
            status=reply.status,
            provider_message=message_of(reply),
        )
        code = str(reply.status) if is_own_error(reply) else "other"
        self._metrics.count(Metric.PROVIDER_ERRORS, provider=self.name, provider_code=code)

    def _timed(self, send: Callable[[], Reply]) -> Reply:
        started = self._clock.monotonic()
        try:
            return send()
        finally:
            elapsed = (self._clock.monotonic() - started) * 1000
            self._metrics.timing(
                Metric.PROVIDER_LATENCY, elapsed, provider=self.name, operation=QUERY
            )
