"""What a task's role has on ECS: an endpoint that hands out credentials, other ones each time."""

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_SECONDS = 60.0


@dataclass
class Key:
    secret: str
    token: str
    expires_at: float
    refused_from: float


class RoleEndpoint:
    """Each request gets new credentials, which claim to expire after `lifetime_seconds`. Those of
    before are good until they expire, or for `overlap_seconds` if that is shorter.

    `fault` is `""`, `hang`, `error` or `nonsense`."""

    def __init__(self, lifetime_seconds: float, overlap_seconds: float = MAX_SECONDS) -> None:
        self.lifetime_seconds = lifetime_seconds
        self.keys: dict[str, Key] = {}
        self.requests = 0
        self.fault = ""
        self._overlap_seconds = overlap_seconds
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            timeout = MAX_SECONDS

            def do_GET(self) -> None:
                endpoint.respond(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}/role"

    def __enter__(self) -> "RoleEndpoint":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join(MAX_SECONDS)
        self._server.server_close()

    def accepts(self, access_key: str) -> Key | None:
        """The key of that name, None if there is none or a newer one has replaced it."""
        key = self.keys.get(access_key)
        return key if key and time.time() < key.refused_from else None

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        with self._guard:
            self.requests += 1
        if self.fault == "hang":
            self._stopping.wait(MAX_SECONDS)
            return
        status, body = 200, b"<html>"
        if self.fault == "error":
            status, body = 500, b"{}"
        elif not self.fault:
            body = json.dumps(self._rotate()).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _rotate(self) -> dict[str, str]:
        with self._guard:
            now = time.time()
            for key in self.keys.values():
                key.refused_from = min(key.refused_from, now + self._overlap_seconds)
            name = f"ASIA{len(self.keys)}"
            expires = datetime.fromtimestamp(now, UTC) + timedelta(seconds=self.lifetime_seconds)
            expires_at = expires.timestamp()
            self.keys[name] = Key(f"secret {name}", f"token {name}", expires_at, expires_at)
        return {
            "AccessKeyId": name,
            "SecretAccessKey": self.keys[name].secret,
            "Token": self.keys[name].token,
            "Expiration": expires.isoformat(),
        }
