"""A running simulator server and a receiver of callbacks."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from devstack.simulators.server import SimulatorServer
from tests.doubles.clock import FakeClock
from tests.doubles.eventually import eventually

START = 1_800_000_000_000


class Stack:
    """A running server, and calls to it."""

    def __init__(self, server: SimulatorServer, clock: FakeClock) -> None:
        self.server = server
        self.clock = clock
        self.url = server.url
        self.authorization = f"Bearer {server.settings.kling_api_key}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=30, **options)

    def kling(self, method: str, path: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": self.authorization} | options.pop("headers", {})
        return self.call(method, f"/kling/v1/videos/image2video{path}", headers=headers, **options)

    def create(self, **fields: object) -> requests.Response:
        body: dict[str, object] = {
            "model_name": "kling-v1",
            "image": "https://pictures.example/cat.png",
            **fields,
        }
        return self.kling(
            "POST", json={key: value for key, value in body.items() if value is not None}
        )

    def created(self, **fields: object) -> dict[str, Any]:
        response = self.create(**fields)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def query(self, identifier: str) -> dict[str, Any]:
        response = self.kling("GET", f"/{identifier}")
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def arm(self, service: str, operation: str, fault: str, **more: object) -> None:
        body = {"service": service, "operation": operation, "fault": fault, **more}
        response = self.call("POST", "/__faults", json=body)
        assert response.status_code == 200, response.text

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.call("GET", "/kling/__tasks").json()["tasks"]
        return tasks

    def journal(self, **filters: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.call("GET", "/__journal", params=filters).json()[
            "requests"
        ]
        return entries


class Receiver:
    """A server that receives and keeps callbacks. It responds with `statuses`, then with 200."""

    def __init__(self) -> None:
        self.received: list[tuple[Mapping[str, str], bytes]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((dict(self.headers), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/callbacks/kling/a-token"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def tasks(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in list(self.received)]

    def reported_statuses(self) -> list[str]:
        return [task["task_status"] for task in self.tasks()]

    def wait_for(self, count: int) -> None:
        eventually(lambda: len(self.received) >= count)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Start = Callable[..., Stack]
