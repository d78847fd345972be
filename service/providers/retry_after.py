"""`Retry-After`, in seconds or as a date (RFC 9110, 10.2.3)."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MAX_SECONDS = 3600


def retry_after_seconds(headers: Mapping[str, str], now: int) -> int | None:
    """From 1 to 3,600; None where the header is absent or says nothing. `now` is in epoch
    milliseconds; header names are in lower case."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        seconds = int(text[:12])
    else:
        try:
            seconds = int(parsedate_to_datetime(text).timestamp()) - now // 1000
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 1), MAX_SECONDS)
