"""Health probes for load balancers, orchestrators and operators."""

import threading
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Response
from marshmallow import fields, validate

from service.core.clock import Clock, SystemClock
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.request_errors import NotReady
from service.web.responses import json_response, success
from service.web.schemas import StrictSchema

CACHE_SECONDS = 2.0


class HealthSchema(StrictSchema):
    """The body of `/health`, without the envelope."""

    status = fields.String(
        required=True,
        validate=validate.OneOf(["healthy", "unhealthy"]),
        metadata={"description": "Whether the service works.", "example": "healthy"},
    )
    dynamodb = fields.String(
        required=True,
        validate=validate.OneOf(["connected", "disconnected"]),
        metadata={"description": "Whether the table responds.", "example": "connected"},
    )
    environment = fields.String(
        required=True,
        validate=validate.Equal("configured"),
        metadata={
            "description": "Always `configured`: a process that is not does not start.",
            "example": "configured",
        },
    )


class ProbeSchema(StrictSchema):
    status = fields.String(
        required=True,
        validate=validate.OneOf(["alive", "ready"]),
        metadata={
            "description": "`alive` from `/health/live`, `ready` from `/health/ready`.",
            "example": "ready",
        },
    )


class CachedCheck:
    """Runs a check at most once in two seconds and in one thread at a time, so that probes cannot
    overload what they check."""

    def __init__(self, check: Callable[[], bool], clock: Clock) -> None:
        self._check = check
        self._clock = clock
        self._guard = threading.Lock()
        self._passed: bool | None = None
        self.has_passed = False
        self._due_at = float("-inf")

    def passes(self) -> bool:
        """Returns the latest result; while another thread runs the check, the previous one (only
        the first result is waited for). A check that raises counts as failed."""
        if self._due() and self._guard.acquire(blocking=self._passed is None):
            try:
                if self._due():
                    self._passed = self._checked()
                    self.has_passed = self.has_passed or self._passed
                    self._due_at = self._clock.monotonic() + CACHE_SECONDS
            finally:
                self._guard.release()
        return bool(self._passed)

    def _due(self) -> bool:
        return self._clock.monotonic() >= self._due_at

    def _checked(self) -> bool:
        try:
            return self._check()
        except Exception:
            return False


GET_HEALTH = Endpoint(
    access=Access.PUBLIC,
    summary="Check whether the service is healthy",
    operation_id="getHealth",
    description="503 with `unhealthy` and `disconnected` when the table cannot be reached.",
    response=HealthSchema,
    statuses=(200, 503),
    bare=True,
)
GET_LIVE = Endpoint(
    access=Access.PUBLIC,
    summary="Check whether the process is running",
    operation_id="getLiveness",
    internal=True,
    description="Responds as long as the process does. An orchestrator replaces one that does not.",
    response=ProbeSchema,
)
GET_READY = Endpoint(
    access=Access.PUBLIC,
    summary="Check whether the process is ready",
    operation_id="getReadiness",
    internal=True,
    description="Ready from its first contact with the table until it drains. An outage of the "
    "table does not end readiness: all processes share it, and a balancer that removes them all "
    "repairs nothing.",
    response=ProbeSchema,
    errors=(NotReady,),
)


def drain_check(flag_path: str) -> Callable[[], bool]:
    """Says whether the process drains: as long as there is a file at that path ("": never)."""
    flag = Path(flag_path) if flag_path else None
    return lambda: flag is not None and flag.exists()


def health_blueprint(
    check: Callable[[], bool], drain_flag_path: str, clock: Clock | None = None
) -> Blueprint:
    """`check` returns whether the table responds. While the file at `drain_flag_path` exists, the
    process is not ready, because it drains."""
    blueprint = Blueprint("health", __name__)
    table = CachedCheck(check, clock or SystemClock())
    is_draining = drain_check(drain_flag_path)

    @blueprint.get("/health")
    @endpoint(GET_HEALTH)
    def get_health() -> Response:
        healthy = table.passes()
        content = {
            "status": "healthy" if healthy else "unhealthy",
            "dynamodb": "connected" if healthy else "disconnected",
            "environment": "configured",
        }
        return json_response(content, status=200 if healthy else 503)

    @blueprint.get("/health/live")
    @endpoint(GET_LIVE)
    def get_live() -> Response:
        return success({"status": "alive"})

    @blueprint.get("/health/ready")
    @endpoint(GET_READY)
    def get_ready() -> Response:
        if is_draining():
            raise NotReady(details={"reason": "draining"})
        if not table.has_passed and not table.passes():
            raise NotReady(details={"reason": "dynamodb"})
        return success({"status": "ready"})

    return blueprint
