"""Times as text: one form, and back again."""

import random
from datetime import UTC, datetime

import pytest

from service.core.clock import compact, from_iso, iso

AT = 1_795_251_600_123


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert iso(AT) == "2026-11-21T09:00:00.123Z"
    assert compact(AT) == "20261121T090000Z"


def test_every_time_comes_back_as_it_was() -> None:
    chance = random.Random(11)
    for at in (0, 999, *(chance.randrange(253_402_300_800_000) for _ in range(2_000))):
        assert from_iso(iso(at)) == at
        moment = datetime.fromtimestamp(at // 1000, UTC)
        assert compact(at) == f"{moment:%Y%m%dT%H%M%SZ}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T09:00:00Z",
        "2026-11-21T09:00:00.12Z",
        "2026-11-21T09:00:00.123",
        "2026-11-21T09:00:00.123+00:00",
        "2026-11-21 09:00:00.123Z",
        "2026-11-21T09:00:00.123Z ",
        "2026-11-21T09:00:00.123Z\n",
        "2026-13-21T09:00:00.123Z",
        "2026-02-30T09:00:00.123Z",
        "2026-11-21T24:00:00.123Z",
        "2026-11-21T09:60:00.123Z",
        "٢٠٢٦-11-21T09:00:00.123Z",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the date's own errors among them
        from_iso(text)
