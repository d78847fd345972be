"""Which connections are used again, how much they receive, and what was never sent over them."""

from tests.mutants.mutant import Mutant, mutant

POOL = "tests/outbound/test_pool.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "failed-handshake-is-a-lost-request",
        POOL,
        "outbound.network:_PlainConnection.connect",
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
        "outbound.network:_PlainConnection.connect",
        "raise NotConnected(T) from E",
        "raise E",
    ),
    mutant(
        "idle-connection-used-again",
        POOL,
        "outbound.network:_PlainConnection.is_connected",
        "not I and C",
        "C",
    ),
    mutant(
        "connection-with-an-unread-response-used-again",
        POOL,
        "outbound.network:_TlsConnection.is_connected",
        "not U and C",
        "C",
    ),
    mutant(
        "interim-response-taken-for-the-response",
        POOL,
        "outbound.network:_PlainConnection.getresponse",
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
        "N.pool(T, C, MAX_RESPONSE_BYTES)",
        "N.pool(T, C)",
    ),
    mutant(
        "responses-of-a-connection-counted-together",
        POOL,
        "outbound.sockets:BoundedSocket.settimeout",
        "self._receivable_bytes = self._max_received_bytes",
        "",
    ),
)
