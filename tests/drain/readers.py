"""Users who read texts while they are written. A stream that breaks off is no failure, as
docs/text.md says: `GET /jobs/{id}/stream` has the text, whole."""

import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from tests.drain.user import REQUEST_SECONDS, User

PROMPT = "Describe a lighthouse at the end of a long pier."
MAX_STREAMS = 30
Event = tuple[str, dict[str, Any]]


class Reader(User):
    """Has a text written, reads it as it comes, and goes on reading where the stream is ended."""

    def __init__(self, port: int, subject: str, token: str) -> None:
        super().__init__(port, subject, token)
        self.whole = 0
        self.broken = 0
        self.waiting = 0

    def play(self) -> None:
        body = {
            "prompt": f"{PROMPT} {uuid.uuid4()}",
            "stream": True,
            "Fingerprint": f"device-of-{self.subject}",
        }
        key = {"Idempotency-Key": str(uuid.uuid4())}
        begun = self._stream("POST", "/ai/generate", body, key)
        for _ in range(MAX_STREAMS):
            if begun is None:
                return
            job_id, text, job = begun
            if job is not None:
                self._compare(job_id, text, job)
                return
            begun = self._stream("GET", f"/jobs/{job_id}/stream", None, {})
        self.failures.append(f"text {job_id} has no end")

    def _stream(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[str, str, dict[str, Any] | None] | None:
        """The job's id, what came of its text, and the job itself if the stream came to its end.
        None after a failure, which is recorded."""
        self.requests += 1
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_SECONDS)
        try:
            connection.request(
                method, path, json.dumps(body) if body else None, self.headers | headers
            )
            response = connection.getresponse()
            if response.status != 200:
                said = response.read()[:300].decode("utf-8", "replace")
                self.failures.append(f"{method} {path}: {response.status} {said}")
                return None
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{method} {path}: {error!r}")
            connection.close()
            return None
        job_id = response.headers["Location"].rpartition("/")[2]
        if method == "POST":
            self.jobs.append(job_id)
        with closing(connection), response:
            return job_id, *self._read(response)

    def _read(self, response: http.client.HTTPResponse) -> tuple[str, dict[str, Any] | None]:
        pieces: list[str] = []
        try:
            for name, data in _events(response):
                if name == "delta":
                    pieces.append(data["text"])
                if name in ("done", "error"):
                    return "".join(pieces), data["job"]
                if name == "waiting":
                    self.waiting += 1
                    return "", None
        except (OSError, http.client.HTTPException):
            pass
        self.broken += 1
        return "", None

    def _compare(self, job_id: str, text: str, job: dict[str, Any]) -> None:
        stored = self.request("GET", f"/jobs/{job_id}")
        if stored is None:
            return
        found = (stored["status"], stored.get("finishReason"), stored["text"])
        if found != ("SUCCEEDED", "stop", text) or not text or job["text"] != text:
            self.failures.append(f"text {job_id} is not whole: {found[:2]}, {job['status']}")
            return
        self.whole += 1


def _events(response: http.client.HTTPResponse) -> Iterator[Event]:
    name = ""
    for line in response:
        if line.startswith(b"event: "):
            name = line.decode().strip().removeprefix("event: ")
        elif line.startswith(b"data: "):
            yield name, json.loads(line.removeprefix(b"data: "))
