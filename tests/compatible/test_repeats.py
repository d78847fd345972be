"""Repeats of requests to OpenAI's routes, and texts that take long."""

from typing import Any

import pytest

from service.compatible.operations import Compatible
from service.providers.generation import (
    BrokenOff,
    Output,
    VendorFault,
)
from service.text.operations import Text
from tests.compatible.conftest import (
    BOTH,
    CHAT,
    RESPONSES,
    RETRY,
    Site,
    error_in,
    job_of,
    site_over,
)
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import text_world


class TestRepeats:
    @BOTH
    def test_a_retry_without_a_key_returns_the_text_and_charges_nothing(
        self, site: Site, ann: str, path: str
    ) -> None:
        first = site.post(path, ann)
        before = site.world.balance(ann), len(site.vendor.sent)
        again = site.post(path, ann, headers=RETRY)
        assert (again.status_code, again.json) == (200, first.json)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (site.world.balance(ann), len(site.vendor.sent)) == before

    @pytest.mark.parametrize("count", ["0", "", "-1", "x", "\u0661"])
    def test_what_is_no_retry_is_a_job_of_its_own(self, site: Site, ann: str, count: str) -> None:
        first = site.post(CHAT, ann)
        headers = {"X-Stainless-Retry-Count": count.encode().decode("latin-1")}
        assert job_of(site.post(CHAT, ann, headers=headers)) != job_of(first)

    def test_routes_do_not_share_their_retries(self, site: Site, ann: str) -> None:
        first = site.post(CHAT, ann)
        assert job_of(site.post(RESPONSES, ann, headers=RETRY)) != job_of(first)

    @BOTH
    def test_a_key_works_as_everywhere(self, site: Site, ann: str, path: str) -> None:
        key = {"Idempotency-Key": f"key-of-{path}"}
        first = site.post(path, ann, headers=key)
        assert site.post(path, ann, headers=key).json == first.json
        other = site.post(path, ann, headers=key, temperature=0.1)
        assert (other.status_code, error_in(other)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")

    def test_a_retry_of_what_broke_off_is_that_refusal(self, site: Site, ann: str) -> None:
        site.script(Output("a"), BrokenOff(VendorFault.STALLED))
        first = site.post(CHAT, ann)
        again = site.post(CHAT, ann, headers=RETRY)
        assert (again.status_code, again.json) == (first.status_code, first.json)
        assert again.headers["x-should-retry"] == "false"

    def test_a_retry_of_what_was_deleted_finds_no_text(self, site: Site, ann: str) -> None:
        job_id = job_of(site.post(CHAT, ann))
        site.browser.delete(f"/ai/history/{job_id}", headers={"X-Google-ID": ann})
        again = site.post(CHAT, ann, headers=RETRY)
        assert (again.status_code, error_in(again)["code"]) == (404, "TEXT_NOT_FOUND")

    def test_a_repeat_of_what_was_interrupted_is_a_failure(self, site: Site, ann: str) -> None:
        """Its process died before it made the call."""
        text = site.world.parts.get(Text)
        compatible = site.world.parts.get(Compatible)
        start, text._owners._start = text._owners._start, lambda work: None
        compatible.silent_seconds, silent = 0.0, compatible.silent_seconds
        key = {"Idempotency-Key": "interrupted"}
        try:
            location = site.post(CHAT, ann, headers=key).headers["Location"]
        finally:
            text._owners._start, compatible.silent_seconds = start, silent
        site.world.clock.advance(500)
        site.world.settlement.resolve(ann, location.removeprefix("/jobs/"))
        again = site.post(CHAT, ann, headers=key)
        error = error_in(again)
        assert (again.status_code, error["code"]) == (502, "TEXT_FAILED")
        assert error["details"] == {
            "jobId": location.removeprefix("/jobs/"),
            "reason": "INTERRUPTED",
        }
        assert again.headers["x-should-retry"] == "false"


class TestLateText:
    """One that takes longer than a connection may be silent."""

    @pytest.fixture
    def site(self) -> Site:
        site = site_over(text_world(MemoryBehind(), MemoryBehind.name))
        site.world.parts.get(Compatible).silent_seconds = 0.0
        site.welcome("ann")
        return site

    @BOTH
    def test_it_comes_behind_blanks(self, site: Site, path: str) -> None:
        later: list[Any] = []
        text = site.world.parts.get(Text)
        text._owners._start = later.append
        response = site.post(path, "ann")
        body = iter(response.iter_encoded())
        assert (response.status_code, next(body)) == (200, b" ")
        later.pop()()
        assert b"A lighthouse." in b"".join(body)

    def test_one_that_fails_cuts_the_connection(self, site: Site) -> None:
        later: list[Any] = []
        site.world.parts.get(Text)._owners._start = later.append
        site.script(Output("a"), BrokenOff(VendorFault.STALLED))
        body = iter(site.post(CHAT, "ann").iter_encoded())
        assert next(body) == b" "
        later.pop()()
        with pytest.raises(ConnectionResetError):
            b"".join(body)
        again = site.post(CHAT, "ann", headers=RETRY)
        assert (again.status_code, error_in(again)["code"]) == (502, "PROVIDER_BROKE_OFF")
