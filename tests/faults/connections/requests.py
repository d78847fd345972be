"""What a server does before it has received a whole request."""

from collections.abc import Callable, Mapping

from tests.faults.connections.server import HANG_SECONDS, Disturb, Request, response

# Reads a request up to some place, and not a byte further.
Receive = Callable[[Request], None]


def _bytes(count: int) -> Receive:
    return lambda request: request.receive(count)


def _almost_head(request: Request) -> None:
    """All of the head but its last byte."""
    while not request.head.endswith(b"\r\n\r"):
        request.receive(len(request.head) + 1)


def _head_and(some: Callable[[int], int]) -> Receive:
    """The head, and so many bytes of a body of that length."""

    def receive(request: Request) -> None:
        _almost_head(request)
        request.receive(len(request.head) + 1)
        request.receive(len(request.head) + some(request.content_length))

    return receive


PLACES: Mapping[str, Receive] = {
    "the first byte": _bytes(1),
    "the method": _bytes(4),
    "the request line": _bytes(17),
    "a part of the head": _bytes(200),
    "almost all of the head": _almost_head,
    "the head": _head_and(lambda length: 0),
    "the first byte of the body": _head_and(lambda length: 1),
    "half the body": _head_and(lambda length: length // 2),
    "all but the last byte": _head_and(lambda length: length - 1),
}


def _close_at(receive: Receive) -> Disturb:
    def disturb(request: Request) -> None:
        receive(request)
        request.connection.close()

    return disturb


def _reset_at(receive: Receive) -> Disturb:
    def disturb(request: Request) -> None:
        receive(request)
        request.connection.reset()

    return disturb


def _finish_at(receive: Receive) -> Disturb:
    """Discards the rest, as a server does that is about to end."""

    def disturb(request: Request) -> None:
        receive(request)
        request.connection.finish()
        request.connection.wait_for_client()

    return disturb


def _stuck_at(receive: Receive) -> Disturb:
    """Keeps the connection open and reads no more, as a host that died."""

    def disturb(request: Request) -> None:
        receive(request)
        request.truth.returned.wait(HANG_SECONDS)
        request.connection.close()

    return disturb


def refuse_early(request: Request) -> None:
    """DynamoDB's own refusal of a request whose end it never reads."""
    request.receive(200)
    request.truth.refused = True
    error = {"__type": "com.amazonaws.dynamodb#RequestEntityTooLargeException"}
    request.connection.write(response(error, 413, Connection="close"))
    request.connection.close()


CUT: Mapping[str, Disturb] = (
    {f"closed after {name}": _close_at(receive) for name, receive in PLACES.items()}
    | {f"reset after {name}": _reset_at(receive) for name, receive in PLACES.items()}
    | {f"half closed after {name}": _finish_at(receive) for name, receive in PLACES.items()}
)
STUCK: Mapping[str, Disturb] = {
    f"stuck after {name}": _stuck_at(PLACES[name])
    for name in ("the first byte", "the head", "half the body", "all but the last byte")
}
