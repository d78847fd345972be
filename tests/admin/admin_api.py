"""The operators' API of a service over DynamoDB Local, called by a machine that signs."""

import json
from typing import Any

from service.app import create_app
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import MACHINE, Signer


class AdminApi:
    """Sends signed requests. Each response is the status and the body."""

    def __init__(self, world: ServiceHarness, signer: Signer = MACHINE) -> None:
        self.world = world
        self.signer = signer
        self.app = create_app(world.parts)
        self.client = self.app.test_client()
        self.replayed = False
        self._keys = 0

    def get(self, path: str) -> tuple[int, Any]:
        return self._send("GET", path, b"", {})

    def post(self, path: str, body: Any, key: str | None = "") -> tuple[int, Any]:
        """With a new idempotency key unless one is given; None: without."""
        self._keys += 1
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key or f"test-key-{id(self)}-{self._keys}"
        return self._send("POST", path, json.dumps(body).encode(), headers)

    def _send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        now_seconds = self.world.clock.now() / 1000
        signed = self.signer.sign(method, path, now_seconds, body, headers=headers)
        response = self.client.open(path, method=method, headers=signed, data=body)
        self.replayed = response.headers.get("Idempotency-Replayed") == "true"
        return response.status_code, response.get_json()
