"""Faults between the service and S3, injected under the real client.

`unreachable`: no connection. `lost-answer`: arrives and is done, the caller sees a read timeout.
`internal` and `denied`: S3's own errors; it says `denied` also of an object that is not there, to
a role that may not list the bucket. `conflict`: another write is under way."""

from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

_ERRORS = {
    "internal": (500, "InternalError"),
    "denied": (403, "AccessDenied"),
    "conflict": (409, "ConditionalRequestConflict"),
}


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


@dataclass
class _Planned:
    method: str
    fault: str
    skip: int
    times: int


class BucketWire:
    """Watches and disturbs one client's requests. `calls` has the method of each, in order."""

    def __init__(self, client: Any) -> None:
        self.calls: list[str] = []
        self._plans: list[_Planned] = []
        self._session = URLLib3Session()
        client.meta.events.register("before-send.s3", self._meet)

    def plan(self, method: str, fault: str, *, skip: int = 0, times: int = 1) -> None:
        """The next `times` requests of that method (after `skip` others) meet the fault."""
        self._plans.append(_Planned(method, fault, skip, times))

    def _meet(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        self.calls.append(request.method)
        for plan in self._plans:
            if plan.method != request.method or plan.times == 0:
                continue
            if plan.skip:
                plan.skip -= 1
                continue
            plan.times -= 1
            return self._fault(plan.fault, request)
        return None

    def _fault(self, fault: str, request: AWSPreparedRequest) -> AWSResponse:
        if fault == "unreachable":
            raise EndpointConnectionError(endpoint_url=request.url)
        if fault == "lost-answer":
            self._session.send(request)
            raise ReadTimeoutError(endpoint_url=request.url)
        status, code = _ERRORS[fault]
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        headers = {"content-type": "application/xml", "x-amz-request-id": "A1B2C3"}
        return AWSResponse(request.url, status, headers, _Raw(body.encode()))
