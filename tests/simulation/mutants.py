"""Rules of how credits move, taken away one at a time, to prove that a world would notice.

A rule that another one makes redundant (the guards of settling besides the snapshot that it is
decided on; those of the identity's claim and of the key besides the wallet's version) is taken away
together with it, or not at all."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from service.jobs import entities as job_rules
from service.jobs import operations as job_operations
from service.jobs import settlement
from service.jobs import store as job_store
from service.jobs.entities import Failure, JobStatus
from service.jobs.state_machine import Capture, Release
from service.ledger import keys as ledger_keys
from service.ledger import operations as ledger_operations
from service.ledger import store as ledger_store
from service.ledger.operations import Ledger, Snapshot
from service.providers.base import Indeterminate, NotFound
from service.results.operations import Results
from service.storage.keys import Key
from service.storage.writes import When
from service.text import calling, verdicts
from service.users import operations as user_operations
from service.users import sign_up
from service.users import store as user_store
from service.users.entities import Digests, with_item
from service.videos.work import ImageToVideo

ALWAYS = When(below={"nothing": 1})
Mutant = Callable[[], contextlib.AbstractContextManager[Any]]


def unguarded(owner: Any, name: str) -> Mutant:
    """The write that this function builds, without its condition."""
    build = getattr(owner, name)
    return lambda: patch.object(owner, name, lambda *given: replace(build(*given), when=ALWAYS))


def unguarded_all(owner: Any, name: str) -> Mutant:
    """The writes that this function builds, without their conditions."""
    build = getattr(owner, name)
    return lambda: patch.object(
        owner, name, lambda *given: [replace(write, when=ALWAYS) for write in build(*given)]
    )


def key_before_wallet() -> Any:
    def read_snapshot(self: Any, user_id: str, related: Sequence[Key]) -> Snapshot:
        others = tuple(self._table.get(key) for key in related)
        item = self._table.get(ledger_keys.wallet(user_id))
        wallet = ledger_store.wallet_from(item) if item else None
        return Snapshot(wallet, dict(zip(related, others, strict=True)))

    return patch.object(Ledger, "_read_snapshot", read_snapshot)


def release_after_one_not_found() -> Any:
    rule = settlement.next_transition

    def step(job: Any, observation: Any, *rest: Any) -> Any:
        not_found = (
            isinstance(observation.lookup, NotFound)
            and observation.requested_at >= job.submit_until
        )
        if job.status is JobStatus.SUBMITTING and not_found:
            return Release(Failure.PROVIDER_UNRESOLVED)
        return rule(job, observation, *rest)

    return patch.object(settlement, "next_transition", step)


def second_send_after_indeterminate() -> Any:
    created = job_operations.Jobs._created

    def twice(self: Any, *given: Any) -> Any:
        outcome = created(self, *given)
        return created(self, *given) if isinstance(outcome, Indeterminate) else outcome

    return patch.object(job_operations.Jobs, "_created", twice)


def doubt_forgotten() -> Any:
    return patch.object(ledger_operations._Attempts, "doubt", lambda self, wallet: None)


def refusal_final_while_in_doubt() -> Any:
    def were_committed(self: Any, snapshot: Any) -> bool:
        if not self.in_doubt:
            return False
        self.in_doubt = found = self._was_committed(snapshot)
        return bool(found)

    return patch.object(ledger_operations._Attempts, "were_committed", were_committed)


def indeterminate_create_is_a_refusal() -> Any:
    recorded = job_operations.Jobs._recorded

    def refused(self: Any, work: Any, job: Any, outcome: Any) -> Any:
        if isinstance(outcome, Indeterminate):
            return self._settlement.decline(job, Failure.PROVIDER_UNAVAILABLE)
        return recorded(self, work, job, outcome)

    return patch.object(job_operations.Jobs, "_recorded", refused)


def any_link_is_a_result() -> Any:
    return patch.object(
        ImageToVideo,
        "judge",
        lambda self, task: {"videoUrl": str(task.result_url), "videoExpiresAt": 1},
    )


def unresolved_ends_no_key() -> Any:
    return patch.object(job_rules, "RETRYABLE", (*job_rules.RETRYABLE, Failure.PROVIDER_UNRESOLVED))


def nothing_is_watched() -> Any:
    build = job_store.release_write
    return patch.object(
        job_store,
        "release_write",
        lambda job, released: build(job, replace(released, watch_until=None, due_at=None)),
    )


def sign_up_refuses_whoever_is_known() -> Any:
    """An open wallet does not win over limit and claims."""
    return patch.object(sign_up, "is_open", lambda wallet: False)


def release_claims_the_device() -> Any:
    settle = settlement.Settlement._settle

    def always(
        self: Any, job: Any, decide: Any, write: Any, is_ours: Any, device: Any = None
    ) -> None:
        device = Digests(job.device) if job.device else None
        settle(self, job, decide, write, is_ours, device)

    return patch.object(settlement.Settlement, "_settle", always)


def capture_forgets_the_device() -> Any:
    """The wallet no longer calls the device new, and nothing is written of it."""
    return patch.object(
        user_operations.Users,
        "after_capture",
        lambda self, wallet, device, *_: (with_item(wallet, device, added=False), []),
    )


@contextlib.contextmanager
def charge_before_delivery() -> Iterator[None]:
    """Captures a task that still runs."""
    rule = settlement.next_transition

    def step(job: Any, observation: Any, *rest: Any) -> Any:
        outcome = rule(job, observation, *rest)
        running = job.status is JobStatus.SUBMITTED and hasattr(observation.lookup, "task")
        link = "https://x.example.com/v.mp4"
        return (
            Capture(observation.lookup.task, {"videoUrl": link, "videoExpiresAt": 1})
            if running
            else outcome
        )

    with patch.object(settlement, "next_transition", step):
        yield


@contextlib.contextmanager
def settling_unguarded() -> Iterator[None]:
    """Neither the snapshot nor the write's own condition compares the current state of the job."""
    with (
        patch.object(job_store, "is_as_read", lambda item, job: True),
        unguarded(job_store, "capture_write")(),
        unguarded(job_store, "release_write")(),
    ):
        yield


def every_report_believed() -> Any:
    return patch.object(verdicts, "usage_fault", lambda *_: "")


def vendor_faults_charged() -> Any:
    rule = calling.verdict_of

    def charged(last: Any, stop: Any, *others: Any) -> Any:
        return rule(None, stop or verdicts.Stop.LIMIT, *others)

    return patch.object(calling, "verdict_of", charged)


def text_charged_before_it_is_stored() -> Any:
    return patch.object(Results, "store", lambda self, owner, verdict, content: verdict)


def stored_text_ignored_by_the_worker() -> Any:
    return patch.object(Results, "verdict", lambda self, payer, job_id: None)


MUTANTS: dict[str, Mutant] = {
    "key_before_wallet": key_before_wallet,
    "release_after_one_not_found": release_after_one_not_found,
    "second_send_after_indeterminate": second_send_after_indeterminate,
    "doubt_forgotten": doubt_forgotten,
    "refusal_final_while_in_doubt": refusal_final_while_in_doubt,
    "indeterminate_create_is_a_refusal": indeterminate_create_is_a_refusal,
    "any_link_is_a_result": any_link_is_a_result,
    "unresolved_ends_no_key": unresolved_ends_no_key,
    "nothing_is_watched": nothing_is_watched,
    "sign_up_refuses_whoever_is_known": sign_up_refuses_whoever_is_known,
    "charge_before_delivery": charge_before_delivery,
    "settling_unguarded": settling_unguarded,
    "record_unguarded": unguarded(job_store, "record_write"),
    "device_claim_unguarded": unguarded_all(user_store, "device_claim_writes"),
    "release_claims_the_device": release_claims_the_device,
    "capture_forgets_the_device": capture_forgets_the_device,
    "every_report_believed": every_report_believed,
    "vendor_faults_charged": vendor_faults_charged,
    "text_charged_before_it_is_stored": text_charged_before_it_is_stored,
    "stored_text_ignored_by_the_worker": stored_text_ignored_by_the_worker,
    "cap_only_read": unguarded(user_store, "count_write"),
    "version_not_compared": unguarded(ledger_store, "wallet_write"),
}
