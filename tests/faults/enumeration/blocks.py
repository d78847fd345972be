"""Blocks of time: an issuer of tokens without sockets, and what must hold when all is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.core.amounts import amount_of
from service.core.principal import Principal
from service.jobs.operations import Submission
from service.live.block_sales import BlockSales, Sold
from service.live.entities import BlockEnded, LiveBody, NewSession
from service.providers.base import Rejected, RejectionReason
from service.providers.speech import Encoding, SpeechToken, TokenRequest
from tests.faults.enumeration.run import Run
from tests.faults.library.effects import Kind, Reported
from tests.simulation.checks import plain, require

PRICE = 200
BLOCKS_ON: dict[str, Any] = {
    "assemblyai_api_key_secret_name": "assemblyai",
    "live_vendor_tokens": True,
}
_NOTHING = {"N": "0"}


@dataclass
class TokenDoor:
    """Implements `service.providers.speech.SpeechTokens`. Its books: whose tokens were issued, and
    which of them a client has."""

    run: Run
    name: str = "assemblyai"
    issued: dict[str, list[str]] = field(default_factory=dict)
    handed_out: dict[str, str] = field(default_factory=dict)

    def issue(self, request: TokenRequest, until: float) -> SpeechToken | Rejected:
        del until

        def send() -> SpeechToken | Rejected:
            of_job = self.issued.setdefault(request.job_id, [])
            of_job.append(f"{request.job_id}-{len(of_job)}")
            return SpeechToken(of_job[-1], request.redeem_seconds)

        def respond(reported: Reported) -> SpeechToken | Rejected:
            del reported
            return Rejected(RejectionReason.UNAVAILABLE)

        return self.run.meet(self.name, Kind.CREATE, "request a token", send, respond)

    def address(self, sample_rate: int, encoding: Encoding, language: str) -> str:
        return f"wss://speech.example.com/{sample_rate}/{encoding}/{language}"


def buy(sales: BlockSales, door: TokenDoor, who: Principal, device: str, key: str | None) -> Any:
    """The response of a request for a block, as it is judged."""
    try:
        sold: Sold = sales.buy(NewSession(who, device, LiveBody(8000)), key)
    except BlockEnded as error:
        require("jobId" in error.details, "a block has ended that is no one's")
        return None
    door.handed_out[sold.job.job_id] = sold.token
    return Submission(sold.job, sold.remaining, sold.replayed)


def check(job_id: str, job: Mapping[str, Any], door: TokenDoor) -> None:
    """Charged is the whole of a block whose token was issued, and no other. Raises `Violation`."""
    issued, captured = door.issued.get(job_id, []), amount_of(plain(job.get("captured", _NOTHING)))
    require(len(issued) <= 1, f"{len(issued)} tokens for {job_id}")
    if plain(job["status"]) == "SUCCEEDED":
        require(issued != [], f"{job_id} was charged without a token")
        require(captured == PRICE, f"{job_id} captured {captured}")
        found = door.handed_out.get(job_id, issued[0])
        require(found == issued[0], f"{job_id} handed out {found}")
        return
    require(captured == 0, f"{job_id} failed and was charged {captured}")
    require(job_id not in door.handed_out, f"{job_id} is free and its token was handed out")
