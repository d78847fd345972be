"""A response is read whole or not at all, however its bytes come in."""

from collections.abc import Callable

import pytest

from service.outbound.response import MAX_HEAD_BYTES, BadResponse, Response, read_response

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;name=value\r\nllo\r\n0\r\nTrailer: one\r\n\r\n"
)


def in_pieces(content: bytes, size: int) -> Callable[[int], bytes]:
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    return lambda _: pieces.pop(0) if pieces else b""


def read(content: bytes, size: int = 65536) -> Response:
    return read_response(in_pieces(content, size))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 65536])
@pytest.mark.parametrize("content", [OK, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + OK])
def test_a_response_is_the_same_in_whatever_pieces_it_comes(content: bytes, size: int) -> None:
    response = read(content, size)
    assert (response.status, response.body, response.kept) == (200, b"hello", True)


def test_header_names_are_in_lower_case_and_values_of_one_name_joined() -> None:
    response = read(OK.replace(b"\r\n\r\n", b"\r\nX-A:  1 \r\nx-a: 2\r\nX-B:\r\n\r\n"))
    assert response.headers == {
        "content-type": "text/plain",
        "content-length": "5",
        "x-a": "1, 2",
        "x-b": "",
    }


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"204"])
def test_a_status_without_a_body_has_none(status: bytes) -> None:
    assert read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n").body == b""


@pytest.mark.parametrize(
    "content",
    [
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK.replace(b"\r\n\r\n", b"\r\nConnection: Close\r\n\r\n"),
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        OK.replace(b"Content-Length: 5\r\n", b""),
    ],
    ids=["an old version", "announced", "more than the response came", "no length announced"],
)
def test_a_connection_is_not_kept(content: bytes) -> None:
    response = read(content)
    assert (response.body, response.kept) == (b"hello", False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        OK[:10],
        OK[:-1],
        CHUNKED[:-2],
        b"hello\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
        OK.replace(b"HTTP/1.1", b"HTTP/2"),
        OK.replace(b"200", b"2x0"),
        OK.replace(b"Content-Type:", b"Content-Type"),
        OK.replace(b"Content-Type:", b"Content-Type :"),
        OK.replace(b"Content-Type:", b" Content-Type:"),
        OK.replace(b": 5", b": "),
        OK.replace(b": 5", b": -5"),
        OK.replace(b": 5", b": 5x"),
        OK.replace(b": 5", b": 5\r\nContent-Length: 4"),
        OK.replace(b": 5", b": 5\r\nTransfer-Encoding: chunked"),
        CHUNKED.replace(b"chunked", b"gzip, chunked"),
        CHUNKED.replace(b"2\r\nhe", b"zz\r\nhe"),
        CHUNKED.replace(b"2\r\nhe", b"1\r\nhe"),
        CHUNKED.replace(b"2\r\nhe", b"-2\r\nhe"),
    ],
)
def test_what_is_no_whole_response_is_none(content: bytes) -> None:
    with pytest.raises(BadResponse):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * MAX_HEAD_BYTES,
    ],
    ids=["no line", "a header", "a chunk's length"],
)
def test_a_line_that_never_ends_is_given_up(content: bytes) -> None:
    endless = iter([content])
    received = 0

    def receive(count: int) -> bytes:
        nonlocal received
        piece = next(endless, b"x" * 1024)
        received += len(piece)
        assert received < 3 * MAX_HEAD_BYTES
        return piece

    with pytest.raises(BadResponse):
        read_response(receive)
