"""Temporary tokens of AssemblyAI: issued with the key, redeemed once, without it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from devstack.simulators.assemblyai.sockets import SpeechSockets
from service.core.clock import SystemClock
from service.core.settings import Secret
from service.providers.assemblyai.credentials import AssemblyAiCredentials, AssemblyAiKeys
from service.providers.assemblyai.tokens import AssemblyAiTokens, token_of
from service.providers.base import Rejected, RejectionReason
from service.providers.http import ProviderHttp, Reply
from service.providers.speech import Encoding, SpeechToken, TokenRequest
from tests.doubles.clock import FakeClock
from tests.live.relay_world import KEY, SECOND_OF_SPEECH, simulated
from tests.web.small_app import Counts

REQUEST = TokenRequest("job_1", 60, 90)
BUSY, UNAVAILABLE = Rejected(RejectionReason.BUSY), Rejected(RejectionReason.UNAVAILABLE)


@pytest.fixture(scope="module")
def listening() -> Iterator[SpeechSockets]:
    found = simulated()
    yield found
    found.stop()


@pytest.fixture
def sockets(listening: SpeechSockets) -> SpeechSockets:
    assert listening.sessions is not None
    listening.sessions.follow(FakeClock())
    return listening


def tokens(sockets: SpeechSockets, key: str = KEY, counts: Counts | None = None) -> Any:
    keys, clock = AssemblyAiKeys(Secret(key), Secret("secret")), SystemClock()
    credentials = AssemblyAiCredentials(lambda: keys, clock)
    url = f"ws://127.0.0.1:{sockets.port}/assemblyai"
    return AssemblyAiTokens(url, ProviderHttp(clock), credentials, clock, counts or Counts())


def issue(sockets: SpeechSockets, request: TokenRequest = REQUEST) -> SpeechToken | Rejected:
    found: SpeechToken | Rejected = tokens(sockets).issue(request, SystemClock().monotonic() + 60)
    return found


def address(sockets: SpeechSockets, token: SpeechToken | Rejected) -> str:
    assert isinstance(token, SpeechToken)
    found = tokens(sockets).address(8000, Encoding.PCM_S16LE, "multi")
    return f"{found}&token={token.text}"


def test_a_token_opens_one_session_without_the_key_until_its_maximum_time(
    sockets: SpeechSockets,
) -> None:
    clock = FakeClock()
    assert sockets.sessions is not None
    sockets.sessions.follow(clock)
    url = address(sockets, issue(sockets))

    async def talk() -> int:
        async with connect(url, compression=None, proxy=None) as socket:
            assert '"Begin"' in str(await socket.recv())
            await socket.send(SECOND_OF_SPEECH)
            assert '"Turn"' in str(await socket.recv())
            with pytest.raises(InvalidStatus):
                async with connect(url, proxy=None):
                    raise AssertionError("it is used up")
            clock.advance(90)
            try:
                while True:
                    await socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 0

    assert asyncio.run(talk()) == 3008
    (session,) = sockets.sessions.books()
    assert (session["billed_seconds"], session["how"]) == (90, "too_long")


def test_a_token_that_has_expired_opens_nothing(sockets: SpeechSockets) -> None:
    clock = FakeClock()
    assert sockets.sessions is not None
    sockets.sessions.follow(clock)
    url = address(sockets, issue(sockets))
    clock.advance(60)

    async def knock() -> None:
        async with connect(url, proxy=None):
            raise AssertionError("it has expired")

    with pytest.raises(InvalidStatus):
        asyncio.run(knock())
    assert sockets.sessions.books() == []


@pytest.mark.parametrize(
    ("fault", "status", "found"),
    [
        ("status", 429, BUSY),
        ("status", 500, UNAVAILABLE),
        ("status", 403, UNAVAILABLE),
        ("lost-answer", 0, UNAVAILABLE),
        ("no-token", 0, UNAVAILABLE),
    ],
)
def test_without_a_usable_response_there_is_no_token(
    sockets: SpeechSockets, fault: str, status: int, found: Rejected
) -> None:
    assert sockets.faults is not None
    text = f"status:{status}" if status else fault
    sockets.faults.arm("assemblyai", "token", text, 1, 0.0)
    assert issue(sockets) == found


def test_another_key_wakes_an_operator(sockets: SpeechSockets) -> None:
    counts = Counts()
    found = tokens(sockets, "another", counts).issue(REQUEST, SystemClock().monotonic() + 60)
    assert found == UNAVAILABLE
    assert "ProviderRefusesUs" in str(vars(counts)) or "PROVIDER_REFUSES_US" in str(vars(counts))


@pytest.mark.parametrize("request_", [TokenRequest("j", 601, 90), TokenRequest("j", 60, 59)])
def test_times_beyond_the_vendor_s_limits_are_refused_by_it(
    sockets: SpeechSockets, request_: TokenRequest
) -> None:
    assert issue(sockets, request_) == UNAVAILABLE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": ""}',
        b'{"token": 1}',
        b'{"token": "a b"}',
        b'{"token": "\\u00e9"}',
        b'{"token": "a", "expires_in_seconds": 0}',
        b'{"token": "a", "expires_in_seconds": "60"}',
        b'{"token": "a", "expires_in_seconds": true}',
        b'{"token": "%s"}' % (b"a" * 513),
    ],
)
def test_what_is_no_token_is_not_taken_for_one(body: bytes) -> None:
    assert token_of(Reply(200, body), REQUEST) is None


def test_a_token_is_believed_for_no_longer_than_was_requested() -> None:
    def seconds(body: bytes) -> int:
        token = token_of(Reply(200, body), REQUEST)
        assert token is not None
        return token.redeem_seconds

    assert seconds(b'{"token": "a", "expires_in_seconds": 600}') == 60
    assert seconds(b'{"token": "a", "expires_in_seconds": 7}') == 7
    assert seconds(b'{"token": "a"}') == 60
    assert token_of(Reply(201, b'{"token": "a"}'), REQUEST) is None
