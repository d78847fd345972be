"""A block of time with the vendor's token: held, issued, charged whole, handed out; one live per
user."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.core.clock import iso
from service.core.principal import Principal
from service.jobs.entities import Job, JobStatus, ProviderBusy, ProviderUnavailable
from service.ledger.entities import InsufficientCredits, OutcomeUnknown
from service.ledger.limits import AlreadyLive
from service.live.block_sales import BlockSales, Sold
from service.live.entities import BlockEnded, LiveBody, NewSession, VendorTokensOff
from service.live.operations import Live
from service.providers.base import Rejected, RejectionReason
from service.providers.speech import (
    Encoding,
    SpeechProvider,
    SpeechToken,
    SpeechTokens,
    TokenRequest,
)
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.live.test_extensions import Vendor

ANN = Principal("https://accounts.google.com", "ann", "ann@example.com")
BODY = LiveBody(8000)
# Ten minutes of 0.02 credits, in thousandths.
PRICE = 200
WINDOW, BLOCK, GRACE = 120, 600, 60


@dataclass
class Issuer:
    """Implements `service.providers.speech.SpeechTokens`: every request, and what is issued."""

    name = "assemblyai"
    response: SpeechToken | Rejected | Exception | None = None
    meanwhile: Callable[[], object] = lambda: None
    requests: list[TokenRequest] = field(default_factory=list)

    def issue(self, request: TokenRequest, until: float) -> SpeechToken | Rejected:
        del until
        self.requests.append(request)
        self.meanwhile()
        if isinstance(self.response, Exception):
            raise self.response
        return self.response or SpeechToken(f"tok-{len(self.requests)}", request.redeem_seconds)

    def address(self, sample_rate: int, encoding: Encoding, language: str) -> str:
        return f"wss://vendor.example/{sample_rate}/{encoding}/{language}"


@dataclass
class World:
    harness: ServiceHarness
    issuer: Issuer
    clock: FakeClock

    def buy(self, key: str | None = None, body: LiveBody = BODY) -> Sold:
        return self.harness.parts.get(BlockSales).buy(NewSession(ANN, "phone", body), key)

    @property
    def live(self) -> Live:
        return self.harness.parts.get(Live)

    def jobs(self) -> list[Job]:
        return self.harness.jobs.page("ann", 20, None).jobs

    def only(self) -> Job:
        (job,) = self.jobs()
        return job

    def is_whole(self) -> bool:
        assert [each.what for each in self.harness.audit().violations] == []
        return self.harness.wallet().held == 0


def world_of(**options: Any) -> World:
    clock, issuer = FakeClock(), Issuer()
    harness = memory_world(
        clock=clock,
        **{
            "replacements": {SpeechProvider: Vendor(), SpeechTokens: issuer},
            "assemblyai_api_key_secret_name": "assemblyai",
            "public_url": "https://farebox.example",
            "live_vendor_tokens": True,
            "welcome_credits": 1,
        }
        | options,
    )
    return World(harness, issuer, clock)


@pytest.fixture
def world() -> World:
    return world_of()


def test_a_block_is_charged_whole_when_its_token_is_handed_out(world: World) -> None:
    sold = world.buy()
    assert (sold.token, sold.seconds, sold.replayed) == ("tok-1", BLOCK, False)
    assert sold.address == "wss://vendor.example/8000/pcm_s16le/en"
    assert sold.expires_at == world.clock.now() + WINDOW * 1000
    job = world.only()
    assert world.issuer.requests == [TokenRequest(job.job_id, WINDOW, BLOCK)]
    assert (job.status, job.held, job.captured) == (JobStatus.SUCCEEDED, PRICE, PRICE)
    assert job.usage == {"milliseconds": BLOCK * 1000}
    assert job.provider_cost is not None
    assert job.provider_cost.micros == 75_000
    assert world.harness.wallet().credits == 1000 - PRICE
    assert world.is_whole()


def test_the_token_is_stored_sealed(world: World) -> None:
    world.buy()
    assert "tok-1" not in str(world.harness.items())


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Rejected(RejectionReason.BUSY), ProviderBusy),
        (Rejected(RejectionReason.UNAVAILABLE), ProviderUnavailable),
        (RuntimeError("broken"), ProviderUnavailable),
        (SpeechToken("t" * 900, WINDOW), ProviderUnavailable),
        (SpeechToken("tok-1", 10), ProviderUnavailable),
    ],
)
def test_without_a_token_that_anybody_has_all_of_it_goes_back(
    world: World, response: Any, error: type[Exception]
) -> None:
    world.issuer.response = response
    with pytest.raises(error) as raised:
        world.buy("key")
    job = world.only()
    assert raised.value.details["jobId"] == job.job_id  # type: ignore[attr-defined]
    assert (job.status, job.captured) == (JobStatus.FAILED, 0)
    assert world.harness.wallet().credits == 1000
    assert world.is_whole()
    world.issuer.response = None
    assert world.buy("key").token == "tok-2"
    assert world.is_whole()


def test_a_repeated_key_returns_the_same_token_while_it_opens_a_session(world: World) -> None:
    first = world.buy("key")
    world.clock.advance(WINDOW - 1)
    again = world.buy("key")
    assert (again.token, again.replayed, again.expires_at) == ("tok-1", True, first.expires_at)
    world.clock.advance(1)
    with pytest.raises(BlockEnded) as ended:
        world.buy("key")
    assert ended.value.details == {"jobId": first.job.job_id}
    assert len(world.issuer.requests) == 1
    assert world.harness.wallet().credits == 1000 - PRICE


def test_a_token_that_the_vendor_ends_sooner_is_shown_no_longer(world: World) -> None:
    world.issuer.response = SpeechToken("tok-1", 30)
    sold = world.buy("key")
    assert sold.expires_at == world.clock.now() + 30_000


def test_until_the_last_session_that_it_can_open_has_ended_there_is_no_other(world: World) -> None:
    over_at = world.clock.now() + (WINDOW + BLOCK + GRACE) * 1000
    world.buy("one")
    before = world.harness.items()
    for seconds in (0, WINDOW, BLOCK, GRACE - 1):
        world.clock.advance(seconds)
        with pytest.raises(AlreadyLive):
            world.buy("two")
        with pytest.raises(AlreadyLive) as refused:
            world.live.issue(NewSession(ANN, "phone", BODY))
        assert refused.value.details == {"until": iso(over_at)}
        assert world.harness.items() == before
    world.clock.advance(1)
    assert world.buy("two").token == "tok-2"
    assert world.is_whole()


def test_a_block_excludes_a_session_of_the_relay_whose_ticket_was_issued_before(
    world: World,
) -> None:
    ticket = world.live.issue(NewSession(ANN, "phone", BODY)).ticket
    world.buy()
    with pytest.raises(AlreadyLive):
        world.live.open(ticket)
    assert len(world.jobs()) == 1
    assert world.is_whole()


def test_a_session_of_the_relay_excludes_a_block_until_it_has_ended(world: World) -> None:
    opened = world.live.open(world.live.issue(NewSession(ANN, "phone", BODY)).ticket)
    with pytest.raises(AlreadyLive):
        world.buy("key")
    assert world.issuer.requests == []
    world.live.decline(opened.job, "NOTHING_RELAYED")
    assert world.buy("key").token == "tok-1"
    assert world.is_whole()


def test_sessions_of_the_relay_do_not_exclude_one_another(world: World) -> None:
    for _ in range(2):
        world.live.open(world.live.issue(NewSession(ANN, "phone", BODY)).ticket)
    assert len(world.jobs()) == 2


def test_a_block_of_another_user_excludes_nothing(world: World) -> None:
    world.buy()
    bob = Principal("https://accounts.google.com", "bob", "bob@example.com")
    world.harness.parts.get(BlockSales).buy(NewSession(bob, "phone of bob", BODY), None)
    assert len(world.issuer.requests) == 2


def test_a_process_that_dies_with_the_token_charges_nothing(world: World) -> None:
    class Died(BaseException):
        """As `kill -9`: nothing runs after it."""

    def die() -> None:
        raise Died

    world.issuer.meanwhile = die
    with pytest.raises(Died):
        world.buy("key")
    assert world.only().is_open
    world.issuer.meanwhile = lambda: None
    with pytest.raises(OutcomeUnknown):
        world.buy("key")
    world.harness.work_until(WINDOW + BLOCK + GRACE - 30)
    assert world.only().is_open
    world.harness.work_until(60)
    job = world.only()
    assert (job.status, job.failure, job.captured) == (JobStatus.FAILED, "INTERRUPTED", 0)
    assert world.harness.wallet().credits == 1000
    with pytest.raises(BlockEnded):
        world.buy("key")
    assert world.is_whole()
    world.harness.work_until(7200, 600)
    assert world.buy("another").token == "tok-2"
    assert world.is_whole()


def test_the_twin_of_a_request_that_is_at_it_learns_its_job_and_no_token(world: World) -> None:
    found: list[BaseException] = []

    def twin() -> None:
        world.issuer.meanwhile = lambda: None
        try:
            world.buy("key")
        except OutcomeUnknown as error:
            found.append(error)

    world.issuer.meanwhile = twin
    sold = world.buy("key")
    (error,) = found
    assert error.details == {"jobId": sold.job.job_id}  # type: ignore[attr-defined]
    assert len(world.issuer.requests) == 1


def test_a_token_that_comes_when_it_has_expired_is_not_charged(world: World) -> None:
    world.issuer.meanwhile = lambda: world.clock.advance(WINDOW)
    with pytest.raises(ProviderUnavailable):
        world.buy()
    assert world.only().captured == 0
    assert world.is_whole()


def test_too_few_credits_hold_nothing() -> None:
    world = world_of(welcome_credits=0)
    with pytest.raises(InsufficientCredits):
        world.buy()
    assert world.issuer.requests == []


def test_where_it_is_not_allowed_nothing_is_written() -> None:
    world = world_of(live_vendor_tokens=False)
    with pytest.raises(VendorTokensOff):
        world.buy()
    assert world.harness.items() == []


def site_of(world: World) -> FlaskClient:
    return create_app(world.harness.parts).test_client()


def post(site: FlaskClient, key: str = "", **changes: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"GoogleID": "ann", "Fingerprint": "phone of ann", "via": "vendor"}
    return site.post("/transcriptions/stream", json=body | changes, headers=headers)


def test_over_http_a_block_is_a_token_a_job_and_what_it_has_cost() -> None:
    world = world_of(stage="dev", trust_bare_google_id=True, kms_key_id="")
    site = site_of(world)
    response = post(site, "key", languages="multi")
    data = response.json["data"]
    job_id = data["jobId"]
    assert response.headers["Location"] == f"/jobs/{job_id}"
    assert data == {
        "via": "vendor",
        "jobId": job_id,
        "url": "wss://vendor.example/16000/pcm_s16le/multi",
        "protocol": "",
        "ticket": "tok-1",
        "expiresAt": data["expiresAt"],
        "quote": {
            "operation": "assemblyai:live-block",
            "cost": 0.2,
            "available": 0.8,
            "sliceSeconds": 600,
            "affordableSeconds": 600,
        },
    }
    again = post(site, "key", languages="multi")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["data"]["ticket"] == "tok-1"
    other = post(site, "key")
    assert (other.status_code, other.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    second = post(site, "second")
    assert (second.status_code, second.json["code"]) == (409, "ALREADY_LIVE")
    ticket = post(site, via="relay")
    assert (ticket.status_code, ticket.json["code"]) == (409, "ALREADY_LIVE")
    shown: Any = site.get(f"/jobs/{job_id}", headers={"X-Google-ID": "ann"}).json
    assert (shown["data"]["token"], shown["data"]["seconds"]) == ("tok-1", 600)
    world.clock.advance(WINDOW)
    shown = site.get(f"/jobs/{job_id}", headers={"X-Google-ID": "ann"}).json
    assert shown["data"]["token"] is None
    assert shown["data"]["tokenExpiresAt"] == data["expiresAt"]
    listed: Any = site.get("/jobs", headers={"X-Google-ID": "ann"}).json
    assert "token" not in listed["data"]["jobs"][0]
    strange = site.get(f"/jobs/{job_id}", headers={"X-Google-ID": "bob"})
    assert strange.status_code == 404


def test_a_block_is_quoted_as_any_work() -> None:
    world = world_of(stage="dev", trust_bare_google_id=True, kms_key_id="")
    body = {"GoogleID": "ann", "Fingerprint": "phone of ann"}
    path = "/credits/quote?operation=assemblyai:live-block"
    found: Any = site_of(world).post(path, json=body).json
    assert found["data"]["credits"] == 0.2
