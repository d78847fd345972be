"""The simulated AssemblyAI, books and all, without sockets, and the door in front of it."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from devstack.simulators.app import build
from devstack.simulators.configuration import SimulatorSettings
from service.core.clock import Clock
from service.core.metrics import NoMetrics
from service.core.settings import Secret
from service.core.token_cipher import TokenCipher
from service.providers.assemblyai.client import AssemblyAi, AssemblyAiCalls
from service.providers.assemblyai.credentials import AssemblyAiCredentials, AssemblyAiKeys
from service.providers.http import NeverSent, NoResponse, Reply
from tests.doubles.service_harness import TOKEN_KEY
from tests.faults.enumeration.run import Run
from tests.faults.library.effects import Kind, Reported

API_KEY = "assemblyai-local-api-key"
SECONDS = 60.0
BASE_URL = "https://assemblyai.example.com"
_SETTINGS = SimulatorSettings(transcript_seconds=SECONDS, assemblyai_api_key=API_KEY)
_CONTEXTS = Flask(__name__)
_UNSEEN = b'{"error": "Transcript lookup error, transcript id not found"}'
_HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"


def job_of(callback_url: str) -> str | None:
    names = TokenCipher([TOKEN_KEY]).open(callback_url.rpartition("/")[2])
    return names[1] if names and len(names) == 2 else None


class Recordings:
    """AssemblyAI on the run's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @cached_property
    def _vendor(self) -> Any:
        """Made once it is needed: most flows have no such vendor."""
        return build(_SETTINGS, self._clock, logging.getLogger(__name__)).assemblyai

    def create(self, headers: Mapping[str, str], body: bytes) -> Reply:
        path = "/v2/transcript"
        with _CONTEXTS.test_request_context(path, method="POST", headers=dict(headers), data=body):
            return _reply(self._vendor.create())

    def get(self, headers: Mapping[str, str], url: str) -> Reply:
        path, query = urlsplit(url).path, urlsplit(url).query
        with _CONTEXTS.test_request_context(f"{path}?{query}", headers=dict(headers)):
            name = path.rpartition("/")[2]
            return _reply(self._vendor.page() if name == "transcript" else self._vendor.query(name))

    def delete(self, headers: Mapping[str, str], url: str) -> Reply:
        path = urlsplit(url).path
        with _CONTEXTS.test_request_context(path, method="DELETE", headers=dict(headers)):
            return _reply(self._vendor.delete(path.rpartition("/")[2]))

    def tasks(self) -> list[dict[str, Any]]:
        if "_vendor" not in self.__dict__:
            return []
        with _CONTEXTS.test_request_context("/__tasks"):
            tasks: list[dict[str, Any]] = _reply(self._vendor.tasks()).json()["tasks"]
        return tasks


class RecordingsDoor:
    """Stands in for `ProviderHttp`: the same promises, kept by a vendor in this process on the
    run's clock."""

    name = "assemblyai"

    def __init__(
        self, run: Run, vendor: Recordings, clock: Clock, note: Callable[[], None]
    ) -> None:
        """Calls `note` after every response that shows no transcript."""
        self._run = run
        self._vendor = vendor
        self._clock = clock
        self._note = note

    def send_once(self, url: str, headers: Mapping[str, str], body: bytes, until: float) -> Reply:
        def send() -> Reply:
            return self._vendor.create(headers, body)

        return self._run.meet(self.name, Kind.CREATE, "create", send, self._responder(until))

    def get(self, url: str, headers: Mapping[str, str], until: float, max_bytes: int = 0) -> Reply:
        def send() -> Reply:
            return self._vendor.get(headers, url)

        what = "list" if "?" in url else "query by task id"
        reply = self._run.meet(self.name, Kind.QUERY, what, send, self._responder(until))
        is_empty = reply.status == 200 and reply.json().get("transcripts") == []
        if is_empty or reply.body == _UNSEEN:
            self._note()
        return reply

    def delete(
        self, url: str, headers: Mapping[str, str], until: float, max_bytes: int = 0
    ) -> Reply:
        def send() -> Reply:
            return self._vendor.delete(headers, url)

        return self._run.meet(self.name, Kind.QUERY, "delete", send, self._responder(until))

    def _responder(self, until: float) -> Callable[[Reported], Reply]:
        def respond(reported: Reported) -> Reply:
            match reported:
                case Reported.UNREACHED:
                    raise NeverSent
                case Reported.BROKEN:
                    return Reply(500, b'{"error": "Server error, developers have been alerted."}')
                case Reported.HTML:
                    return Reply(502, _HTML)
                case Reported.NO_ID:
                    return Reply(200, b'{"status": "queued"}')
                case Reported.UNSEEN:
                    return Reply(400, _UNSEEN)
            self._run.clock.advance(max(0.0, until - self._clock.monotonic()))
            raise NoResponse

        return respond


def assemblyai(run: Run, vendor: Recordings, clock: Clock, note: Callable[[], None]) -> AssemblyAi:
    """The real adapter, at the door."""
    http: Any = RecordingsDoor(run, vendor, clock, note)
    keys = AssemblyAiKeys(Secret(API_KEY), Secret("callback-secret"))
    return AssemblyAi(
        http,
        AssemblyAiCredentials(lambda: keys, clock),
        clock,
        NoMetrics(),
        AssemblyAiCalls(BASE_URL, "universal-2", 5.0),
        job_of,
    )


def _reply(response: Any) -> Reply:
    return Reply(response.status_code, response.get_data())
