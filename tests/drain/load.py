"""Clients that send requests without pause, each over one kept-alive connection, and count every
unexpected response."""

import http.client
import json
import threading
import time
import uuid
from typing import Any

IMAGE = "https://images.example.com/astronaut.jpg"
WAIT_SECONDS = 2
MAX_READS = 120
_REQUEST_SECONDS = 180.0
_PAUSE_SECONDS = 0.05


class Client:
    """One user. Places a video, waits for it, reads the balance, and again, between `start` and
    `finish`."""

    def __init__(self, port: int, subject: str, token: str, welcome_credits: int) -> None:
        self._port = port
        self._subject = subject
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._welcome = welcome_credits
        self._connection: http.client.HTTPConnection | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"client {subject}", daemon=True)
        self.requests = 0
        self.placed = 0
        self.delivered = 0
        self.failures: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Lets the video at hand end."""
        self._stop.set()
        if self._thread.ident is None:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.failures.append(f"{self._subject} does not finish")

    def play_once(self) -> None:
        """One video, in the caller's thread."""
        self._one_video()
        self._hang_up()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._one_video()
        self._hang_up()

    def _one_video(self) -> None:
        body = {
            "GoogleID": self._subject,
            "Fingerprint": f"device-of-{self._subject}",
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        }
        job = self._request("POST", "/videos", body, {"Idempotency-Key": str(uuid.uuid4())})
        if job is None:
            return
        self.placed += 1
        if self._outcome(job["jobId"]) != "SUCCEEDED":
            return
        self.delivered += 1
        self._compare()

    def _outcome(self, job_id: str) -> str:
        """How the job ended. Looks again after a failed look, for the job goes on without us."""
        status = "SUBMITTED"
        for _ in range(MAX_READS):
            self._request("GET", "/credits")
            job = self._request("GET", f"/jobs/{job_id}?wait={WAIT_SECONDS}")
            status = job["status"] if job else status
            if status in ("SUCCEEDED", "FAILED"):
                break
        if status != "SUCCEEDED":
            self.failures.append(f"job {job_id} is {status}")
        return status

    def _compare(self) -> None:
        found = self._request("GET", "/credits")
        wanted = self._welcome - self.delivered
        if (
            found is not None
            and not self.failures
            and (found["credits"], found["held"]) != (wanted, 0)
        ):
            self.failures.append(
                f"{self._subject} has {found['credits']} credits, {wanted} are right"
            )

    def _request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        """The data of the response; None after a failure, which is recorded."""
        self.requests += 1
        time.sleep(_PAUSE_SECONDS)
        try:
            status, response = self._send(method, path, body, headers or {})
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._hang_up()
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if status != 200:
            self.failures.append(f"{method} {path}: {status} {json.dumps(response)[:300]}")
            return None
        data: dict[str, Any] = response["data"]
        return data

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=_REQUEST_SECONDS
            )
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers | headers)
        response = self._connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode("utf-8", "replace")
