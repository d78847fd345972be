"""What a result is made of: verdicts and packed documents are bounded."""

import zlib

import pytest

from service.results.entities import (
    MAX_CONTENT_BYTES,
    ContentDamaged,
    ResultTooLarge,
    Verdict,
    packed,
    unpacked,
)


@pytest.mark.parametrize("text", ["", "short", "long " * 400, "é" * 5000])
def test_a_document_is_unpacked_as_it_was_packed(text: str) -> None:
    assert unpacked(packed({"text": text})) == {"text": text}


def test_a_document_is_compressed_beyond_one_kilobyte() -> None:
    assert len(packed({"text": "a" * 1000})) > 1000
    assert len(packed({"text": "a" * 1100})) < 100


def test_a_document_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ResultTooLarge):
        packed({"text": "a" * MAX_CONTENT_BYTES})


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0", b"\0[]", b"\0{", b"\2{}", b"\1no zlib"),
        b"\1" + zlib.compress(b"{}")[:-1],
        b"\1" + zlib.compress(b'{"a":"' + b"a" * MAX_CONTENT_BYTES + b'"}'),
        b"\0" + b"[" * 100_000,
    ],
)
def test_bytes_that_were_never_packed_are_named_as_damage(data: bytes) -> None:
    with pytest.raises(ContentDamaged):
        unpacked(data)


@pytest.mark.parametrize(
    ("usage", "reason", "facts"),
    [
        ({"seconds": -1}, "", {}),
        ({"seconds": True}, "", {}),
        (None, "", {}),
        ({"seconds": 1}, "INTERRUPTED", {}),
        ({"seconds": 1}, "", {"model": "m" * 600}),
    ],
)
def test_a_verdict_is_usage_or_a_reason_and_bounded(
    usage: dict[str, int] | None, reason: str, facts: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"whole numbers|either|at most"):
        Verdict(usage, reason, facts)
