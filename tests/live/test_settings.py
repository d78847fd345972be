"""Settings of live sessions that do not fit one another stop the start, where they are offered."""

import pytest

from service.app import load_settings
from service.core.settings import SettingsError
from tests.test_settings import GOOD

OFFERED = {
    "ASSEMBLYAI_API_KEY_SECRET_NAME": "farebox/assemblyai",
    "PUBLIC_URL": "https://api.example.com",
}
SLOW_TABLE = {"TRANSACTION_DEADLINE_SECONDS": "20", "SUBMIT_SECONDS": "60"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (SLOW_TABLE, "LIVE_GRACE_SECONDS (60) must be more than twice"),
        ({"LIVE_MAX_SECONDS": "10800"}, "LIVE_MAX_SECONDS must not be more than 10700"),
        ({"LIVE_MAX_SECONDS": "60"}, "LIVE_MAX_SECONDS must not be less than LIVE_SLICE_SECONDS"),
        (
            {"LIVE_VENDOR_TOKENS": "true", "LIVE_TOKEN_SECONDS": "20"},
            "LIVE_TOKEN_SECONDS (20) must be more than twice ASSEMBLYAI_CREATE_SECONDS + 15",
        ),
        ({"USER_LIVE_CONNECTIONS": "251"}, "must not be more than LIVE_CONNECTIONS"),
        ({"LIVE_URL": "https://api.example.com"}, "LIVE_URL must be a ws(s) address"),
    ],
)
def test_settings_that_do_not_fit_stop_the_start(wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(GOOD | OFFERED | wrong)
    assert [fault for fault in error.value.faults if sentence in fault]


def test_what_is_not_offered_keeps_no_process_from_starting() -> None:
    load_settings(GOOD | OFFERED | SLOW_TABLE | {"LIVE_GRACE_SECONDS": "61"})
    load_settings(GOOD | SLOW_TABLE)
    load_settings(GOOD | OFFERED | {"LIVE_TOKEN_SECONDS": "20"})
