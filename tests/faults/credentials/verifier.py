"""A server in DynamoDB's place that verifies every signature with botocore's own signer. It refuses
in DynamoDB's words."""

import json
import re
import threading
import time
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from tests.faults.credentials.endpoint import MAX_SECONDS, RoleEndpoint

REGION = "us-east-1"
WINDOW = timedelta(minutes=15)
MAX_KEYS_SECONDS = 60.0
_FORMAT = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)"
)


class Refusal(Exception):
    """Type and message of an error."""


class Verifier:
    """Applies what is signed with a key of the endpoint, at its own time: the machine's and
    `ahead`. `date` replaces that time in responses."""

    def __init__(self, endpoint: RoleEndpoint, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead
        self.date = ""
        self.moments: list[str] = []
        self.refusals: Counter[str] = Counter()
        self.keys: set[str] = set()
        self._endpoint = endpoint
        verifier = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = MAX_SECONDS

            def do_POST(self) -> None:
                verifier.respond(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Verifier":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(MAX_SECONDS)
        self._server.server_close()

    def wait_for_keys(self, count: int) -> None:
        """Until requests came that are signed with so many keys. Raises `AssertionError`."""
        until = time.monotonic() + MAX_KEYS_SECONDS
        while len(self.keys) < count:
            assert time.monotonic() < until
            time.sleep(0.02)

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        status, content = 200, {}
        try:
            self._verify(request, body)
        except Refusal as refusal:
            kind, message = refusal.args
            self.refusals[kind] += 1
            status, content = 400, {"__type": f"com.amazon.coral.service#{kind}"}
            content["message"] = message
        text = json.dumps(content).encode()
        request.send_response_only(status)
        for name, value in {
            "Date": self.date or format_datetime(self._now(), usegmt=True),
            "Content-Type": "application/x-amz-json-1.0",
            "Content-Length": str(len(text)),
            "x-amzn-RequestId": "R0",
            "x-amz-crc32": str(zlib.crc32(text)),
        }.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(text)

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def _verify(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Raises `Refusal`."""
        given = _AUTHORIZATION.fullmatch(request.headers["Authorization"])
        assert given
        access_key, _, names, signature = given.groups()
        moment = request.headers["X-Amz-Date"]
        self.moments.append(moment)
        self._verify_key(access_key, request.headers["X-Amz-Security-Token"])
        key = self._endpoint.keys[access_key]
        auth = SigV4Auth(ReadOnlyCredentials(access_key, key.secret, key.token), "dynamodb", REGION)
        headers = {name: request.headers[name] for name in names.split(";")}
        signed = AWSRequest("POST", self.url + "/", headers=headers, data=body)
        signed.context["timestamp"] = moment
        text = auth.string_to_sign(signed, auth.canonical_request(signed))
        if signature != auth.signature(text, signed):
            raise Refusal(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided."
                " Check your AWS Secret Access Key and signing method. Consult the service"
                " documentation for details.",
            )
        self._verify_moment(moment)
        self.keys.add(access_key)

    def _verify_key(self, access_key: str, token: str) -> None:
        key = self._endpoint.accepts(access_key)
        if access_key not in self._endpoint.keys or (key and key.token != token):
            raise Refusal(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        if key is None or time.time() > key.expires_at:
            raise Refusal(
                "ExpiredTokenException", "The security token included in the request is expired"
            )

    def _verify_moment(self, moment: str) -> None:
        signed, now = datetime.strptime(moment, _FORMAT).replace(tzinfo=UTC), self._now()
        early, late = (now - WINDOW).strftime(_FORMAT), (now + WINDOW).strftime(_FORMAT)
        shown = now.strftime(_FORMAT)
        if signed < now - WINDOW:
            raise Refusal(
                "InvalidSignatureException",
                f"Signature expired: {moment} is now earlier than {early} ({shown} - 15 min.)",
            )
        if signed > now + WINDOW:
            raise Refusal(
                "InvalidSignatureException",
                f"Signature not yet current: {moment} is still later than {late}"
                f" ({shown} + 15 min.)",
            )
