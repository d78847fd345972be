"""What must hold when a run is over: the audit, the wallet, the provider's own books, and every
answer that was given."""

from typing import Any

from service.app import FEATURES
from service.audit.kinds import ItemKinds
from service.audit.operations import Auditor
from service.core.errors import FareboxError
from service.core.metrics import NoMetrics
from service.feature import key_registry
from service.jobs.entities import Failure
from service.jobs.operations import Submission
from service.ledger.entities import EntryKind, OutcomeUnknown
from service.ledger.store import entries, wallet_from
from service.storage.codec import decode_item
from service.storage.table import Table
from tests.doubles.service_harness import MAC_KEY
from tests.faults.enumeration.flows import Flow
from tests.faults.enumeration.stage import QUICK, USER, Asked, Scene
from tests.faults.enumeration.tables import Items, served
from tests.simulation.checks import RETRYABLE, plain, require
from tests.simulation.invariants import REFUSED_WITH_A_JOB
from tests.simulation.server import Server

_NEVER_TAKEN = {
    Failure.IMAGE_REJECTED,
    Failure.CONTENT_REJECTED,
    Failure.PROVIDER_BUSY,
    Failure.PROVIDER_UNAVAILABLE,
}
_PRICE = 1


class Verdict:
    """The end of one run, by kind of item."""

    def __init__(self, flow: Flow, scene: Scene, beginning: Items, items: Items) -> None:
        self.flow = flow
        self.scene = scene
        self.items = items
        self.before = _wallet(beginning)
        self.wallet = _wallet(items)
        # The end stands still, so that what reads it needs no server.
        self.table = Table(_Client(served(items)), "Copy")  # type: ignore[arg-type]
        self.jobs = {
            item["SK"]["S"].removeprefix("JOB#"): item
            for item in items
            if item["SK"]["S"].startswith("JOB#")
        }
        self.tasks = {task["external_task_id"]: task for task in scene.vendor.tasks()}

    def judge(self) -> None:
        """Raises `Violation`."""
        audit = Auditor(
            self.table, self.scene.clock, NoMetrics(), MAC_KEY, ItemKinds(key_registry(FEATURES))
        ).audit()
        require(not audit.violations, f"the audit found {audit.violations}")
        require(
            len(self.tasks) == len(self.scene.vendor.tasks()),
            "the provider has two tasks for one job",
        )
        self._credits()
        for job_id, job in self.jobs.items():
            self._job(job_id, job)
        for job_id, task in self.tasks.items():
            self._task(job_id, task)
        for job_id, at in self.scene.sends:
            require(
                at < self.scene.begun[job_id] + QUICK.submit, f"{job_id} was sent after its window"
            )
        for asked in self.scene.asked:
            self._answer(asked)
        self._keys()
        self._devices()
        if self.flow.lapsing:
            self._given_back()

    def _credits(self) -> None:
        wallet = self.wallet
        if not wallet:
            require(not self.jobs, "jobs of nobody")
            return
        delivered = sum(plain(job["status"]) == "SUCCEEDED" for job in self.jobs.values())
        granted = self.before.get("granted", self.scene.habits.welcome_credits)
        require(wallet["granted"] == granted, f"{wallet['granted']} granted instead of {granted}")
        require(wallet["held"] == 0, "credits are held for ever")
        require(
            wallet["captured"] == _PRICE * delivered,
            f"{wallet['captured']} captured for {delivered} videos",
        )
        require(0 <= wallet["expired"] <= self.flow.lapsing, f"{wallet['expired']} credits expired")
        left = wallet["granted"] - wallet["captured"] - wallet["expired"]
        require(wallet["credits"] == left, f"{wallet['credits']} credits instead of {left}")

    def _job(self, job_id: str, job: dict[str, Any]) -> None:
        """Ended for good; charged means that the provider has delivered just that task."""
        status, failure = plain(job["status"]), plain(job.get("error"))
        require(status in ("SUCCEEDED", "FAILED"), f"{job_id} is {status} for ever")
        require("GSI2SK" not in job and "watchUntil" not in job, f"{job_id} is looked at for ever")
        require(
            any(job_id in asked.ids.made for asked in self.scene.asked), f"{job_id} is nobody's"
        )
        task = self.tasks.get(job_id)
        if status == "SUCCEEDED":
            require(
                task is not None and task["status"] == "succeed",
                f"{job_id} was charged and not delivered",
            )
            require(
                task is not None and task["task_id"] == plain(job["taskId"]),
                f"{job_id} has another's task",
            )
        if failure in _NEVER_TAKEN:
            require(task is None, f"{job_id} was told as {failure}, and the provider has it")
        if failure == Failure.GENERATION_FAILED:
            require(
                task is not None and task["status"] == "failed",
                f"{job_id} was told as failed, and did not fail",
            )

    def _task(self, job_id: str, task: dict[str, Any]) -> None:
        """Whatever was delivered is charged, or given and counted as house loss."""
        job = self.jobs.get(job_id)
        require(job is not None, f"the provider has a task of {job_id}, which does not exist")
        if job is None or task["status"] != "succeed" or plain(job["status"]) == "SUCCEEDED":
            return
        require(
            plain(job.get("houseLoss")) == _PRICE and "videoUrl" in job,
            f"{job_id} was delivered and is lost",
        )

    def _answer(self, asked: Asked) -> None:
        """What a client was told is what came to be."""
        mine = [job_id for job_id in asked.ids.made if job_id in self.jobs]
        require(len(mine) <= 1, f"{asked.step} made two jobs")
        answer = asked.answer
        if isinstance(answer, Submission):
            self._told_of(asked.step, answer)
        elif isinstance(answer, Exception):
            require(isinstance(answer, FareboxError), f"{asked.step} ended with {answer!r}")
            self._told_no(asked.step, answer, mine)

    def _told_of(self, step: str, answer: Submission) -> None:
        job = self.jobs.get(answer.job.job_id)
        require(job is not None, f"{step} was told of a job that is not there")
        require(answer.remaining >= 0, f"{step} was told of {answer.remaining} credits")
        if job is not None and not answer.job.is_open:
            told = answer.job.status, answer.job.failure
            require(
                told == (plain(job["status"]), plain(job.get("error"))), f"{step} was told {told}"
            )

    def _told_no(self, step: str, answer: Any, mine: list[str]) -> None:
        """A refusal names its released job, or has none; what is unknown names the job that may
        come to be."""
        named = answer.details.get("jobId")
        if answer.code in REFUSED_WITH_A_JOB:
            error = plain(self.jobs.get(str(named), {}).get("error"))
            require(
                error == answer.code, f"{step} was told {answer.code} of {named}, which is {error}"
            )
        elif isinstance(answer, OutcomeUnknown):
            require(not mine or named == mine[0], f"{step} was told {named} and has {mine}")
        else:
            require(not mine, f"{step} was told {answer.code}, and its job {mine} is there")
            require(
                answer.code not in ("SYSTEM_LIMIT_REACHED", "DEVICE_ALREADY_USED"),
                f"{step} was told {answer.code}",
            )
            taken = any(plain(job.get("error")) not in RETRYABLE for job in self.jobs.values())
            poor = answer.code == "INSUFFICIENT_CREDITS" and self.flow.keyed and taken
            require(not poor, f"{step} was refused for want of credits, though its job is there")

    def _given_back(self) -> None:
        """What a release gives back can be spent when it comes back."""
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
        """A key tells of one job for ever, or of successors to those that were never taken."""
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
        """Each device in the wallet's set has its item and its claim."""
        digests = next(
            (item["fingerprints"]["SS"] for item in self.items if item["SK"]["S"] == "METADATA"), []
        )
        places = {(item["PK"]["S"], item["SK"]["S"]) for item in self.items}
        for digest in digests:
            require(
                (f"FINGERPRINT#{digest}", "CLAIM") in places,
                f"a device without its claim: {digest}",
            )
            require(
                any(sk == f"DEVICE#{digest}" for _, sk in places),
                f"a device without its item: {digest}",
            )


class _Client:
    """Speaks as botocore's client does: parameters by name."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __getattr__(self, operation: str) -> Any:
        return lambda **request: getattr(self._server, operation)(request)


def _wallet(items: Items) -> dict[str, int]:
    wallets = [item for item in items if item["SK"]["S"] == "METADATA"]
    return {
        name: plain(value) for wallet in wallets for name, value in wallet.items() if "N" in value
    }
