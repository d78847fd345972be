"""Connections for urllib3 whose `timeout` limits everything together: looking the name up,
connecting, the TLS handshake, the request, and the response's head and body."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from service.core.clock import Clock
from service.core.threads import in_thread
from service.outbound.sockets import MAX_RECEIVED_BYTES, BoundedSocket, TlsStream

# A name server that hangs must not take all the threads in which gevent looks names up: DynamoDB's
# name is among those that wait for them.
MAX_LOOKUPS = 4
# A server closes what has been idle for a while: a request sent at that moment is lost. AWS
# documents no number for DynamoDB, and says that it can change; users have measured 60 s and 90 s
# (https://github.com/aws/aws-sdk-java/issues/1365, https://github.com/feast-dev/feast/pull/5167).
IDLE_SECONDS = 30.0

# (family, kind, protocol, canonical name, address), as `socket.getaddrinfo` returns it.
Address = tuple[Any, Any, int, str, Any]
Resolve = Callable[..., Sequence[Address]]


class NotConnected(HTTPError):
    """No connection came about, or no TLS on it: nothing of a request was sent. Passes through
    urllib3 as it is."""


class Network:
    """Opens connections, each within a time limit that every step shares.

    A name is looked up in a thread of its own, because nothing can interrupt that: when the time
    is over, the thread is left behind, and ends by itself. Who needs the same name meanwhile waits
    for the same look-up: a hundred streams that begin at once would wait for one another."""

    def __init__(
        self,
        clock: Clock,
        resolve: Resolve = socket.getaddrinfo,
        start: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self._clock = clock
        self._resolve = resolve
        self._start = start
        self._lookups = threading.BoundedSemaphore(MAX_LOOKUPS)
        self._guard = threading.Lock()
        self._under_way: dict[tuple[str, int], _Lookup] = {}

    def pool(
        self, tls: ssl.SSLContext, size: int, received_bytes: int = MAX_RECEIVED_BYTES
    ) -> PoolManager:
        """Kept connections, at most `size` for each server. Nothing is retried, a response may have
        `received_bytes`, and a connection that was idle for `IDLE_SECONDS` is not used again.
        Requests raise `NotConnected` if nothing was sent, and what urllib3 raises otherwise."""
        connections = PoolManager(maxsize=size, retries=False, ssl_context=tls)
        own: dict[str, Any] = {"network": self, "received_bytes": received_bytes}
        connections.pool_classes_by_scheme = {
            "http": partial(_PlainPool, **own),  # type: ignore[dict-item]
            "https": partial(_TlsPool, **own),  # type: ignore[dict-item]
        }
        return connections

    def idle(self, since: float) -> bool:
        """Whether that monotonic time is too long ago for a connection to be used again."""
        return self._clock.monotonic() - since > IDLE_SECONDS

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def connected(
        self,
        host: str,
        port: int,
        seconds: float,
        options: Sequence[tuple[Any, ...]],
        received_bytes: int = MAX_RECEIVED_BYTES,
    ) -> BoundedSocket:
        """A socket connected to the first of the name's addresses that takes it, with `seconds`
        less what this took as its limit. Raises `OSError`."""
        until = self._clock.monotonic() + seconds
        addresses = self._addresses(host, port, until)
        failure: OSError = OSError(f"{host} has no address")
        for number, (family, *_, address) in enumerate(addresses):
            bounded = BoundedSocket(family, self._clock, received_bytes)
            left = until - self._clock.monotonic()
            try:
                bounded.settimeout(left)
                for option in options:
                    bounded.setsockopt(*option)
                # An address that does not respond leaves time for those after it.
                bounded.connect_within(left / (len(addresses) - number), address)
            except OSError as error:
                bounded.close()
                failure = error
            else:
                return bounded
        raise failure

    def _addresses(self, host: str, port: int, until: float) -> Sequence[Address]:
        lookup, is_new = self._lookup(host, port)
        if is_new:
            self._begin(lookup, until)
        try:
            return lookup.result(max(0.0, until - self._clock.monotonic()))
        except TimeoutError:
            # It hangs: whoever comes later tries anew.
            self._forget(lookup)
            raise

    def _lookup(self, host: str, port: int) -> tuple["_Lookup", bool]:
        """The one that is under way, or a new one, which is to be begun."""
        with self._guard:
            found = self._under_way.get((host, port))
            if found is not None:
                return found, False
            resolve = partial(self._resolve, host, port, 0, socket.SOCK_STREAM)
            new = self._under_way[host, port] = _Lookup((host, port), resolve)
            return new, True

    def _begin(self, lookup: "_Lookup", until: float) -> None:
        """Runs it in a thread; one that cannot be run has failed."""
        host, _ = lookup.place
        if not self._lookups.acquire(timeout=max(0.0, until - self._clock.monotonic())):
            self._forget(lookup)
            lookup.fail(TimeoutError(f"too many names are being looked up: {host}"))
            return
        try:
            self._start(partial(self._run, lookup))
        except RuntimeError as error:
            self._lookups.release()
            self._forget(lookup)
            lookup.fail(OSError(f"{host} cannot be looked up: {error}"))

    def _run(self, lookup: "_Lookup") -> None:
        try:
            lookup.run()
        finally:
            self._lookups.release()
            self._forget(lookup)

    def _forget(self, lookup: "_Lookup") -> None:
        """What was found is not kept: names change."""
        with self._guard:
            if self._under_way.get(lookup.place) is lookup:
                del self._under_way[lookup.place]


class _Lookup:
    """One look-up of a host and port, run by one thread and waited for by others."""

    def __init__(self, place: tuple[str, int], resolve: Callable[[], Sequence[Address]]) -> None:
        self.place = place
        self._resolve = resolve
        self._ended = threading.Event()
        self._found: Sequence[Address] = ()
        self._failure: OSError | None = None

    def run(self) -> None:
        try:
            self._found = self._resolve()
        except OSError as error:
            self._failure = error
        except UnicodeError as error:
            self._failure = OSError(str(error))
        finally:
            self._ended.set()

    def fail(self, failure: OSError) -> None:
        self._failure = failure
        self._ended.set()

    def result(self, seconds: float) -> Sequence[Address]:
        """Raises `OSError`, `TimeoutError` when it takes longer."""
        if not self._ended.wait(seconds):
            raise TimeoutError("the name was not looked up in time")
        if self._failure is not None:
            raise self._failure
        return self._found


class PlainConnection(HTTPConnection):
    """urllib3's connection over a socket of `Network`."""

    def __init__(
        self,
        *arguments: Any,
        network: Network,
        received_bytes: int = MAX_RECEIVED_BYTES,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._network = network
        self._received_bytes = received_bytes
        self._used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again: open, not idle for long, and nothing unread on it."""
        opened: Any = self.sock
        if opened is None or self._network.idle(self._used_at):
            return False
        return bool(opened.is_quiet())

    def connect(self) -> None:
        try:
            self.sock = self._opened()
        except OSError as error:
            raise NotConnected(str(error)) from error

    def getresponse(self) -> BaseHTTPResponse:  # type: ignore[override]
        """Raises `ProtocolError` for an interim response other than `100 Continue`: the final one
        is still to come, and would be taken for that of the next request."""
        self._used_at = self._network.monotonic()
        response = super().getresponse()
        if response.status < 200:
            raise ProtocolError(f"an interim response, {response.status}, was not expected")
        return response

    def _opened(self) -> Any:
        seconds = self.timeout
        if not isinstance(seconds, int | float):
            raise TypeError("a connection needs a time limit in seconds")
        return self._network.connected(
            self.host, self.port, seconds, self.socket_options or (), self._received_bytes
        )


class TlsConnection(PlainConnection, HTTPSConnection):
    """The same over TLS. The context decides whom to trust: it must check certificates and
    names."""

    def __init__(self, *arguments: Any, ssl_context: ssl.SSLContext, **more: Any) -> None:
        super().__init__(*arguments, ssl_context=ssl_context, **more)
        self._tls = ssl_context

    def _opened(self) -> Any:
        bounded = super()._opened()
        try:
            stream = TlsStream(bounded, self._tls, self.host)
        except BaseException:
            bounded.close()
            raise
        self.is_verified = True
        return stream


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection
