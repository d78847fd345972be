"""Sessions of someone who has had more of them than one page."""

from service.sessions import store
from service.sessions.entities import MAX_SESSIONS, SessionEnd
from tests.sessions.opened import Opened


def test_a_live_session_counts_behind_any_number_that_have_ended(opened: Opened) -> None:
    first = opened.open()
    for _ in range(store.MAX_READ + 5):
        opened.clock.advance(1)
        session_id = opened.open().session_id
        opened.sessions.end("ann", session_id, SessionEnd.LOGOUT)
    assert [each.session_id for each in opened.sessions.live("ann")] == [first.session_id]
    for _ in range(MAX_SESSIONS):
        opened.clock.advance(1)
        opened.open()
    live = [each.session_id for each in opened.sessions.live("ann")]
    assert (len(live), first.session_id in live) == (MAX_SESSIONS, False)
