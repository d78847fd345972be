"""The door to providers: HTTP requests of which it is known whether they can have arrived."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from service.clock import Clock

LARGEST_ANSWER_BYTES = 256 * 1024
CHUNK_BYTES = 16 * 1024
CONNECT_SECONDS = 3.0


class NeverSent(Exception):
    """The connection or the TLS handshake failed: the request cannot have arrived."""


class NoAnswer(Exception):
    """The request may have arrived; no whole, bounded answer came back in time."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _Progress:
    """Whether a connection was made on behalf of one request, in time to send it."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock = clock
        self._until = until
        self.connected = False

    def note(self) -> None:
        """The connection stands. Raises `requests.Timeout` when it took too long (looking up a name knows no time limit of
        ours): nothing has been sent on it, and nothing will be."""
        if self._clock.monotonic() >= self._until:
            raise requests.ConnectTimeout
        self.connected = True


class _PlainConnection(HTTPConnection):
    progress: _Progress

    def connect(self) -> None:
        super().connect()
        self.progress.note()


class _TlsConnection(HTTPSConnection):
    progress: _Progress

    def connect(self) -> None:
        super().connect()
        self.progress.note()


class _WatchedAdapter(HTTPAdapter):
    """Connects anew and notes when the connection stands, which is what tells "never sent" from "no answer"."""

    def __init__(self, progress: _Progress) -> None:
        self._progress = progress
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, _PlainConnection, self._progress),
            "https": _pool(HTTPSConnectionPool, _TlsConnection, self._progress),
        }


def _pool(pool: type[Any], connection: type[Any], progress: _Progress) -> type[Any]:
    watched = type(connection.__name__, (connection,), {"progress": progress})
    return type(pool.__name__, (pool,), {"ConnectionCls": watched})


class ProviderHttp:
    """Sends and asks. Proxies and credentials of the environment are not used, redirects are not followed, nothing is retried."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asking = requests.Session()
        self._asking.trust_env = False
        self._asking.mount("https://", HTTPAdapter(pool_maxsize=32, max_retries=0))
        self._asking.mount("http://", HTTPAdapter(pool_maxsize=32, max_retries=0))

    def send_once(self, url: str, headers: Mapping[str, str], body: bytes, until: float) -> Reply:
        """One POST on a connection of its own, ended by the monotonic time `until`. Raises `NeverSent` or `NoAnswer`."""
        progress = _Progress(self._clock, until)
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _WatchedAdapter(progress))
            session.mount("http://", _WatchedAdapter(progress))
            try:
                return self._exchange(session, "POST", url, headers, body, until)
            except NoAnswer as error:
                if not progress.connected:
                    raise NeverSent from error
                raise

    def ask(self, url: str, headers: Mapping[str, str], until: float) -> Reply:
        """One GET. Raises `NoAnswer`."""
        return self._exchange(self._asking, "GET", url, headers, None, until)

    def _exchange(
        self,
        session: requests.Session,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        until: float,
    ) -> Reply:
        left = until - self._clock.monotonic()
        if left <= 0:
            raise NoAnswer
        try:
            with session.request(
                method,
                url,
                headers=headers,
                data=body,
                timeout=(min(CONNECT_SECONDS, left), left),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return Reply(answer.status_code, self._bounded(answer, until))
        except requests.RequestException as error:
            raise NoAnswer from error

    def _bounded(self, answer: requests.Response, until: float) -> bytes:
        """The body, refused when it is too long or drips past the deadline."""
        body = b""
        for chunk in answer.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > LARGEST_ANSWER_BYTES or self._clock.monotonic() > until:
                raise NoAnswer
        return body
