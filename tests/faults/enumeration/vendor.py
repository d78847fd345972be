"""The simulated Kling, books and all, without sockets: requests are handed to it as if they had
just come in."""

import logging
from typing import Any

from flask import Flask

from devstack.simulators.app import build
from devstack.simulators.configuration import SimulatorSettings
from service.core.clock import Clock
from service.providers.http import Reply

API_KEY = "kling-local-api-key"
VIDEO_SECONDS = 60.0
_SETTINGS = SimulatorSettings(
    video_seconds=VIDEO_SECONDS,
    public_url="https://videos.example.com",
    kling_api_key=API_KEY,
    # A second task for one job has to show in the books.
    kling_unique_external_ids=False,
)
_CONTEXTS = Flask(__name__)


class Vendor:
    """Kling on the run's clock."""

    def __init__(self, clock: Clock) -> None:
        self._simulators = build(_SETTINGS, clock, logging.getLogger(__name__))

    def create(self, headers: dict[str, str], body: bytes) -> Reply:
        with _CONTEXTS.test_request_context(
            "/v1/videos/image2video", method="POST", headers=headers, data=body
        ):
            return _reply(self._simulators.kling.create())

    def query(self, headers: dict[str, str], identifier: str) -> Reply:
        with _CONTEXTS.test_request_context(
            f"/v1/videos/image2video/{identifier}", headers=headers
        ):
            return _reply(self._simulators.kling.query(identifier))

    def refuse(self, response: str, times: int) -> None:
        """The next creates are rejected with this fault, for example `status:429:1303`."""
        order = {"service": "kling", "operation": "create", "fault": response, "count": times}
        with _CONTEXTS.test_request_context("/__faults", method="POST", json=order):
            self._simulators.control.arm()

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = _reply(self._simulators.kling.tasks()).json()["tasks"]
        return tasks


def _reply(response: Any) -> Reply:
    return Reply(response.status_code, response.get_data())
