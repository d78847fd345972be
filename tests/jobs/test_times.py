"""The times of a job's life, as the settings say them."""

import pytest

from service.jobs.feature import job_times
from service.jobs.settings import JobsSettings


@pytest.mark.parametrize(("has_callbacks", "expected"), [(False, (1, 3)), (True, (20, 50))])
def test_a_poll_interval_is_what_its_setting_says(
    has_callbacks: bool, expected: tuple[int, int]
) -> None:
    settings = JobsSettings(
        poll_min_seconds=1,
        poll_max_seconds=3,
        callback_poll_min_seconds=20,
        callback_poll_max_seconds=50,
    )
    times = job_times(settings, has_callbacks=has_callbacks)
    assert (times.poll_min / 1000, times.poll_max / 1000) == expected
