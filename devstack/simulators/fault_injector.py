"""Every call of a simulated vendor goes through here: it is added to the journal and meets the
fault that is armed for it."""

from collections.abc import Callable

from werkzeug.wrappers import Response

from devstack.simulators.background import Background
from devstack.simulators.faults import Fault, FaultBoard
from devstack.simulators.journal import Journal
from devstack.simulators.wire import Call, Endpoint, ErrorResponse, Hangup
from service.core.clock import Clock

Act = Callable[[Fault | None], Response]

# What a gateway sends after its own time-out, while the vendor behind it goes on working.
LATE_STATUS = 504

_HTML = "<html><head><title>{0}</title></head><body><h1>{0} from the proxy</h1></body></html>"


class FaultInjector:
    """Calls a service's own code, before, after or instead of the armed fault."""

    def __init__(
        self, faults: FaultBoard, journal: Journal, background: Background, clock: Clock
    ) -> None:
        self._faults = faults
        self._journal = journal
        self._background = background
        self._clock = clock

    def call(self, endpoint: Endpoint, call: Call, act: Act) -> Response:
        """Returns the response. `act` does the service's work; it receives the fault, for the kinds
        that only the service can simulate.

        `reset`, `status` and `html` never act. `lost-answer`, `slow` and `garbage` act first.
        `late` responds with 504 and acts `seconds` later; with 0 seconds it acts first.
        """
        entry = self._journal.open(
            endpoint.service, endpoint.operation, call.method, call.path, call.headers, call.body
        )
        fault = self._faults.take(endpoint.service, endpoint.operation)
        response = self._with_fault(fault, endpoint.error_response, act)
        status = None if isinstance(response, Hangup) else response.status_code
        self._journal.close(entry, status, fault.text if fault else None)
        return response

    def _with_fault(self, fault: Fault | None, error_response: ErrorResponse, act: Act) -> Response:
        if fault is None:
            return act(None)
        match fault.kind:
            case "status":
                return error_response(fault.status, fault.code)
            case "html":
                return Response(_HTML.format(fault.status), fault.status, content_type="text/html")
            case "reset":
                return Hangup()
            case "late":
                return self._late(fault, error_response, act)
            case _:
                return self._after_acting(fault, act(fault))

    def _after_acting(self, fault: Fault, response: Response) -> Response:
        match fault.kind:
            case "slow":
                self._clock.sleep(fault.seconds)
                return response
            case "lost-answer":
                return Hangup()
            case "garbage":
                return Response("<<< not JSON", 200, content_type="application/json")
            case _:
                return response

    def _late(self, fault: Fault, error_response: ErrorResponse, act: Act) -> Response:
        if fault.seconds == 0:
            act(fault)
        elif not self._background.later(fault.seconds, lambda: act(fault)):
            return error_response(500, None)
        return error_response(LATE_STATUS, None)
