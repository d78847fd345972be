"""`Retry-After` in both of its forms."""

import pytest

from service.providers.retry_after import retry_after_seconds

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("86400", 3600),
        ("9" * 400, 3600),
        ("Mon, 21 Sep 2026 14:13:30 GMT", 10),
        ("Mon, 21 Sep 2020 14:13:30 GMT", 1),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_a_retry_after_is_whole_seconds_within_an_hour(text: str, seconds: int | None) -> None:
    assert retry_after_seconds({"retry-after": text}, NOW) == seconds


def test_no_header_is_none() -> None:
    assert retry_after_seconds({}, NOW) is None
