"""Where every call of a simulated vendor passes: it is written down, and meets the fault that waits
for it."""

from collections.abc import Callable

from werkzeug.wrappers import Response

from devstack.simulators.background import Background
from devstack.simulators.faults import Fault, FaultBoard
from devstack.simulators.journal import Journal
from devstack.simulators.wire import Call, Endpoint, Hangup, Refuse
from service.core.clock import Clock

Act = Callable[[Fault | None], Response]

# Answered where the truth is that the vendor goes on working: a gateway that gave up waiting.
LATE_STATUS = 504

_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0} from the proxy</h1></center></body></html>"


class FaultInjector:
    """Lets calls through to what a service does with them."""

    def __init__(
        self, faults: FaultBoard, journal: Journal, background: Background, clock: Clock
    ) -> None:
        self._faults = faults
        self._journal = journal
        self._background = background
        self._clock = clock

    def through(self, door: Endpoint, call: Call, act: Act) -> Response:
        """What the caller gets. `act` does the work and answers; it is given the fault, for those
        only a service can play.

        `reset`, `status` and `html` never act. `lost-answer`, `slow` and `garbage` act first.
        `late` answers 504 and acts `seconds` later; with 0 seconds it has acted before it answers.
        """
        entry = self._journal.open(
            door.service, door.operation, call.method, call.path, call.headers, call.body
        )
        fault = self._faults.take(door.service, door.operation)
        answer = self._met(fault, door.refuse, act)
        status = None if isinstance(answer, Hangup) else answer.status_code
        self._journal.close(entry, status, fault.text if fault else None)
        return answer

    def _met(self, fault: Fault | None, refuse: Refuse, act: Act) -> Response:
        if fault is None:
            return act(None)
        match fault.kind:
            case "status":
                return refuse(fault.status, fault.code)
            case "html":
                return Response(_HTML.format(fault.status), fault.status, content_type="text/html")
            case "reset":
                return Hangup()
            case "late":
                return self._late(fault, refuse, act)
            case _:
                return self._after(fault, act(fault))

    def _after(self, fault: Fault, answer: Response) -> Response:
        match fault.kind:
            case "slow":
                self._clock.sleep(fault.seconds)
                return answer
            case "lost-answer":
                return Hangup()
            case "garbage":
                return Response("<<< not JSON", 200, content_type="application/json")
            case _:
                return answer

    def _late(self, fault: Fault, refuse: Refuse, act: Act) -> Response:
        if fault.seconds == 0:
            act(fault)
        elif not self._background.later(fault.seconds, lambda: act(fault)):
            return refuse(500, None)
        return refuse(LATE_STATUS, None)
