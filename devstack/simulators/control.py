"""The control endpoints: faults, journal, clock and health. For tests and for developers."""

import json
from collections.abc import Mapping

from flask import Blueprint, request
from werkzeug.wrappers import Response

from devstack.simulators.faults import FaultBoard, FaultError
from devstack.simulators.journal import Journal
from devstack.simulators.time_scale import TimeScale
from devstack.simulators.wire import json_response


class ControlError(Exception):
    """An invalid control call. The response is 400 with this sentence and, where given, the values
    that are `known`."""

    def __init__(self, message: str, known: object = None) -> None:
        super().__init__(message)
        self.known = known

    def response(self) -> Response:
        content: dict[str, object] = {"error": str(self)}
        if self.known is not None:
            content["known"] = self.known
        return json_response(content, 400)


def control_body() -> Mapping[str, object]:
    """The JSON object of a control call, whatever its content type; no body is an empty object.
    Raises `ControlError`."""
    body = request.get_data()
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise ControlError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise ControlError("the body must be a JSON object")
    return value


class Control:
    """The routes below `/__faults`, `/__journal`, `/__clock` and `/health`."""

    def __init__(self, faults: FaultBoard, journal: Journal, speed: TimeScale) -> None:
        self._faults = faults
        self._journal = journal
        self._speed = speed

    def blueprint(self) -> Blueprint:
        routes = Blueprint("control", __name__)
        routes.get("/health")(self.health)
        routes.get("/__faults")(self.faults)
        routes.post("/__faults")(self.arm)
        routes.delete("/__faults")(self.disarm)
        routes.get("/__journal")(self.journal)
        routes.delete("/__journal")(self.forget)
        routes.get("/__clock")(self.clock)
        routes.post("/__clock")(self.change)
        return routes

    def health(self) -> Response:
        return json_response({"status": "healthy"})

    def faults(self) -> Response:
        return json_response({"faults": self._faults.listed(), "known": self._faults.known})

    def arm(self) -> Response:
        body = control_body()
        try:
            self._faults.arm(
                _text(body, "service"),
                _text(body, "operation"),
                _text(body, "fault"),
                _integer(body, "count", 1),
                _number(body, "seconds"),
            )
        except FaultError as error:
            raise ControlError(str(error), self._faults.known) from None
        return self._armed()

    def disarm(self) -> Response:
        self._faults.reset()
        return self._armed()

    def _armed(self) -> Response:
        """Without all that is known, or a shell would show nothing else."""
        return json_response({"faults": self._faults.listed()})

    def journal(self) -> Response:
        entries = self._journal.listed(request.args.get("service"), request.args.get("operation"))
        return json_response({"requests": entries})

    def forget(self) -> Response:
        self._journal.reset()
        return json_response({"requests": []})

    def clock(self) -> Response:
        return json_response({"speed": self._speed.factor})

    def change(self) -> Response:
        speed = _number(control_body(), "speed")
        if speed is None:
            raise ControlError("speed is missing")
        try:
            self._speed.change(speed)
        except ValueError as error:
            raise ControlError(str(error)) from None
        return self.clock()


def _text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str):
        raise FaultError(f"{key} must be a string")
    return value


def _integer(body: Mapping[str, object], key: str, default: int) -> int:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FaultError(f"{key} must be a whole number")
    return value


def _number(body: Mapping[str, object], key: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ControlError(f"{key} must be a number")
    try:
        return float(value)
    except OverflowError:
        raise ControlError(f"{key} is too large") from None
