"""Every fault of a simulated vendor of text x every adapter: what the one last event is, and what
an operator learns."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.core.metrics import Metric
from service.providers.base import RejectionReason
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    GenerationEvent,
    Refused,
    TextProvider,
    VendorFault,
)
from service.providers.streams import Waits
from tests.doubles.eventually import eventually
from tests.providers.text_harness import (
    MODELS,
    TextHarness,
    bedrock,
    generated,
    openai,
    parts,
    request,
)

# Longer than a busy machine pauses; only a fault that stalls is given less.
WAITS = Waits(first_byte_seconds=30.0, stall_seconds=30.0)
SLOW = Waits(first_byte_seconds=0.5, stall_seconds=30.0)
STALLS = Waits(first_byte_seconds=30.0, stall_seconds=0.7)

UNAVAILABLE, BUSY = Refused(RejectionReason.UNAVAILABLE), Refused(RejectionReason.BUSY)
CONTENT, CONTEXT = Refused(RejectionReason.CONTENT), Refused(RejectionReason.CONTEXT)
CUT, STALLED = BrokenOff(VendorFault.CONNECTION_CUT), BrokenOff(VendorFault.STALLED)
SERVER_ERROR = BrokenOff(VendorFault.SERVER_ERROR)
OVERLOADED, THROTTLED = BrokenOff(VendorFault.OVERLOADED), BrokenOff(VendorFault.THROTTLED)


@dataclass(frozen=True)
class Case:
    """What a fault leads to. `wrote`: there was output before. `counted` is the metric that it
    leaves."""

    fault: str
    last: GenerationEvent
    wrote: bool = False
    counted: Metric | None = Metric.PROVIDER_ERRORS
    seconds: float | None = None
    waits: Waits = WAITS


_ANY = [
    Case("html", SERVER_ERROR),
    Case("html:403", SERVER_ERROR),
    Case("html:429", SERVER_ERROR),
    Case("html:200", SERVER_ERROR, counted=Metric.PROVIDER_SILENT),
    Case("html:503", OVERLOADED),
    Case("status:302", SERVER_ERROR),
    Case("status:200", SERVER_ERROR, counted=Metric.PROVIDER_SILENT),
    Case("reset", CUT, counted=Metric.PROVIDER_SILENT),
    Case("lost-answer", CUT, counted=Metric.PROVIDER_SILENT),
    Case("garbage", SERVER_ERROR, counted=Metric.PROVIDER_SILENT),
    Case("slow", Complete(FinishReason.STOP, None), wrote=True, counted=None, seconds=0.1),
    Case("slow", STALLED, counted=Metric.PROVIDER_SILENT, seconds=10.0, waits=SLOW),
    Case("cut", CUT, wrote=True, counted=Metric.PROVIDER_SILENT),
    Case("stall", STALLED, True, Metric.PROVIDER_SILENT, seconds=10.0, waits=STALLS),
    Case("stall", Complete(FinishReason.STOP, None), wrote=True, counted=None, seconds=0.1),
]
_REFUSES_US = Metric.PROVIDER_REFUSES_US
_OPENAI = [
    Case("status:400:context_length_exceeded", CONTEXT),
    Case("status:400:string_above_max_length", CONTEXT),
    Case("status:400:invalid_prompt", CONTENT),
    Case("status:400:content_policy_violation", CONTENT),
    Case("status:400:bio_policy", CONTENT),
    Case("status:400", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:401", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:403", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:404", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:408", STALLED),
    Case("status:429:rate_limit_exceeded", Refused(RejectionReason.BUSY, 1)),
    Case("status:429:slow_down", Refused(RejectionReason.BUSY, 1)),
    Case("status:429:some_code_of_tomorrow", Refused(RejectionReason.BUSY, 1)),
    Case("status:429:insufficient_quota", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:429:credit_balance_exhausted", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:429:organization_spend_limit_exceeded", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:429:project_spend_limit_exceeded", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:429:organization_usage_limit_exceeded", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:500", SERVER_ERROR),
    Case("status:502", SERVER_ERROR),
    Case("status:503", OVERLOADED),
    Case("error-event", UNAVAILABLE),
    Case("error-event:rate_limit_exceeded", BUSY),
    Case("error-event:insufficient_quota", UNAVAILABLE, counted=_REFUSES_US),
    Case("error-event:server_overloaded", BUSY),
    Case("error-event:invalid_prompt", CONTENT),
    Case("error-event:context_length_exceeded", CONTEXT),
    Case("error-event:some_code_of_tomorrow", UNAVAILABLE),
    Case("error-event-late", SERVER_ERROR, wrote=True),
    Case("error-event-late:rate_limit_exceeded", THROTTLED, wrote=True),
    Case("error-event-late:server_overloaded", OVERLOADED, wrote=True),
    Case("error-event-late:bio_policy", Complete(FinishReason.CONTENT, None), wrote=True),
    Case("error-event-late:some_code_of_tomorrow", Complete(FinishReason.OTHER, None), wrote=True),
]
_BEDROCK = [
    Case("status:400", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:400:TooLong", CONTEXT),
    Case("status:400:ServiceQuotaExceededException", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:400:ExceptionOfTomorrow", SERVER_ERROR),
    Case("status:403", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:403:ExpiredTokenException", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:404", UNAVAILABLE, counted=_REFUSES_US),
    Case("status:408", STALLED),
    Case("status:424", SERVER_ERROR),
    Case("status:429", BUSY),
    Case("status:429:ModelNotReadyException", BUSY),
    Case("status:500", SERVER_ERROR),
    Case("status:502", SERVER_ERROR),
    Case("status:503", OVERLOADED),
    Case("error-event", UNAVAILABLE),
    Case("error-event:ThrottlingException", BUSY),
    Case("error-event:ServiceUnavailableException", BUSY),
    Case("error-event:ModelStreamErrorException", UNAVAILABLE),
    Case("error-event:ValidationException", UNAVAILABLE, counted=_REFUSES_US),
    Case("error-event:TooLong", CONTEXT),
    Case("error-event:ExceptionOfTomorrow", UNAVAILABLE),
    Case("error-event-late", SERVER_ERROR, wrote=True),
    Case("error-event-late:ThrottlingException", THROTTLED, wrote=True),
    Case("error-event-late:ServiceUnavailableException", OVERLOADED, wrote=True),
    Case("error-event-late:ModelStreamErrorException", SERVER_ERROR, wrote=True),
    Case("error-event-late:ExceptionOfTomorrow", Complete(FinishReason.OTHER, None), wrote=True),
]
CASES = [
    *(("openai", case) for case in (*_ANY, *_OPENAI)),
    *(("bedrock", case) for case in (*_ANY, *_BEDROCK)),
]


@dataclass(frozen=True)
class Vendors:
    worlds: dict[str, TextHarness]

    def provider(self, vendor: str, waits: Waits = WAITS) -> TextProvider:
        world = self.worlds[vendor]
        if vendor == "bedrock":
            return bedrock(f"{world.url}/bedrock", world.metrics, waits)
        return openai(f"{world.url}/openai/v1", world.metrics, waits)


@pytest.fixture(scope="module")
def shared() -> Iterator[Vendors]:
    with SimulatorServer(SimulatorSettings(port=0, text_seconds_per_token=0.0)) as server:
        yield Vendors(
            {
                "openai": TextHarness("openai", "responses", server.url),
                "bedrock": TextHarness("bedrock", "converse-stream", server.url),
            }
        )


@pytest.fixture
def vendors(shared: Vendors, vendor: str) -> Vendors:
    shared.worlds[vendor].reset()
    return shared


@pytest.mark.parametrize(
    ("vendor", "case"),
    CASES,
    ids=[f"{vendor}-{case.fault}-{case.seconds}" for vendor, case in CASES],
)
def test_a_fault_ends_in_the_event_that_is_true_of_it(
    vendors: Vendors, vendor: str, case: Case
) -> None:
    world = vendors.worlds[vendor]
    more = {} if case.seconds is None else {"seconds": case.seconds}
    world.arm(case.fault, **more)
    provider = vendors.provider(vendor, case.waits)
    text, last = parts(generated(provider, request(30.0, model_id=MODELS[vendor])))
    if isinstance(case.last, Complete) and case.last.finish_reason is FinishReason.STOP:
        assert isinstance(last, Complete)
        assert last.finish_reason is FinishReason.STOP
    else:
        assert last == case.last
    assert bool(text) is case.wrote
    counted = {case.counted} if case.counted else set()
    assert world.metrics.counts.keys() - {Metric.PROVIDER_ERRORS} <= counted
    assert counted <= world.metrics.counts.keys()
    # A response that takes too long is given up whether or not its request has been read by then.
    eventually(world.received)
    assert len(world.received()) == 1


@pytest.mark.parametrize("vendor", ["openai", "bedrock"])
@pytest.mark.parametrize("fault", ["", "status:400", "error-event-late", "cut"])
def test_neither_prompts_nor_outputs_are_logged(
    vendors: Vendors, vendor: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    vendors.worlds[vendor].script(text="A canary sings." * 20)
    if fault:
        vendors.worlds[vendor].arm(fault)
    generated(vendors.provider(vendor), request(model_id=MODELS[vendor]))
    logged = capsys.readouterr().out
    assert "job_1" in logged
    assert not [word for word in ("canary", "river", "brief") if word in logged]


@pytest.mark.parametrize("vendor", ["openai", "bedrock"])
def test_the_vendors_books_have_what_was_lost_on_the_way(vendors: Vendors, vendor: str) -> None:
    world = vendors.worlds[vendor]
    world.arm("lost-answer")
    generated(vendors.provider(vendor), request(model_id=MODELS[vendor]))
    (call,) = world.calls()
    assert call["state"] == "completed"
    assert (call["output_tokens"], call["job_id"]) == (40, "job_1")
