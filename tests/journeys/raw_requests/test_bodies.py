"""Where a body ends, and bodies that two servers could read differently."""

import pytest

from tests.journeys.gate import FaultInjector
from tests.journeys.raw_requests.raw_client import Post, first_of, get


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding:",
        ),
        *(
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked;x=1",
        ),
        *(
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            " Transfer-Encoding: chunked",
        ),
        *(
            "Transfer-Encoding: \x0bchunked",
            "Transfer-Encoding: chunked\x00",
            'Transfer-Encoding: "chunked"',
        ),
        *(
            "X: y\r\n Transfer-Encoding: chunked",
            "Transfer-Encoding:\r\n chunked",
            "X: y\nTransfer-Encoding: chunked",
        ),
        *(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "X: y\rTransfer-Encoding: chunked",
        ),
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_transfer_encoding_that_two_servers_could_read_differently_is_refused(
    gate: FaultInjector, post: Post, header: str
) -> None:
    for body in (post.chunked, post.body):
        response = first_of(gate, post(header, body=body))
        assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize(
    "length",
    [
        *(
            "-1",
            "+5",
            "5.0",
            "1e3",
            "0x10",
            "5, 5",
            "5,6",
            "",
            " ",
            "abc",
            "5 5",
            "\xb2",
            "5;",
            "5\x00",
            "9" * 5_000,
        ),
        *(
            "5\r\nContent-Length: 5",
            "5\r\nContent-Length: 6",
            "5\r\ncontent-length: 7",
            "0\r\n 5",
            "1_0",
        ),
    ],
)
def test_a_length_that_is_none_or_given_twice_is_refused(
    gate: FaultInjector, post: Post, length: str
) -> None:
    response = first_of(gate, post(f"Content-Length: {length}"))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize("length", [str(2**31), str(2**63), str(2**64 + 5), "9" * 40])
def test_a_huge_length_is_too_large_and_not_waited_for(
    gate: FaultInjector, post: Post, length: str
) -> None:
    response = first_of(gate, post(f"Content-Length: {length}"))
    assert (response.status, response.code, response.ends) == (413, "PAYLOAD_TOO_LARGE", True)


@pytest.mark.parametrize(
    "size",
    [
        b"zz",
        b"-1",
        b"+5",
        b"0x5",
        b" 5",
        b"5 5",
        b"",
        b"5\x00",
        b"5;\r",
        b"5;a=\n",
        b"F" * 17,
        b"1" * 9_000,
        b"\xb2",
        b"5_0",
    ],
)
def test_a_chunk_with_a_wrong_size_is_refused(gate: FaultInjector, post: Post, size: bytes) -> None:
    body = size + b"\r\n" + post.body + b"\r\n0\r\n\r\n"
    response = first_of(gate, post("Transfer-Encoding: chunked", body=body))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize(
    "end",
    [
        b"XX0\r\n\r\n",
        b"0\r\n\r\n",
        b"\n0\r\n\r\n",
        b"\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"\r\n0\r\n x\r\n\r\n",
    ],
)
def test_a_chunk_with_a_wrong_end_is_refused(gate: FaultInjector, post: Post, end: bytes) -> None:
    body = b"%x\r\n%s%s" % (len(post.body), post.body, end)
    response = first_of(gate, post("Transfer-Encoding: chunked", body=body))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


def test_a_request_hidden_in_a_body_is_never_served(gate: FaultInjector, post: Post) -> None:
    hidden = post.whole()
    for header in (
        f"Content-Length: {len(hidden)}",
        f"Content-Length: {len(hidden)}\r\nX-HTTP-Method-Override: GET",
    ):
        for target in ("/nowhere", "/credits", "/health/live"):
            assert first_of(gate, get(target, header, method="GET") + hidden).status in (
                200,
                401,
                404,
            )


def test_a_trailer_is_no_header(gate: FaultInjector, post: Post) -> None:
    chunked = post.chunked.removesuffix(b"\r\n") + b"Idempotency-Key: a\r\n\r\n"
    request = post("Transfer-Encoding: chunked", "Content-Encoding: gzip", body=chunked)
    assert first_of(gate, request).status == 415
