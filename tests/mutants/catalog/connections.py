"""Which connections are used again, how much they receive, and what was never sent over them."""

from tests.mutants.mutant import Mutant, mutant

POOL = "tests/outbound/test_pool.py"
EXCHANGE = "tests/outbound/test_exchange.py"
RESPONSE = "tests/outbound/test_response.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "failed-handshake-is-a-lost-request",
        POOL,
        "outbound.network:PlainConnection.connect",
        """
        except OSError as error:
            raise NotConnected(T) from error
        """,
        """
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                raise
            raise NotConnected(T) from error
        """,
    ),
    mutant(
        "unreached-server-is-a-lost-request",
        POOL,
        "outbound.network:PlainConnection.connect",
        "raise NotConnected(T) from E",
        "raise E",
    ),
    mutant(
        "idle-connection-used-again",
        POOL,
        "outbound.network:PlainConnection.is_connected",
        "self._network.idle(T)",
        "False",
    ),
    mutant(
        "unread-response-left-on-a-tls-connection",
        POOL,
        "outbound.sockets:TlsStream.is_quiet",
        "not U and Q",
        "Q",
    ),
    mutant(
        "unread-response-left-on-a-connection",
        "tests/outbound/test_network.py",
        "outbound.sockets:BoundedSocket.is_quiet",
        "super().recv(1, F)",
        "return True",
    ),
    mutant(
        "interim-response-taken-for-the-response",
        POOL,
        "outbound.network:PlainConnection.getresponse",
        "R.status < 200",
        "False",
    ),
    mutant(
        "response-of-any-size-received",
        POOL,
        "outbound.sockets:BoundedSocket._count",
        "self._receivable_bytes < 0",
        "False",
    ),
    mutant(
        "response-as-large-as-a-page-not-received",
        "tests/storage/test_conformance.py",
        "storage.dynamodb:connect",
        "Exchanges(N, U, T, C, MAX_RESPONSE_BYTES)",
        "Exchanges(N, U, T, C, 1024 * 1024)",
    ),
    mutant(
        "responses-of-a-connection-counted-together",
        POOL,
        "outbound.sockets:BoundedSocket.settimeout",
        "self._receivable_bytes = self._max_received_bytes",
        "",
    ),
    mutant(
        "connection-that-is-not-kept-used-again",
        EXCHANGE,
        "outbound.exchange:Exchange.getresponse",
        "not R.kept",
        "False",
    ),
    mutant(
        "header-with-a-line-break-sent",
        EXCHANGE,
        "outbound.exchange:_head",
        "_BREAKS.search(T)",
        "False",
    ),
    mutant(
        "interim-response-read-as-the-response",
        RESPONSE,
        "outbound.response:Incoming.on_headers_complete",
        "S < 200",
        "False",
    ),
    mutant(
        "half-a-response-read-as-a-whole-one",
        RESPONSE,
        "outbound.response:Incoming.end",
        "not S or L & H",
        "not S",
    ),
    mutant(
        "connection-that-the-server-closes-is-kept",
        RESPONSE,
        "outbound.response:Incoming.on_message_complete",
        "self._parser.should_keep_alive()",
        "True",
    ),
    mutant(
        "connection-with-a-second-response-is-kept",
        RESPONSE,
        "outbound.response:Incoming.on_message_begin",
        "self.kept = False",
        "",
    ),
    mutant(
        "head-of-any-length-read",
        RESPONSE,
        "outbound.response:Incoming.feed",
        "self._head_bytes > MAX_HEAD_BYTES and not self.complete",
        "False",
    ),
)
