"""AssemblyAI over HTTP, under `/assemblyai`."""

import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from typing import ClassVar

from flask import Blueprint
from werkzeug.wrappers import Response

from devstack.simulators.assemblyai.audio import Audio, audio_at
from devstack.simulators.assemblyai.requests import parse_request
from devstack.simulators.assemblyai.sessions import LiveSessions
from devstack.simulators.assemblyai.sockets import STREAM_FAULTS, TOKEN_FAULTS
from devstack.simulators.assemblyai.transcripts import (
    AssemblyAiError,
    Transcript,
    TranscriptRequest,
    Transcripts,
    entry_view,
    record_view,
    view,
)
from devstack.simulators.background import Background
from devstack.simulators.delivery import Deliverer, Delivery
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Fault, FaultBoard, Operations
from devstack.simulators.wire import Call, Endpoint, current_call, json_response

WEBHOOK_FAULTS = frozenset({"drop", "double", "slow", "forged", "unsigned"})
# Ten attempts in all.
WEBHOOK_RETRY_SECONDS = (0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0)
MAX_LIMIT = 200
FAILURE = "Transcoding failed. File type is audio/mpeg (MPEG ADTS). Please ensure it is valid."
_TOO_MANY = {"error": "Too Many Requests"}
_USUAL = {
    400: "Bad request",
    401: "Authentication error, API token missing/invalid",
    500: "Server error, developers have been alerted.",
}


def error_response(status: int, code: str | None) -> Response:
    """AssemblyAI's error of that status; 503 and 504 come without its body."""
    if status == 429:
        return json_response(_TOO_MANY, 429, {"Retry-After": "1"})
    if status in (502, 503, 504):
        return Response("upstream unavailable", status, content_type="text/plain")
    if code == "balance":
        message = "Your current account balance is negative. Please top up to continue."
        return json_response({"error": message}, status)
    if code == "language":
        message = "The following models are not available in this language: speaker_labels"
        return json_response({"error": message}, status)
    return json_response({"error": _USUAL.get(status, "Simulated error")}, status)


class Webhooks:
    """Sends the end of each transcript to its webhook address, correctly or with the armed fault:
    `drop` never, `double` twice, `slow` `seconds` later, `unsigned` without the header and `forged`
    with another value in it. Ten attempts, ended by any 2xx or 4xx."""

    def __init__(
        self,
        faults: FaultBoard,
        deliverer: Deliverer,
        background: Background,
        address_of: Callable[[str], str],
    ) -> None:
        self._faults = faults
        self._deliverer = deliverer
        self._background = background
        self._address_of = address_of
        self.ended: Callable[[str, int], None] = lambda *_: None

    def send(self, transcript: Transcript) -> None:
        if not transcript.request.webhook_url:
            return
        fault = self._faults.take("assemblyai", "webhook")
        delivery = self._delivery(transcript, fault)
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

    def _delivery(self, transcript: Transcript, fault: Fault | None) -> Delivery:
        request, transcript_id = transcript.request, transcript.transcript_id
        body = {"transcript_id": transcript_id, "status": transcript.status}
        values = {"unsigned": "", "forged": "another"}
        value = values.get(fault.kind if fault else "", request.webhook_value)
        headers: Mapping[str, str] = (
            {request.webhook_header: value} if request.webhook_header and value else {}
        )
        return Delivery(
            service="assemblyai",
            subject=transcript_id,
            url=self._address_of(request.webhook_url),
            body=json.dumps(body, separators=(",", ":")).encode(),
            headers=lambda: headers,
            fault=fault.text if fault else None,
            operation="webhook",
            retry_seconds=WEBHOOK_RETRY_SECONDS,
            is_final=lambda status: 400 <= status < 500,
            ended=lambda status: self.ended(transcript_id, status),
        )


class AssemblyAi:
    """The endpoints of one account: upload, and create, fetch, list and delete transcripts."""

    name = "assemblyai"
    faults: ClassVar[Operations] = {
        "upload": RESPONSE_FAULTS,
        "create": RESPONSE_FAULTS | {"late", "job-fails"},
        "query": RESPONSE_FAULTS | {"late", "no-duration", "wrong-duration"},
        "list": RESPONSE_FAULTS | {"late"},
        "delete": RESPONSE_FAULTS,
        "webhook": WEBHOOK_FAULTS,
        "stream": STREAM_FAULTS,
        "token": TOKEN_FAULTS,
    }

    def __init__(
        self,
        injector: FaultInjector,
        transcripts: Transcripts,
        sessions: LiveSessions,
        api_key: str,
        address: str,
        address_of: Callable[[str], str],
    ) -> None:
        """`address_of` is where an address of the service leads from here."""
        self._injector = injector
        self._transcripts = transcripts
        self.sessions = sessions
        self._api_key = api_key
        self._address = f"{address}/assemblyai"
        self._address_of = address_of
        self._uploads: set[str] = set()

    def blueprint(self) -> Blueprint:
        """All routes, without the `/assemblyai` prefix."""
        routes = Blueprint("assemblyai", __name__)
        routes.post("/v2/upload")(self.upload)
        routes.post("/v2/transcript")(self.create)
        routes.get("/v2/transcript")(self.page)
        routes.get("/v2/transcript/<transcript_id>")(self.query)
        routes.delete("/v2/transcript/<transcript_id>")(self.delete)
        routes.get("/__tasks")(self.tasks)
        routes.delete("/__tasks")(self.forget)
        routes.get("/__sessions")(self.books)
        return routes

    def upload(self) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            if not call.body:
                raise AssemblyAiError(400, "The request has no body")
            url = f"{self._address}/uploads/{uuid.uuid4()}"
            self._uploads.add(url)
            return json_response({"upload_url": url})

        return self._call("upload", call, act)

    def create(self) -> Response:
        call = current_call()

        def act(fault: Fault | None) -> Response:
            request = parse_request(call.body)
            audio = self._audio(request)
            outcome = FAILURE if fault and fault.kind == "job-fails" else audio.error
            made = self._transcripts.create(request, audio.seconds, outcome)
            return json_response(view(made))

        return self._call("create", call, act)

    def query(self, transcript_id: str) -> Response:
        def act(fault: Fault | None) -> Response:
            shown = dict(view(self._transcripts.find(transcript_id)))
            if fault and fault.kind == "no-duration":
                shown["audio_duration"] = None
            if fault and fault.kind == "wrong-duration" and shown["audio_duration"]:
                shown["audio_duration"] = 1
            return json_response(shown)

        return self._call("query", current_call(), act)

    def page(self) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            text = call.query.get("limit", "10")
            if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
                raise AssemblyAiError(400, f"limit must be from 1 to {MAX_LIMIT}")
            before, status = call.query.get("before_id", ""), call.query.get("status", "")
            found = self._transcripts.page(int(text), before, status)
            base = f"{self._address}/v2/transcript?limit={text}"
            older = f"{base}&before_id={found[-1].transcript_id}" if found else None
            details = {
                "limit": int(text),
                "result_count": len(found),
                "current_url": base,
                "prev_url": older,
                "next_url": None,
            }
            entries = [entry_view(each, self._address) for each in found]
            return json_response({"page_details": details, "transcripts": entries})

        return self._call("list", call, act)

    def delete(self, transcript_id: str) -> Response:
        def act(_: Fault | None) -> Response:
            return json_response(view(self._transcripts.delete(transcript_id)))

        return self._call("delete", current_call(), act)

    def tasks(self) -> Response:
        found = self._transcripts.everything()
        return json_response(
            {
                "tasks": [record_view(each) for each in found],
                "billed_seconds": sum(each.billed_seconds for each in found),
            }
        )

    def books(self) -> Response:
        """Of the live sessions."""
        found = self.sessions.books()
        return json_response({"sessions": found})

    def forget(self) -> Response:
        self._transcripts.reset()
        self.sessions.reset()
        return self.tasks()

    def _audio(self, request: TranscriptRequest) -> Audio:
        url = request.audio_url
        return audio_at(self._address_of(url), url, lambda each: each in self._uploads)

    def _call(
        self, operation: str, call: Call, act: Callable[[Fault | None], Response]
    ) -> Response:
        def checked(fault: Fault | None) -> Response:
            given = call.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), self._api_key.encode()):
                return error_response(401, None)
            try:
                return act(fault)
            except AssemblyAiError as error:
                return json_response({"error": str(error)}, error.status)

        return self._injector.call(Endpoint(self.name, operation, error_response), call, checked)
