from devstack.simulators.journal import MAX_ENTRIES, Journal, shown_body
from tests.doubles.clock import FakeClock


def test_the_oldest_entries_make_room_for_new_ones() -> None:
    journal = Journal(FakeClock())
    for number in range(MAX_ENTRIES + 3):
        journal.open("kling", "query", "GET", f"/{number}", {}, b"")
    entries = journal.listed()
    assert len(entries) == MAX_ENTRIES
    assert (entries[0]["path"], entries[-1]["path"]) == ("/3", f"/{MAX_ENTRIES + 2}")


def test_a_request_shows_before_its_response() -> None:
    journal = Journal(FakeClock())
    entry = journal.open("kling", "query", "GET", "/1", {}, b"")
    assert journal.listed()[0]["status"] is None
    journal.close(entry, 200, None)
    assert journal.listed()[0]["status"] == 200


def test_json_with_many_values_is_shown_as_cut_text() -> None:
    assert isinstance(shown_body(b'{"a": [' + b"1," * 10_000 + b"1]}"), str)
