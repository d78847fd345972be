"""Probes for balancers, orchestrators and people."""

import threading
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Response
from marshmallow import fields

from service.core.clock import Clock, SystemClock
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.request_errors import NotReady
from service.web.responses import json_answer, success
from service.web.schemas import StrictSchema

REMEMBER_SECONDS = 2.0


class HealthSchema(StrictSchema):
    """Brief 003, to the letter."""

    status = fields.String(metadata={"description": "healthy or unhealthy.", "example": "healthy"})
    dynamodb = fields.String(
        metadata={"description": "connected or disconnected.", "example": "connected"}
    )
    environment = fields.String(
        metadata={
            "description": "configured: a process that is not does not start.",
            "example": "configured",
        }
    )


class ProbeSchema(StrictSchema):
    status = fields.String(metadata={"example": "ready"})


class RememberedCheck:
    """Asks at most once in two seconds and in one thread at a time, so that probing cannot load
    what is probed."""

    def __init__(self, check: Callable[[], bool], clock: Clock) -> None:
        self._check = check
        self._clock = clock
        self._guard = threading.Lock()
        self._passed: bool | None = None
        self.has_passed = False
        self._ask_again_at = float("-inf")

    def passes(self) -> bool:
        """The latest answer; while another thread asks, the one before (only the first has to be
        waited for). A check that raises has failed."""
        if self._due() and self._guard.acquire(blocking=self._passed is None):
            try:
                if self._due():
                    self._passed = self._ask()
                    self.has_passed = self.has_passed or self._passed
                    self._ask_again_at = self._clock.monotonic() + REMEMBER_SECONDS
            finally:
                self._guard.release()
        return bool(self._passed)

    def _due(self) -> bool:
        return self._clock.monotonic() >= self._ask_again_at

    def _ask(self) -> bool:
        try:
            return self._check()
        except Exception:
            return False


def health_blueprint(
    check: Callable[[], bool], drain_flag_path: str, clock: Clock | None = None
) -> Blueprint:
    """`check` says whether the table answers; while the file at `drain_flag_path` exists (if that
    is set), the process drains."""
    blueprint = Blueprint("health", __name__)
    table = RememberedCheck(check, clock or SystemClock())
    drain_flag = Path(drain_flag_path) if drain_flag_path else None

    @blueprint.get("/health")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="See whether the service is well",
            description="503 with `unhealthy` and `disconnected` when the table cannot be reached.",
            answer=HealthSchema,
            bare=True,
        )
    )
    def get_health() -> Response:
        well = table.passes()
        content = {
            "status": "healthy" if well else "unhealthy",
            "dynamodb": "connected" if well else "disconnected",
            "environment": "configured",
        }
        return json_answer(content, status=200 if well else 503)

    @blueprint.get("/health/live")
    @endpoint(
        Endpoint(access=Access.PUBLIC, summary="See whether the process runs", answer=ProbeSchema)
    )
    def get_live() -> Response:
        return success({"status": "alive"})

    @blueprint.get("/health/ready")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="See whether the process takes requests",
            description="From its first sight of the table until it drains. An outage of the table, which all processes share, "
            "does not end it: a balancer that takes them all out mends nothing.",
            answer=ProbeSchema,
            errors=(NotReady,),
        )
    )
    def get_ready() -> Response:
        if drain_flag is not None and drain_flag.exists():
            raise NotReady(details={"reason": "draining"})
        if not table.has_passed and not table.passes():
            raise NotReady(details={"reason": "dynamodb"})
        return success({"status": "ready"})

    return blueprint
