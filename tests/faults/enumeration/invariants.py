"""What must hold when a run is over: the audit, the wallet, the provider's own records, and every
response."""

from functools import cache
from typing import Any

from service.app import assemble
from service.audit.operations import Auditor
from service.audit.proofs import Checks
from service.catalog.entities import IMAGE_TO_VIDEO
from service.catch_up.entities import CatchUpFailure
from service.core.amounts import credits_of
from service.core.clock import SystemClock
from service.core.errors import FareboxError, Unavailable
from service.core.metrics import NoMetrics
from service.jobs.entities import Failure
from service.jobs.operations import Submission
from service.ledger.entities import EntryKind, OutcomeUnknown
from service.ledger.store import NEW_DEVICE, entries, wallet_from
from service.storage.codec import decode_item
from service.storage.table import MaybeApplied, Table
from service.videos.entities import VideoFailure
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import MAC_KEY, core_over, production_settings
from tests.faults.enumeration.flows import Flow
from tests.faults.enumeration.stage import (
    PURCHASE,
    QUICK,
    USER,
    Scenario,
    SentRequest,
)
from tests.faults.enumeration.tables import Items, MemoryBehind, jobs_of
from tests.faults.enumeration.works import WorkVerdict
from tests.simulation.checks import RETRYABLE, plain, require
from tests.simulation.invariants import REFUSED_WITH_A_JOB

_NEVER_TAKEN = {Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE}
# Refused at once, or by a task that failed for that reason.
_OF_THE_INPUT = {VideoFailure.IMAGE_REJECTED, VideoFailure.CONTENT_REJECTED}
_OF_OTHER_WORK = {"NO_RESPONSE", "PROVIDER_BROKE_OFF", *CatchUpFailure}
_PRICE = 1
_NONE = {"N": "0"}


@cache
def _checks() -> Checks:
    """Pure, so that all runs share them."""
    nowhere = Table(None, "None")  # type: ignore[arg-type]
    return assemble(core_over(nowhere, production_settings(), SystemClock())).get(Checks)


class Verdict:
    """The end of one run, by kind of item."""

    def __init__(self, flow: Flow, scenario: Scenario, beginning: Items, items: Items) -> None:
        self.flow = flow
        self.scenario = scenario
        self.items = items
        self.before = _wallet(beginning)
        self.wallet = _wallet(items)
        # The end stands still, so that what reads it needs no server.
        self.table = Table(memory_client(MemoryBehind(items)), "Copy")
        earlier = jobs_of(beginning)
        self.jobs = {job_id: job for job_id, job in jobs_of(items).items() if job_id not in earlier}
        self.works = WorkVerdict(scenario, items)
        self.tasks = {task["external_task_id"]: task for task in scenario.vendor.tasks()}

    def check_invariants(self) -> None:
        """Raises `Violation`."""
        auditor = Auditor(self.table, self.scenario.clock, NoMetrics(), _checks(), MAC_KEY)
        audit = auditor.audit()
        require(not audit.violations, f"the audit found {audit.violations}")
        require(
            len(self.tasks) == len(self.scenario.vendor.tasks()),
            "the provider has two tasks for one job",
        )
        self._credits()
        for job_id, job in self.jobs.items():
            self._job(job_id, job)
        for job_id, task in self.tasks.items():
            self._task(job_id, task)
        self.works.check_books(self.jobs)
        for job_id, at in self.scenario.sends:
            require(
                at < self.scenario.begun[job_id] + QUICK.submit,
                f"{job_id} was sent after its window",
            )
        for sent in self.scenario.sent:
            self._check_response(sent)
        self._keys()
        self._devices()
        self._links()
        if self.flow.lapsing:
            self._given_back()

    def _credits(self) -> None:
        wallet = self.wallet
        if not wallet:
            require(not self.jobs, "jobs of no one")
            return
        jobs = self.jobs.values()
        granted = self.before.get("granted", self.scenario.habits.welcome_credits)
        if self.scenario.grants:
            granted += self._bought(wallet["granted"] - granted)
        self._grants(wallet["granted"], granted)
        require(wallet["held"] == 0, "credits are held for ever")
        captured = wallet["captured"] - self.before.get("captured", 0)
        require(
            captured == sum(plain(job.get("captured", _NONE)) for job in jobs),
            f"{captured} captured, not what the jobs say",
        )
        require(0 <= wallet["expired"] <= self.flow.lapsing, f"{wallet['expired']} credits expired")
        left = wallet["granted"] - wallet["captured"] - wallet["expired"]
        require(wallet["credits"] == left, f"{wallet['credits']} credits instead of {left}")

    def _bought(self, found: int) -> int:
        """The credits of the grant: once, if any response says that it is made or will be; none, if
        each says that nothing was written."""
        responses = self.scenario.grants
        errors = [each for each in responses if isinstance(each, Exception)]
        for error in errors:
            require(isinstance(error, FareboxError), f"a grant ended with {error!r}")
        bought = credits_of(PURCHASE.amount)
        if len(errors) < len(responses):
            return int(bought)
        unknown = any(isinstance(error, OutcomeUnknown | MaybeApplied) for error in errors)
        return int(bought) if unknown and found == bought else 0

    def _grants(self, now: int, before: int) -> None:
        """What a flow grants comes in once or not at all, and no response contradicts it."""
        after = before + self.flow.granting
        require(now in (before, after), f"{now} granted instead of {before} or {after}")
        require(now == after or not self.flow.made_by_the_worker, "the grant was not made")
        for response in self.scenario.redeemed:
            if isinstance(response, Exception):
                passing = isinstance(response, Unavailable)
                require(passing, f"a redemption ended with {response!r}")
            else:
                require(now == after, "a redemption was reported and not granted")

    def _job(self, job_id: str, job: dict[str, Any]) -> None:
        """Ended for good; charged means that the provider has delivered just that task."""
        status, failure = plain(job["status"]), plain(job.get("error"))
        require(status in ("SUCCEEDED", "FAILED"), f"{job_id} is {status} for ever")
        require("GSI2SK" not in job and "watchUntil" not in job, f"{job_id} is looked at for ever")
        require(
            any(job_id in sent.ids.made for sent in self.scenario.sent), f"{job_id} is no one's"
        )
        if plain(job["operation"]) != IMAGE_TO_VIDEO:
            self.works.check(job_id, job)
            return
        task = self.tasks.get(job_id)
        if status == "SUCCEEDED":
            require(plain(job["captured"]) == _PRICE, f"{job_id} was not charged its price")
            require(
                task is not None and task["status"] == "succeed",
                f"{job_id} was charged and not delivered",
            )
            require(
                task is not None and task["task_id"] == plain(job["taskId"]),
                f"{job_id} has another's task",
            )
        if failure in _NEVER_TAKEN:
            require(task is None, f"{job_id} was reported as {failure}, and the provider has it")
        if failure in _OF_THE_INPUT:
            require(
                task is None or task["status"] == "failed",
                f"{job_id} was reported as {failure}, and its task did not fail",
            )
        if failure == Failure.GENERATION_FAILED:
            require(
                task is not None and task["status"] == "failed",
                f"{job_id} was reported as failed, and did not fail",
            )

    def _task(self, job_id: str, task: dict[str, Any]) -> None:
        """Whatever was delivered is charged, or given and counted as house loss."""
        job = self.jobs.get(job_id)
        require(job is not None, f"the provider has a task of {job_id}, which does not exist")
        if job is None or task["status"] != "succeed" or plain(job["status"]) == "SUCCEEDED":
            return
        require(
            plain(job.get("houseLoss")) == _PRICE and "result" in job,
            f"{job_id} was delivered and is lost",
        )

    def _check_response(self, sent: SentRequest) -> None:
        """Every response agrees with the final state."""
        mine = [job_id for job_id in sent.ids.made if job_id in self.jobs]
        require(len(mine) <= 1, f"{sent.step} made two jobs")
        response = sent.response
        if isinstance(response, Submission):
            self._check_accepted(sent.step, response)
        elif isinstance(response, Exception):
            require(isinstance(response, FareboxError), f"{sent.step} ended with {response!r}")
            self._check_refused(sent.step, response, mine)

    def _check_accepted(self, step: str, response: Submission) -> None:
        job = self.jobs.get(response.job.job_id)
        require(job is not None, f"{step} got a job that is not there")
        require(response.remaining >= 0, f"{step} got {response.remaining} credits")
        if job is not None and not response.job.is_open:
            reported = response.job.status, response.job.failure
            require(
                reported == (plain(job["status"]), plain(job.get("error"))),
                f"{step} got {reported}",
            )

    def _check_refused(self, step: str, response: Any, mine: list[str]) -> None:
        """A refusal names its released job, or has none; what is unknown names the job that may
        come to be."""
        named = response.details.get("jobId")
        if response.code in REFUSED_WITH_A_JOB | _OF_OTHER_WORK:
            error = plain(self.jobs.get(str(named), {}).get("error"))
            require(
                error == response.code,
                f"{step} got {response.code} of {named}, which is {error}",
            )
        elif isinstance(response, OutcomeUnknown):
            require(not mine or named == mine[0], f"{step} got {named} and has {mine}")
        else:
            require(not mine, f"{step} got {response.code}, and its job {mine} is there")
            require(
                response.code not in ("SYSTEM_LIMIT_REACHED", "DEVICE_ALREADY_USED"),
                f"{step} got {response.code}",
            )
            taken = any(plain(job.get("error")) not in RETRYABLE for job in self.jobs.values())
            poor = response.code == "INSUFFICIENT_CREDITS" and self.flow.keyed and taken
            require(not poor, f"{step} was refused for want of credits, though its job is there")

    def _given_back(self) -> None:
        """Released credits can be spent as soon as they are back."""
        wallet = next(
            (
                wallet_from(decode_item(item))
                for item in self.items
                if item["SK"]["S"] == "METADATA"
            ),
            None,
        )
        for entry in entries(self.table, USER):
            if entry.kind is EntryKind.RELEASE and wallet is not None:
                require(
                    wallet.spendable(entry.at) >= entry.amount,
                    f"the credits of {entry.ref} came back dead",
                )

    def _keys(self) -> None:
        """A key names one job for ever, or successors of jobs that the provider never accepted."""
        if not self.flow.keyed:
            return
        bound = {
            plain(item["jobId"])
            for item in self.items
            if item["SK"]["S"].startswith("IDEMPOTENCY#")
        }
        lasting = {
            job_id for job_id, job in self.jobs.items() if plain(job.get("error")) not in RETRYABLE
        }
        require(len(lasting) <= 1, f"one key made {lasting}")
        require(bool(bound) == bool(self.jobs), "jobs without their key")
        require(lasting <= bound, f"the key stands for {bound}, not for {lasting}")

    def _devices(self) -> None:
        """Each device in the wallet's set has its item and its claim, except a new one, which gets
        both with the first capture of a job made on it."""
        wallet = next((item for item in self.items if item["SK"]["S"] == "METADATA"), None)
        places = {(item["PK"]["S"], item["SK"]["S"]) for item in self.items}
        delivered = all(plain(job["status"]) == "SUCCEEDED" for job in self.jobs.values())
        for member in wallet["fingerprints"]["SS"] if wallet else ():
            digest = member.removeprefix(NEW_DEVICE)
            is_new = member != digest
            for place in ((f"FINGERPRINT#{digest}", "CLAIM"), (f"USER#{USER}", f"DEVICE#{digest}")):
                require((place in places) != is_new, f"{place} does not fit {member} of the wallet")
            require(not (is_new and delivered), f"{digest} is new after a capture on it")

    def _links(self) -> None:
        """A link that was reported stands; the audit has compared it with its claims."""
        linked = any(item["SK"]["S"].startswith("IDENTITY#") for item in self.items)
        for response in self.scenario.linked:
            if isinstance(response, Exception):
                require(isinstance(response, Unavailable), f"a link ended with {response!r}")
            else:
                require(linked, "a link was reported and is not there")


def _wallet(items: Items) -> dict[str, int]:
    wallets = [item for item in items if item["SK"]["S"] == "METADATA"]
    return {
        name: plain(value) for wallet in wallets for name, value in wallet.items() if "N" in value
    }
