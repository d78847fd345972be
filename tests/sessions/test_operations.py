"""What becomes of sessions and of their refresh tokens."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from service.sessions import keys, store
from service.sessions.entities import (
    GRACE_SECONDS,
    MAX_SESSIONS,
    RefreshTokenRejected,
    SessionEnd,
    SessionNotFound,
)
from service.sessions.operations import MAX_TRIES
from service.storage.table import StorageUnavailable, Table
from service.storage.wrapping import DataKeyUnavailable
from service.storage.writes import Update, When
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import Wire
from tests.sessions.opened import PHONE, Opened

DAY = 24 * 3600


def refusal(opened: Opened, token: str) -> object:
    """Why a refresh token is refused."""
    with pytest.raises(RefreshTokenRejected) as refused:
        opened.sessions.refresh(token)
    return refused.value.details["reason"]


def claims(access_token: str) -> dict[str, Any]:
    content: dict[str, Any] = jwt.decode(access_token, options={"verify_signature": False})
    return content


def test_a_session_is_stored_without_its_tokens_and_without_a_readable_address(
    opened: Opened,
) -> None:
    new = opened.open()
    (item,) = opened.session_items()
    stored = str(item)
    assert new.refresh_token not in stored
    assert not any(len(part) > 20 and part in stored for part in new.refresh_token.split(".")[2:])
    assert new.access_token not in stored
    assert "ann@example.com" not in stored
    assert (item["device"], item["issuer"]) == (PHONE, "https://accounts.google.com")
    assert item["expiresAt"] == opened.clock.now() // 1000 + 37 * DAY


def test_an_access_token_says_who_signed_in_how_and_when(opened: Opened) -> None:
    new = opened.open()
    now_seconds = opened.clock.now() / 1000
    principal = opened.access_tokens.verify(new.access_token, now_seconds).principal
    assert (principal.subject, principal.session_id) == ("ann", new.session_id)
    assert (principal.email, principal.email_verified) == ("ann@example.com", True)
    assert principal.authenticated_at == 1_000_000


def test_a_refresh_keeps_what_is_known_of_the_sign_in(opened: Opened) -> None:
    new = opened.open()
    opened.clock.advance(DAY)
    after, session, email = opened.sessions.refresh(new.refresh_token)
    before, later = claims(new.access_token), claims(after.access_token)
    for name in ("sub", "sid", "idp", "auth_time", "email", "email_verified", "scope"):
        assert later[name] == before[name]
    assert later["jti"] != before["jti"]
    assert later["iat"] == before["iat"] + DAY
    assert (session.user_id, email) == ("ann", "ann@example.com")
    assert after.left_seconds == new.left_seconds - DAY


def test_each_refresh_replaces_the_token(opened: Opened) -> None:
    token, earlier = opened.open().refresh_token, set()
    for _ in range(5):
        earlier.add(token)
        opened.clock.advance(900)
        token = opened.refreshed(token).refresh_token
    assert token not in earlier
    assert len(earlier) == 5


def test_a_client_that_lost_its_response_receives_the_same_token_again(opened: Opened) -> None:
    first = opened.open().refresh_token
    second = opened.refreshed(first).refresh_token
    opened.clock.advance(GRACE_SECONDS - 0.001)
    before = opened.session_items()
    assert opened.refreshed(first).refresh_token == second
    assert opened.session_items() == before
    assert opened.refreshed(second).refresh_token not in (first, second)


def test_a_token_that_comes_again_later_ends_its_session(opened: Opened) -> None:
    first = opened.open().refresh_token
    second = opened.refreshed(first).refresh_token
    opened.clock.advance(GRACE_SECONDS)
    assert refusal(opened, first) == "reused"
    assert refusal(opened, second) == "ended"
    (item,) = opened.session_items()
    assert item["end"] == SessionEnd.REUSE
    assert "digest" not in item
    assert "email" not in item
    assert opened.reuse_count() == 1


def test_a_token_older_than_the_last_two_ends_its_session_at_once(opened: Opened) -> None:
    first = opened.open().refresh_token
    third = opened.refreshed(opened.refreshed(first).refresh_token).refresh_token
    assert refusal(opened, first) == "reused"
    assert refusal(opened, third) == "ended"


def test_a_reused_token_ends_only_its_own_family(opened: Opened) -> None:
    stolen, other = opened.open().refresh_token, opened.open().refresh_token
    opened.refreshed(stolen)
    opened.clock.advance(60)
    assert refusal(opened, stolen) == "reused"
    assert opened.refreshed(other)


@pytest.mark.parametrize("change", ["rt_x", "", "x" * 5000, "ended"])
def test_a_guess_is_refused_without_a_read_and_ends_nothing(opened: Opened, change: str) -> None:
    token = opened.open().refresh_token
    guess = token[:-3] + "AAA" if change == "ended" else change
    before = opened.items()
    assert refusal(opened, guess) == "malformed"
    assert opened.items() == before
    assert opened.refreshed(token)


def test_a_session_ends_after_its_days_however_often_it_was_refreshed(opened: Opened) -> None:
    token = opened.open().refresh_token
    for _ in range(29):
        opened.clock.advance(DAY)
        token = opened.refreshed(token).refresh_token
    opened.clock.advance(DAY - 1)
    token = opened.refreshed(token).refresh_token
    opened.clock.advance(1)
    assert refusal(opened, token) == "ended"
    assert opened.sessions.live("ann") == []


def test_an_ended_session_is_refused_at_once_and_can_be_ended_again(opened: Opened) -> None:
    new = opened.open()
    opened.sessions.end("ann", new.session_id, SessionEnd.LOGOUT)
    assert refusal(opened, new.refresh_token) == "ended"
    before = opened.session_items()
    opened.sessions.end("ann", new.session_id, SessionEnd.REVOKED)
    assert opened.session_items() == before


def test_a_session_of_another_user_is_none_of_yours(opened: Opened) -> None:
    new = opened.open("ann")
    before = opened.items()
    for user_id, session_id in (("eve", new.session_id), ("ann", "ses_x")):
        with pytest.raises(SessionNotFound):
            opened.sessions.end(user_id, session_id, SessionEnd.REVOKED)
    assert opened.items() == before


def test_all_sessions_end_but_the_one_to_keep(opened: Opened) -> None:
    kept, *others = [opened.open() for _ in range(4)]
    foreign = opened.open("eve")
    ended = opened.sessions.end_all("ann", SessionEnd.PASSWORD, keep=kept.session_id)
    assert ended == 3
    assert all(refusal(opened, other.refresh_token) == "ended" for other in others)
    assert opened.refreshed(kept.refresh_token)
    assert opened.refreshed(foreign.refresh_token)
    assert opened.sessions.end_all("ann", SessionEnd.PASSWORD, keep=kept.session_id) == 0


def test_beyond_the_limit_the_session_unused_for_longer_ends(opened: Opened) -> None:
    first, second = opened.open(), opened.open()
    for _ in range(MAX_SESSIONS - 2):
        opened.clock.advance(1)
        opened.open()
    used = opened.refreshed(first.refresh_token)
    opened.open()
    assert len(opened.sessions.live("ann")) == MAX_SESSIONS
    assert opened.refreshed(used.refresh_token)
    assert refusal(opened, second.refresh_token) == "ended"


def test_sessions_are_listed_newest_first(opened: Opened) -> None:
    ids = []
    for _ in range(3):
        opened.clock.advance(1)
        ids.append(opened.open().session_id)
    assert [session.session_id for session in opened.sessions.live("ann")] == ids[::-1]


def test_a_session_behind_many_ended_ones_ends_with_all(opened: Opened) -> None:
    stolen = opened.open()
    for _ in range(store.MAX_READ + 1):
        opened.clock.advance(1)
        stolen = opened.refreshed(stolen.refresh_token)
        opened.sessions.end("ann", opened.open().session_id, SessionEnd.LOGOUT)
    assert opened.sessions.end_all("ann", SessionEnd.PASSWORD) == 1
    assert refusal(opened, stolen.refresh_token) == "ended"


@pytest.mark.parametrize("session_id", ["x" * 1100, "ses_\0", "ses_\ud800", "", "#"])
def test_what_is_no_id_of_a_session_is_not_read(opened: Opened, session_id: str) -> None:
    wire = Wire(opened.table._client)
    sent: list[str] = []
    wire.instead(lambda operation, _: sent.append(operation))
    with pytest.raises(SessionNotFound):
        opened.sessions.end("ann", session_id, SessionEnd.REVOKED)
    assert sent == []


def test_an_outage_of_what_opens_addresses_replaces_no_refresh_token(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened.open().refresh_token
    before = opened.session_items()

    def unavailable(*_: object) -> str:
        raise DataKeyUnavailable

    with monkeypatch.context() as outage:
        outage.setattr(opened.data_keys, "open", unavailable)
        with pytest.raises(DataKeyUnavailable):
            opened.sessions.refresh(first)
    assert opened.session_items() == before
    opened.clock.advance(60)
    assert opened.refreshed(first)
    assert opened.reuse_count() == 0


def test_an_access_token_is_no_younger_than_the_reading_of_its_session(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that ends while a refresh of it is slow takes that token with it."""
    first = opened.open().refresh_token
    read_at, usual = opened.clock.now(), opened.data_keys.open

    def slowly(*place: Any) -> str | None:
        opened.clock.advance(3)
        return usual(*place)

    monkeypatch.setattr(opened.data_keys, "open", slowly)
    token = opened.refreshed(first).access_token
    verified = opened.access_tokens.verify(token, opened.clock.now() / 1000)
    assert verified.principal.issued_at == read_at


def test_a_damaged_session_keeps_no_one_from_signing_in(opened: Opened) -> None:
    new = opened.open()
    place = keys.session("ann", new.session_id)
    opened.table.write(Update(place, When(equals={"PK": place.pk}), set={"endsAt": "soon"}))
    assert refusal(opened, new.refresh_token) == "ended"
    assert opened.sessions.live("ann") == []
    assert opened.refreshed(opened.open().refresh_token)


def test_erasure_ends_every_session_and_leaves_nothing_about_the_user(opened: Opened) -> None:
    live, ended = opened.open(), opened.open()
    other = opened.open("eve")
    opened.sessions.end("ann", ended.session_id, SessionEnd.LOGOUT)
    assert opened.sessions.erase("ann")
    assert refusal(opened, live.refresh_token) == "ended"
    erased = [item for item in opened.session_items() if item["PK"] == "USER#ann"]
    assert len(erased) == 2
    for item in erased:
        assert not {"device", "email", "digest", "previousDigest"} & set(item)
        assert item["expiresAt"] == opened.clock.now() // 1000
    assert {item["end"] for item in erased} == {SessionEnd.LOGOUT, SessionEnd.ERASURE}
    assert opened.sessions.erase("ann")
    assert opened.refreshed(other.refresh_token)


def test_a_session_that_ends_during_the_erasure_is_erased_the_next_time(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, page = opened.open(), store.read_page

    def read_before_the_end(*place: Any) -> Any:
        found = page(*place)
        opened.sessions.end("ann", new.session_id, SessionEnd.LOGOUT)
        return found

    with monkeypatch.context() as race:
        race.setattr(store, "read_page", read_before_the_end)
        assert not opened.sessions.erase("ann")
    assert opened.sessions.erase("ann")
    assert "device" not in opened.session_items()[0]


def test_more_sessions_than_one_page_are_all_erased(opened: Opened) -> None:
    for _ in range(store.MAX_READ + 5):
        opened.clock.advance(1)
        opened.open()
    assert opened.sessions.erase("ann")
    assert not any("device" in item for item in opened.session_items())


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "late", "internal"])
def test_a_lost_response_of_the_table_changes_no_outcome(opened: Opened, fault: str) -> None:
    first = opened.open().refresh_token
    wire = Wire(opened.table._client)
    wire.plan("UpdateItem", fault)
    second = opened.refreshed(first).refresh_token
    wire.deliver_late()
    opened.clock.advance(60)
    third = opened.refreshed(second).refresh_token
    assert len({first, second, third}) == 3
    assert opened.reuse_count() == 0


def test_a_table_that_stays_silent_ends_no_session(opened: Opened) -> None:
    first = opened.open().refresh_token
    wire = Wire(opened.table._client)
    wire.plan("UpdateItem", "lost-request", times=MAX_TRIES)
    with pytest.raises(StorageUnavailable):
        opened.sessions.refresh(first)
    assert opened.refreshed(first)


def test_calls_and_units_of_each_step_stay_as_they_are() -> None:
    behind = MemoryBehind()
    opened = Opened(Table(memory_client(behind), "t"))
    meter = Meter(opened.table._client, RawClient(memory_client(behind)))
    token = opened.open().refresh_token
    with meter.watch() as refresh:
        opened.sessions.refresh(token)
    assert (refresh.calls, refresh.writes) == (["GetItem", "GetItem", "UpdateItem"], 1)
    with meter.watch() as repeated:
        opened.sessions.refresh(token)
    assert (repeated.calls, repeated.writes) == (["GetItem", "GetItem"], 0)
    with meter.watch() as guess:
        refusal(opened, token[:-1])
    assert guess.calls == []
    with meter.watch() as opening:
        opened.open()
    assert (opening.calls, opening.writes) == (["GetItem", "Query", "PutItem", "GetItem"], 1)
    assert opening.max_bytes["SESSION"] < 700


def outcomes(opened: Opened, token: str) -> list[str]:
    """What 50 requests at once receive: a new token, or why they are refused."""

    def attempt(_: int) -> str:
        try:
            return str(opened.refreshed(token).refresh_token)
        except RefreshTokenRejected as refused:
            return str(refused.details["reason"])

    with ThreadPoolExecutor(50) as executor:
        return list(executor.map(attempt, range(50)))


def test_of_fifty_refreshes_at_once_one_wins_and_all_receive_its_token(
    on_dynamodb: Opened,
) -> None:
    token = on_dynamodb.open().refresh_token
    wire = Wire(on_dynamodb.table._client)
    applied: list[int] = []
    wire.after(lambda operation, _, reply: applied.append(status(reply, operation)))
    received = set(outcomes(on_dynamodb, token))
    assert applied.count(200) == 1
    (winner,) = received
    assert on_dynamodb.refreshed(winner)
    assert on_dynamodb.reuse_count() == 0


def test_fifty_reuses_at_once_end_the_family_once(on_dynamodb: Opened) -> None:
    stolen = on_dynamodb.open().refresh_token
    current = on_dynamodb.refreshed(stolen).refresh_token
    on_dynamodb.clock.advance(GRACE_SECONDS)
    assert set(outcomes(on_dynamodb, stolen)) <= {"reused", "ended"}
    assert on_dynamodb.reuse_count() == 1
    assert refusal(on_dynamodb, current) == "ended"


def test_a_thief_and_the_owner_at_once_leave_no_session_behind(on_dynamodb: Opened) -> None:
    """Whoever of both is late by more than the grace is noticed, and both lose."""
    first = on_dynamodb.open().refresh_token
    (received,) = set(outcomes(on_dynamodb, first))
    on_dynamodb.clock.advance(900)
    by_owner = on_dynamodb.refreshed(received).refresh_token
    on_dynamodb.clock.advance(900)
    assert refusal(on_dynamodb, received) == "reused"
    assert refusal(on_dynamodb, by_owner) == "ended"


def status(reply: Any, operation: str) -> int:
    return int(reply.status) if operation == "UpdateItem" else 0
