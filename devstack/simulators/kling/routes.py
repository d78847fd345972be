"""Kling over HTTP, under `/kling`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from flask import Blueprint, send_file
from werkzeug.wrappers import Response

from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import ANSWERED, Fault, Operations
from devstack.simulators.kling.access import Access
from devstack.simulators.kling.callbacks import FAULTS as CALLBACK_FAULTS
from devstack.simulators.kling.codes import KlingRefusal, refuse, success
from devstack.simulators.kling.orders import parse_order
from devstack.simulators.kling.pricing import plain
from devstack.simulators.kling.task_store import SUCCEED, TaskStore
from devstack.simulators.kling.views import accepted, booked, whole
from devstack.simulators.wire import Call, Endpoint, current_call, json_answer
from service.core.clock import Clock

VIDEO = Path(__file__).parent.parent / "video.mp4"
FAILURE_MESSAGE = "Failure to pass the risk control system"

_CREATE_FAULTS = ANSWERED | {"late", "job-fails", "no-task-id"}
_PAGE_NUMBER, _PAGE_SIZE = (1, 1_000), (1, 500)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NO_METHOD = "1202"


def _no_video(status: int, _: str | None) -> Response:
    """An expired link is answered by the storage behind it, which speaks no Kling."""
    text = f"<Error><Code>AccessDenied</Code><Status>{status}</Status></Error>"
    return Response(text, status, content_type="application/xml")


class Kling:
    """The account's endpoints: create, query and list tasks, and the links to their videos."""

    name = "kling"
    faults: ClassVar[Operations] = {
        "create": _CREATE_FAULTS,
        "query": ANSWERED | {"late", "empty"},
        "list": ANSWERED | {"late"},
        "video": ANSWERED,
        "callback": CALLBACK_FAULTS,
    }

    def __init__(
        self, gate: FaultInjector, books: TaskStore, access: Access, clock: Clock, address: str
    ) -> None:
        self._gate = gate
        self._books = books
        self._access = access
        self._clock = clock
        self._address = address

    def blueprint(self) -> Blueprint:
        """All routes, below the prefix that the app gives them."""
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
            task = self._books.create(parse_order(call.body), outcome)
            data = accepted(task)
            if fault and fault.kind == "no-task-id":
                del data["task_id"]
            return success(data)

        return self._through("create", call, act)

    def query(self, identifier: str) -> Response:
        def act(fault: Fault | None) -> Response:
            data = whole(self._books.find(identifier), self._address)
            if fault and fault.kind == "empty":
                data |= {"task_status": SUCCEED, "task_result": {}}
            return success(data)

        return self._through("query", current_call(), act)

    def page(self) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            number = _whole_number(call, "pageNum", 1, _PAGE_NUMBER)
            size = _whole_number(call, "pageSize", 30, _PAGE_SIZE)
            return success([whole(task, self._address) for task in self._books.page(number, size)])

        return self._through("list", call, act)

    def _through(
        self, operation: str, call: Call, act: Callable[[Fault | None], Response]
    ) -> Response:
        def checked(fault: Fault | None) -> Response:
            try:
                self._access.check(call.headers.get("Authorization", ""), self._clock.now() / 1000)
                return act(fault)
            except KlingRefusal as refusal:
                return refusal.answer()

        return self._gate.through(Endpoint(self.name, operation, refuse), call, checked)

    def video(self, name: str) -> Response:
        """Any task's video: the link holds no secret and needs no books, so that it outlives a
        restart."""

        def act(_: Fault | None) -> Response:
            if not re.fullmatch(r"[0-9]{1,40}", name):
                return _no_video(404, None)
            return send_file(VIDEO, "video/mp4", conditional=True, max_age=0)

        return self._gate.through(Endpoint(self.name, "video", _no_video), current_call(), act)

    def unknown(self, anything: str) -> Response:
        """Whatever this simulator does not speak, answered as the vendor answers unknown methods,
        and written down."""
        del anything
        door = Endpoint(self.name, "unknown", refuse)
        return self._gate.through(door, current_call(), lambda _: refuse(404, _NO_METHOD))

    def tasks(self) -> Response:
        tasks, running, units_left = self._books.everything()
        content = {
            "tasks": [booked(task) for task in tasks],
            "running": running,
            "units_left": plain(units_left),
        }
        return json_answer(content)

    def forget(self) -> Response:
        self._books.reset()
        return self.tasks()


def _whole_number(call: Call, key: str, default: int, limits: tuple[int, int]) -> int:
    text = call.query.get(key, str(default))
    if not re.fullmatch(r"[0-9]{1,6}", text) or not limits[0] <= int(text) <= limits[1]:
        raise KlingRefusal(1201, f"{key} must be from {limits[0]} to {limits[1]}")
    return int(text)
