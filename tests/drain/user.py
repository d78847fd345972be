"""A user who sends requests without pause over one kept-alive connection, and counts every
unexpected response."""

import http.client
import json
import threading
import time
from typing import Any

REQUEST_SECONDS = 180.0
_PAUSE_SECONDS = 0.05


class User:
    """Plays one round after the other between `start` and `finish`, in a thread of its own."""

    def __init__(self, port: int, subject: str, token: str) -> None:
        self.port = port
        self.subject = subject
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"user {subject}", daemon=True)
        self.requests = 0
        self.failures: list[str] = []
        self.jobs: list[str] = []

    def play(self) -> None:
        """One round. What fails is recorded."""
        raise NotImplementedError

    def start(self) -> None:
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Lets the round at hand end."""
        self._stop.set()
        if self._thread.ident is None:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.failures.append(f"{self.subject} does not finish")

    def play_once(self) -> None:
        """One round, in the caller's thread."""
        self.play()
        self.hang_up()

    def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        """The data of the response; None after a failure, which is recorded."""
        self.requests += 1
        time.sleep(_PAUSE_SECONDS)
        try:
            status, response = self._send(method, path, body, headers or {})
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.hang_up()
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if status != 200:
            self.failures.append(f"{method} {path}: {status} {json.dumps(response)[:300]}")
            return None
        data: dict[str, Any] = response["data"]
        return data

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.play()
        except Exception as error:
            self.failures.append(f"{self.subject} breaks off: {error!r}")
        self.hang_up()

    def _send(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=REQUEST_SECONDS
            )
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self.headers | headers)
        response = self._connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode("utf-8", "replace")
