"""A video that is copied is played from our own address, through the worker and over HTTP."""

from collections.abc import Callable

import requests

from devstack.simulators.kling.routes import VIDEO
from tests.stack.live_stack import LiveStack


def test_a_copied_video_plays_from_an_address_of_ours(start: Callable[..., LiveStack]) -> None:
    stack = start(videos_copy_days=30)
    job_id = stack.submitted("ann")
    job = stack.settled(job_id)
    assert (job["status"], job["credits"]["captured"]) == ("SUCCEEDED", 1)
    assert job["videoUrl"].startswith(f"{stack.url}/videos/files/")
    played = requests.get(job["videoUrl"], timeout=30)
    assert (played.content, played.headers["Content-Type"]) == (VIDEO.read_bytes(), "video/mp4")
    assert [each.status_code for each in played.history] == [302]
    unknown = stack.call("GET", f"{job['videoUrl'].removeprefix(stack.url)[:-4]}AAAA", None)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "VIDEO_NOT_FOUND")
