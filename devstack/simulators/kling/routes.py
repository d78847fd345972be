"""Kling over HTTP, under `/kling`."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import ClassVar

from flask import Blueprint, send_file
from werkzeug.wrappers import Response

from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Fault, Operations
from devstack.simulators.kling.access import Access
from devstack.simulators.kling.callbacks import FAULTS as CALLBACK_FAULTS
from devstack.simulators.kling.codes import KlingError, error_response, success
from devstack.simulators.kling.pricing import plain
from devstack.simulators.kling.task_store import SUCCEED, TaskStore
from devstack.simulators.kling.video_requests import parse_request
from devstack.simulators.kling.views import created_view, record_view, task_view
from devstack.simulators.wire import Call, Cut, Endpoint, current_call, json_response
from service.core.clock import Clock

VIDEO = Path(__file__).parent.parent / "video.mp4"
FAILURE_MESSAGE = "Failed to generate the video, please try again"

_CREATE_FAULTS = RESPONSE_FAULTS | {"late", "job-fails", "no-task-id"}
_PAGE_NUMBER, _PAGE_SIZE = (1, 1_000), (1, 500)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NO_METHOD = "1202"


def _no_video(status: int, _: str | None) -> Response:
    """The response to an expired link. It comes from the vendor's object storage: XML, no Kling
    code."""
    text = f"<Error><Code>AccessDenied</Code><Status>{status}</Status></Error>"
    return Response(text, status, content_type="application/xml")


class Kling:
    """The endpoints of one account: create, query and list tasks, and download their videos."""

    name = "kling"
    faults: ClassVar[Operations] = {
        "create": _CREATE_FAULTS,
        "query": RESPONSE_FAULTS | {"late", "empty"},
        "list": RESPONSE_FAULTS | {"late"},
        "video": RESPONSE_FAULTS | {"cut", "stall", "oversize"},
        "callback": CALLBACK_FAULTS,
    }

    def __init__(
        self,
        injector: FaultInjector,
        task_store: TaskStore,
        access: Access,
        clock: Clock,
        address: str,
    ) -> None:
        self._injector = injector
        self._task_store = task_store
        self._access = access
        self._clock = clock
        self._address = address

    def blueprint(self) -> Blueprint:
        """All routes, without the `/kling` prefix."""
        routes = Blueprint("kling", __name__)
        routes.post("/v1/videos/image2video")(self.create)
        routes.get("/v1/videos/image2video")(self.page)
        routes.get("/v1/videos/image2video/<identifier>")(self.query)
        routes.get("/videos/<name>.mp4")(self.video)
        routes.get("/__tasks")(self.tasks)
        routes.delete("/__tasks")(self.forget)
        routes.add_url_rule("/<path:anything>", "unknown", self.unknown, methods=_METHODS)
        return routes

    def create(self) -> Response:
        call = current_call()

        def act(fault: Fault | None) -> Response:
            outcome = FAILURE_MESSAGE if fault and fault.kind == "job-fails" else ""
            task = self._task_store.create(parse_request(call.body), outcome)
            data = created_view(task)
            if fault and fault.kind == "no-task-id":
                del data["task_id"]
            return success(data)

        return self._call("create", call, act)

    def query(self, identifier: str) -> Response:
        def act(fault: Fault | None) -> Response:
            data = task_view(self._task_store.find(identifier), self._address)
            if fault and fault.kind == "empty":
                data |= {"task_status": SUCCEED, "task_result": {}}
            return success(data)

        return self._call("query", current_call(), act)

    def page(self) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            number = _integer(call, "pageNum", 1, _PAGE_NUMBER)
            size = _integer(call, "pageSize", 30, _PAGE_SIZE)
            return success(
                [task_view(task, self._address) for task in self._task_store.page(number, size)]
            )

        return self._call("list", call, act)

    def _call(
        self, operation: str, call: Call, act: Callable[[Fault | None], Response]
    ) -> Response:
        def checked(fault: Fault | None) -> Response:
            try:
                self._access.check(call.headers.get("Authorization", ""), self._clock.now() / 1000)
                return act(fault)
            except KlingError as error:
                return error.response()

        return self._injector.call(Endpoint(self.name, operation, error_response), call, checked)

    def video(self, name: str) -> Response:
        """The video of any task id, known or not: a link must still play after the simulators
        were restarted and have lost their tasks."""

        def act(fault: Fault | None) -> Response:
            if not re.fullmatch(r"[0-9]{1,40}", name):
                return _no_video(404, None)
            if fault and fault.kind in ("cut", "stall", "oversize"):
                return self._broken(fault)
            # An open file would stay open where the client has gone: the server closes it too late.
            video = BytesIO(VIDEO.read_bytes())
            return send_file(video, "video/mp4", conditional=True, etag="video", max_age=0)

        return self._injector.call(Endpoint(self.name, "video", _no_video), current_call(), act)

    def _broken(self, fault: Fault) -> Response:
        """The video, dropped in the middle, paused there, or announced as longer than any is."""
        video = VIDEO.read_bytes()
        middle = len(video) // 2

        def body() -> Iterator[bytes]:
            yield video[:middle]
            if fault.kind != "stall":
                raise Cut
            self._clock.sleep(fault.seconds)
            yield video[middle:]

        length = 2**40 if fault.kind == "oversize" else len(video)
        headers = {"Content-Length": str(length)}
        return Response(body(), headers=headers, content_type="video/mp4")

    def unknown(self, anything: str) -> Response:
        """Any other path: the vendor's error for unknown methods. The journal shows it."""
        del anything
        endpoint = Endpoint(self.name, "unknown", error_response)
        return self._injector.call(
            endpoint, current_call(), lambda _: error_response(404, _NO_METHOD)
        )

    def tasks(self) -> Response:
        tasks, running, units_left = self._task_store.everything()
        content = {
            "tasks": [record_view(task) for task in tasks],
            "running": running,
            "units_left": plain(units_left),
        }
        return json_response(content)

    def forget(self) -> Response:
        self._task_store.reset()
        return self.tasks()


def _integer(call: Call, key: str, default: int, limits: tuple[int, int]) -> int:
    text = call.query.get(key, str(default))
    if not re.fullmatch(r"[0-9]{1,6}", text) or not limits[0] <= int(text) <= limits[1]:
        raise KlingError(1201, f"{key} must be from {limits[0]} to {limits[1]}")
    return int(text)
