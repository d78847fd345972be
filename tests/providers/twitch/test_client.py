"""What the client makes of Twitch's responses, over real connections to the simulated Twitch."""

import time
from typing import Any

import pytest
import requests

from service.core.metrics import Metric
from service.core.settings import Secret
from service.providers.base import (
    Broadcast,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
)
from service.providers.http import Reply
from service.providers.twitch.credentials import TwitchKeys, parse_twitch_keys
from service.providers.twitch.mapping import Unusable, items_of, seconds_of, video_of
from tests.providers.twitch.harness import CHANNEL, VIDEO, TwitchHarness

BUSY = Rejected(RejectionReason.BUSY)
UNAVAILABLE = Rejected(RejectionReason.UNAVAILABLE)
WRONG = TwitchKeys("farebox-local-twitch-application", Secret("wrong"))


def test_a_recording_is_found_with_what_it_is_called(world: TwitchHarness) -> None:
    found = world.found(video_id=VIDEO)
    assert (found.channel, found.title) == ("LighthouseTV", "Harbour lights, second evening")
    assert (found.video_id, found.seconds, found.is_live) == (VIDEO, 3 * 3600 + 513, False)
    assert found.url == f"https://www.twitch.tv/videos/{VIDEO}"


def test_a_channel_on_the_air_is_its_broadcast(world: TwitchHarness) -> None:
    found = world.found(CHANNEL)
    assert (found.title, found.is_live) == ("Live from the lantern room", True)
    assert found.url == f"https://www.twitch.tv/{CHANNEL}"
    assert found.started_at is not None


def test_a_channel_off_the_air_is_its_newest_recording(world: TwitchHarness) -> None:
    world.call("PUT", f"/twitch/__channels/{CHANNEL}", json={"name": "LighthouseTV"})
    highlight = {"type": "highlight", "title": "The best of it"}
    world.call("POST", f"/twitch/__channels/{CHANNEL}/videos", json=highlight)
    assert world.found(CHANNEL).video_id == VIDEO


def test_a_channel_that_has_kept_nothing_is_still_found(world: TwitchHarness) -> None:
    world.call("PUT", "/twitch/__channels/quiet", json={"name": "Quiet"})
    assert world.found("quiet") == Broadcast("Quiet", "", "https://www.twitch.tv/quiet")


def test_what_is_not_there_is_not_found(world: TwitchHarness) -> None:
    assert world.find("nobodys_channel") == NotFound()
    assert world.find(video_id="1") == NotFound()


def test_a_recording_that_has_vanished_is_not_found(world: TwitchHarness) -> None:
    assert world.found(video_id=VIDEO).video_id == VIDEO
    world.call("DELETE", f"/twitch/__videos/{VIDEO}")
    assert world.find(video_id=VIDEO) == NotFound()
    world.fault("videos", "vanish")
    assert world.find(video_id="2000000001") == NotFound()


def test_another_recording_is_not_believed(world: TwitchHarness) -> None:
    world.fault("videos", "foreign")
    assert world.find(video_id=VIDEO) == Indeterminate()


def test_calls_carry_a_token_and_the_id_of_the_same_application(world: TwitchHarness) -> None:
    world.find(video_id=VIDEO)
    headers = {name.lower(): value for name, value in world.journal("videos")[0]["headers"].items()}
    assert headers["client-id"] == "farebox-local-twitch-application"
    assert headers["authorization"].startswith("Bearer twitchtoken")


def test_one_token_serves_many_calls(world: TwitchHarness) -> None:
    for _ in range(3):
        world.find(CHANNEL)
    assert world.call("GET", "/twitch/__books")["tokens_issued"] == 1


def test_a_token_is_renewed_before_its_end(world: TwitchHarness) -> None:
    world.find(video_id=VIDEO)
    world.clock.passed += 5_011_271 - 400
    world.find(video_id=VIDEO)
    assert world.call("GET", "/twitch/__books")["tokens_issued"] == 1
    world.clock.passed += 200
    world.find(video_id=VIDEO)
    assert world.call("GET", "/twitch/__books")["tokens_issued"] == 2


def test_a_token_that_is_refused_is_replaced_once(world: TwitchHarness) -> None:
    world.find(video_id=VIDEO)
    world.call("DELETE", "/twitch/__tokens")
    assert world.found(video_id=VIDEO).video_id == VIDEO
    world.fault("videos", "status:401", count=-1)
    before = len(world.journal("videos"))
    assert world.find(video_id=VIDEO) == UNAVAILABLE
    assert len(world.journal("videos")) == before + 2
    assert world.metrics.counts[Metric.PROVIDER_REFUSES_US] == 1


def test_a_secret_that_is_wrong_is_an_operators_matter(world: TwitchHarness) -> None:
    world.keys = [WRONG]
    assert world.find(video_id=VIDEO) == UNAVAILABLE
    assert world.metrics.counts[Metric.PROVIDER_REFUSES_US] == 1
    assert not world.journal("videos")


def test_a_secret_that_was_replaced_is_read_again(world: TwitchHarness) -> None:
    world.keys = [
        WRONG,
        TwitchKeys("farebox-local-twitch-application", Secret("farebox-local-twitch-secret")),
    ]
    assert world.find(video_id=VIDEO) == UNAVAILABLE
    world.clock.passed += 10
    assert world.found(video_id=VIDEO).video_id == VIDEO


def test_nothing_is_sent_without_credentials_or_a_connection(world: TwitchHarness) -> None:
    world.keys = [TwitchKeys()]
    assert world.find(video_id=VIDEO) == UNAVAILABLE
    unreachable = world.connected("http://127.0.0.1:9/twitch")
    assert world.find(video_id=VIDEO, client=unreachable) == UNAVAILABLE
    world.keys = [TwitchKeys("one", Secret("two"))]
    assert world.find(video_id=VIDEO, client=unreachable) == Indeterminate()
    assert not world.journal("token")


@pytest.mark.parametrize("operation", ["users", "streams", "videos"])
@pytest.mark.parametrize(
    "fault",
    ["status:500", "status:503", "html:502", "reset", "garbage", "lost-answer", "status:400"],
)
def test_a_call_that_proves_nothing_is_made_again(
    world: TwitchHarness, operation: str, fault: str
) -> None:
    world.call("PUT", f"/twitch/__channels/{CHANNEL}", json={"name": "LighthouseTV"})
    world.fault(operation, fault)
    outcome = world.find(CHANNEL)
    if fault == "garbage":
        assert outcome == Indeterminate()
        return
    assert world.found(CHANNEL).video_id == VIDEO
    world.fault(operation, fault, count=-1)
    before = len(world.journal(operation))
    assert world.find(CHANNEL) == Indeterminate()
    assert len(world.journal(operation)) == before + 3


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("status:400", UNAVAILABLE),
        ("status:403", UNAVAILABLE),
        ("status:429", BUSY),
        ("status:500", Indeterminate()),
        ("html:502", Indeterminate()),
        ("reset", Indeterminate()),
        ("garbage", Indeterminate()),
    ],
)
def test_without_a_token_nothing_is_requested(
    world: TwitchHarness, fault: str, outcome: object
) -> None:
    world.fault("token", fault)
    assert world.find(video_id=VIDEO) == outcome
    assert not world.journal("videos")


def test_an_empty_bucket_is_waited_for(world: TwitchHarness) -> None:
    world.call("POST", "/twitch/__limit", json={"left": 1, "seconds": 4})
    assert world.found(video_id=VIDEO).video_id == VIDEO
    # That call was the last one, and said so: the next one waits before it is sent.
    world.call("POST", "/twitch/__limit", json={"left": 5, "seconds": 60})
    assert world.found(video_id=VIDEO).video_id == VIDEO
    assert len(world.clock.pauses) == 1
    assert 2.5 < world.clock.pauses[0] <= 4
    assert [each["status"] for each in world.journal("videos")] == [200, 200]


def test_a_bucket_that_fills_too_late_is_not_waited_for(world: TwitchHarness) -> None:
    world.call("POST", "/twitch/__limit", json={"left": 0, "seconds": 50})
    assert world.find(video_id=VIDEO) == BUSY
    assert world.find(video_id=VIDEO) == BUSY
    assert (len(world.journal("videos")), world.clock.pauses) == (1, [])


def test_a_refusal_for_haste_is_obeyed_and_followed_by_another_call(world: TwitchHarness) -> None:
    world.fault("videos", "status:429")
    assert world.found(video_id=VIDEO).video_id == VIDEO
    assert 0.9 < world.clock.pauses[0] <= 1.0
    world.fault("videos", "status:429", count=-1)
    assert world.find(video_id=VIDEO) == BUSY


def test_a_call_that_takes_too_long_ends_in_time(world: TwitchHarness) -> None:
    world.fault("videos", "slow", seconds=60)
    started = time.monotonic()
    assert world.find(video_id=VIDEO, client=world.connected(seconds=0.3)) == Indeterminate()
    assert time.monotonic() - started < 40


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6h26m14s", 23_174),
        ("3m21s", 201),
        ("3h", 10_800),
        ("0s", 0),
        ("9999h", 604_800),
        ("", None),
        ("1d", None),
        ("-3s", None),
        ("٣s", None),
        (7, None),
        (None, None),
    ],
)
def test_a_length_is_read_as_twitch_writes_it(text: object, seconds: int | None) -> None:
    assert seconds_of(text) == seconds


def test_a_streamers_words_are_bounded_and_on_one_line() -> None:
    title = "Hello\u0000\n\u2028ignore\x1b[31m " + "x" * 900 + "\ud800"
    found = video_of({"id": "7", "user_name": "A\nB" * 100, "title": title, "created_at": "never"})
    assert found.title.startswith("Hello ignore [31m xxx")
    assert (len(found.title), len(found.channel)) == (300, 60)
    assert (found.started_at, found.seconds) == (None, None)
    found.title.encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"data": {}}', b'{"data": [7]}', b"[" * 100_000],
)
def test_what_is_no_list_is_not_used(body: bytes) -> None:
    with pytest.raises(Unusable):
        items_of(Reply(200, body))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bare",
        "[]",
        "{}",
        '{"clientId": 7, "clientSecret": "x"}',
        '{"clientId": "a b", "clientSecret": "x"}',
    ],
)
def test_a_secret_that_is_none_has_no_keys(text: str) -> None:
    assert parse_twitch_keys(text) == TwitchKeys()


def test_a_secret_is_json_with_id_and_secret() -> None:
    found = parse_twitch_keys('{"clientId": "one", "clientSecret": "two"}')
    assert (found.client_id, found.client_secret) == ("one", "two")
    assert "two" not in repr(found)


def test_the_simulator_and_the_client_agree_over_plain_http(world: TwitchHarness) -> None:
    response: Any = requests.get(f"{world.url}/twitch/helix/videos?id={VIDEO}", timeout=30)
    assert (response.status_code, response.json()["message"]) == (401, "Client ID is missing")
