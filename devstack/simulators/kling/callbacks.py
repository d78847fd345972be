"""Kling's callbacks (https://klingai.com/document-api/api/get-started/callbacks): one for each
new status. The body is the bare task; it is signed if a secret is configured."""

import itertools
import json
import secrets
from collections.abc import Mapping

from devstack.simulators.background import Background
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.delivery import Deliverer, Delivery, Headers
from devstack.simulators.faults import Fault, FaultBoard
from devstack.simulators.kling.task_store import Task, finished
from devstack.simulators.kling.views import task_view
from devstack.simulators.signing import signature_headers
from service.core.clock import Clock

FAULTS = frozenset({"drop", "double", "early", "slow", "unsigned", "forged"})


class Callbacks:
    """Sends a task's new status to its callback address, correctly or with the armed fault.

    `drop` never sends, `double` sends twice with one `webhook-id`, `early` reports the final status
    at once, `slow` sends `seconds` later and so out of order, `unsigned` has no signature and
    `forged` one made with an unknown key."""

    def __init__(
        self,
        settings: SimulatorSettings,
        clock: Clock,
        faults: FaultBoard,
        deliverer: Deliverer,
        background: Background,
    ) -> None:
        self._address = settings.address
        self._send_to = settings.callback_address
        self._keys = settings.callback_keys
        self._clock = clock
        self._faults = faults
        self._deliverer = deliverer
        self._background = background
        self._counter = itertools.count(1)

    def changed(self, task: Task) -> None:
        """Queues a callback with the new status if the task has a callback address. Returns at
        once."""
        if task.request.callback_url:
            fault = self._faults.take("kling", "callback")
            self._dispatch(self._delivery(task, fault), fault)

    def _dispatch(self, delivery: Delivery, fault: Fault | None) -> None:
        match fault.kind if fault else "":
            case "drop":
                self._deliverer.record_undelivered(delivery)
            case "slow":
                seconds = fault.seconds if fault else 0.0
                self._background.later(seconds, lambda: self._deliverer.send(delivery))
            case "double":
                self._deliverer.send(delivery)
                self._deliverer.send(delivery)
            case _:
                self._deliverer.send(delivery)

    def _delivery(self, task: Task, fault: Fault | None) -> Delivery:
        kind = fault.kind if fault else ""
        reported = finished(task, self._clock.now()) if kind == "early" else task
        body = json.dumps(task_view(reported, self._address), separators=(",", ":")).encode()
        return Delivery(
            service="kling",
            subject=task.task_id,
            url=self._send_to(task.request.callback_url),
            body=body,
            headers=self._headers(kind, body),
            fault=fault.text if fault else None,
        )

    def _headers(self, kind: str, body: bytes) -> Headers:
        message_id = str(self._clock.now() * 100_000 + next(self._counter) % 100_000)
        keys = {"unsigned": (), "forged": (secrets.token_bytes(32),)}.get(kind, self._keys)

        def headers() -> Mapping[str, str]:
            return signature_headers(keys, message_id, self._clock.now() // 1000, body)

        return headers
