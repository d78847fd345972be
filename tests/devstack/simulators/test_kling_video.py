import pytest

from devstack.simulators.kling.routes import VIDEO
from tests.devstack.simulators.stack import Stack, Start

LINK = "/kling/videos/867283741759111202.mp4"


def boxes(data: bytes) -> dict[bytes, bytes]:
    """The top-level boxes of an ISO media file: a size, a name, the content."""
    found, at = {}, 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        assert size >= 8
        found[data[at + 4 : at + 8]] = data[at + 8 : at + size]
        at += size
    assert at == len(data)
    return found


def test_the_link_serves_a_small_film_in_playing_order(shared: Stack) -> None:
    response = shared.call("GET", LINK)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "video/mp4")
    assert len(response.content) < 20_000
    parts = boxes(response.content)
    names = list(parts)
    assert names[0] == b"ftyp"
    assert names.index(b"moov") < names.index(b"mdat"), (
        "a player can start before it has everything"
    )
    assert len(parts[b"mdat"]) > 5_000
    for inner in (b"mvhd", b"trak", b"avc1", b"stts", b"stco"):
        assert inner in parts[b"moov"]


def test_the_film_lasts_as_long_as_the_vendor_says(shared: Stack) -> None:
    header = boxes(shared.call("GET", LINK).content)[b"moov"].split(b"mvhd")[1]
    timescale, duration = int.from_bytes(header[12:16]), int.from_bytes(header[16:20])
    assert duration / timescale == pytest.approx(5.041, abs=0.002)


def test_a_range_can_be_requested(shared: Stack) -> None:
    response = shared.call("GET", LINK, headers={"Range": "bytes=4-7"})
    assert (response.status_code, response.content) == (206, b"ftyp")
    assert response.headers["Content-Range"] == f"bytes 4-7/{VIDEO.stat().st_size}"


def test_a_part_beyond_the_end_is_416(shared: Stack) -> None:
    response = shared.call("GET", LINK, headers={"Range": "bytes=99999999-"})
    assert response.status_code == 416


def test_a_head_request_returns_the_size(shared: Stack) -> None:
    response = shared.call("HEAD", LINK)
    assert (response.status_code, response.headers["Content-Length"]) == (
        200,
        str(VIDEO.stat().st_size),
    )


@pytest.mark.parametrize("name", ["cat", "12a", "-1", "1" * 41])
def test_a_name_that_is_no_task_id_is_404(shared: Stack, name: str) -> None:
    assert shared.call("GET", f"/kling/videos/{name}.mp4").status_code == 404


@pytest.mark.parametrize("status", [403, 404])
def test_a_link_expires_on_command(shared: Stack, status: int) -> None:
    shared.arm("kling", "video", f"status:{status}")
    expired = shared.call("GET", LINK)
    assert (expired.status_code, expired.headers["Content-Type"]) == (status, "application/xml")
    assert shared.call("GET", LINK).status_code == 200


def test_links_carry_the_public_address(start: Start) -> None:
    stack = start(public_url="https://media.example/")
    task_id = stack.created()["task_id"]
    stack.clock.sleep(2)
    link = stack.query(task_id)["task_result"]["videos"][0]["url"]
    assert link == f"https://media.example/kling/videos/{task_id}.mp4"
