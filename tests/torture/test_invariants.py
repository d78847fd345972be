"""Each promise, broken in the evidence by hand, is named."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from subprocess import CompletedProcess
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.jobs.entities import Failure, Job, JobStatus
from service.ledger.entities import Wallet
from tests.torture.collect import audit_faults
from tests.torture.invariants import Evidence, is_the_same_again, violations
from tests.torture.notes import JobResponse, Notes, Total

LINK = "http://127.0.0.1:1/kling/videos/77.mp4"
DONE = Job(
    payer="ann",
    actor="ann",
    job_id="job_1",
    operation="kling:image2video",
    held=1 * SCALE,
    captured=1 * SCALE,
    allocation=(),
    status=JobStatus.SUCCEEDED,
    created_at=1,
    submit_until=0,
    hard_at=0,
    due_at=None,
    task_id="77",
    result={"videoUrl": LINK},
)
UNSENT = replace(
    DONE, status=JobStatus.FAILED, failure=Failure.PROVIDER_BUSY, task_id=None, result=None
)
LOST = replace(DONE, status=JobStatus.FAILED, failure=Failure.PROVIDER_UNRESOLVED, house_loss=SCALE)
TASK = {"task_id": "77", "external_task_id": "job_1", "status": "succeed"}
SHOWN: dict[str, Any] = {
    "jobId": "job_1",
    "status": "SUCCEEDED",
    "credits": {"held": 0, "captured": 1, "released": 0},
    "provider": {"task_id": "77"},
    "videoUrl": LINK,
    "error": None,
}


def job_response(
    job: Mapping[str, Any] = SHOWN, status: int = 200, code: str = "", **more: Any
) -> JobResponse:
    return JobResponse(
        **{"at": 1.0, "user": "ann", "key": "k", "job_id": "job_1"} | more,
        status=status,
        code=code,
        job=job,
    )


def wallet(available: int, held: int = 0, captured: int = 0) -> Wallet:
    return Wallet(
        user_id="ann",
        credits=available * SCALE,
        held=held * SCALE,
        granted=3 * SCALE,
        captured=captured * SCALE,
    )


def evidence(job: Job = DONE, *responses: JobResponse, **more: Any) -> Evidence:
    captured = int(job.status is JobStatus.SUCCEEDED)
    sent = job.failure != Failure.PROVIDER_BUSY
    usual: dict[str, Any] = {
        "jobs": [job],
        "wallets": [wallet(3 - captured, 0, captured)],
        "bound": {("ann", "k"): "job_1"},
        "tasks": [TASK] if sent else [],
        "notes": Notes(responses=list(responses), keys={("ann", "k")}),
    }
    return Evidence(**usual | more)


FAILED_TASK = TASK | {"status": "failed"}
OTHER = replace(DONE, job_id="job_2", task_id="78")


@pytest.mark.parametrize(
    "job", [DONE, UNSENT, LOST], ids=["delivered", "never sent", "lost to the house"]
)
def test_an_honest_end_is_no_violation(job: Job) -> None:
    assert violations(evidence(job)) == []


def test_honest_responses_are_no_violation() -> None:
    on_its_way = SHOWN | {"status": "SUBMITTING", "provider": None, "videoUrl": None}
    responses = [
        job_response(on_its_way),
        job_response(replayed=True),
        job_response({}, 503, "OUTCOME_UNKNOWN", job_id="job_9"),
    ]
    totals = [Total("ann", 2, 1), Total("ann", 2, 0)]
    assert (
        violations(
            evidence(DONE, notes=Notes(responses=responses, totals=totals, keys={("ann", "k")}))
        )
        == []
    )


BROKEN = {
    "still SUBMITTED": evidence(replace(DONE, status=JobStatus.SUBMITTED, result=None)),
    "was sent 2 times": evidence(tasks=[TASK, TASK | {"task_id": "78"}]),
    "there is no such job": evidence(tasks=[TASK, TASK | {"external_task_id": "job_9"}]),
    "its task is nowhere": evidence(tasks=[]),
    "its task is failed": evidence(tasks=[FAILED_TASK]),
    "its task is 78": evidence(tasks=[TASK | {"task_id": "78"}]),
    "is also a loss": evidence(replace(DONE, house_loss=SCALE)),
    "was delivered, but failed with": evidence(replace(LOST, failure=Failure.GENERATION_FAILED)),
    "house loss 0": evidence(replace(LOST, house_loss=0)),
    "link None": evidence(replace(LOST, result=None)),
    "but its task did not": evidence(replace(LOST, failure=Failure.GENERATION_FAILED)),
    "but the vendor took it": evidence(UNSENT, tasks=[FAILED_TASK]),
    "were delivered and": evidence(replace(LOST, house_loss=2 * SCALE)),
    "1 held": evidence(wallets=[wallet(2, 1, 0)]),
    "ann has 1 credits": evidence(wallets=[wallet(1, 0, 2)]),
    "belongs to no one": evidence(wallets=[]),
    "which stands for job_2": evidence(DONE, job_response(), bound={("ann", "k"): "job_2"}),
    "2 jobs without a key, but sent 1": evidence(
        jobs=[DONE, OTHER], bound={}, notes=Notes(keyless=Counter({"ann": 1}))
    ),
    "which does not exist": evidence(DONE, job_response(job_id="job_9")),
    "which is ann's": evidence(DONE, job_response(user="bob")),
    "503 PROVIDER_BUSY": evidence(DONE, job_response({}, 503, "PROVIDER_BUSY")),
    "which is FAILED": evidence(LOST, job_response()),
    "which ended with None": evidence(
        DONE, job_response(SHOWN | {"error": {"code": "GENERATION_FAILED"}})
    ),
    "whose task is 77": evidence(DONE, job_response(SHOWN | {"provider": {"task_id": "78"}})),
    "whose video is": evidence(DONE, job_response(SHOWN | {"videoUrl": "http://elsewhere"})),
    "not accounted for": evidence(
        DONE, job_response(SHOWN | {"credits": {"held": 1, "captured": 1, "released": 0}})
    ),
    "for lack of credits with 1 jobs": evidence(
        DONE, job_response({}, 403, "INSUFFICIENT_CREDITS", job_id="")
    ),
    "after 2 together": evidence(notes=Notes(totals=[Total("ann", 2, 0), Total("ann", 3, 0)])),
    "but 1 jobs were charged": evidence(notes=Notes(totals=[Total("ann", 1, 0)])),
    "a strange answer": evidence(notes=Notes(strange=["a strange answer"])),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_broken_promise_is_named(sentence: str) -> None:
    assert any(sentence in found for found in violations(BROKEN[sentence])), violations(
        BROKEN[sentence]
    )


def test_a_key_with_two_lasting_jobs_is_named() -> None:
    two = evidence(DONE, job_response(), job_response(job_id="job_2"), jobs=[DONE, OTHER])
    assert any("['job_1', 'job_2']" in found for found in violations(two))


def test_a_job_that_was_never_begun_may_have_a_successor_under_its_key() -> None:
    refusal = job_response({}, 503, "PROVIDER_BUSY", job_id="job_0")
    both = [replace(UNSENT, job_id="job_0"), DONE]
    assert violations(evidence(DONE, refusal, job_response(), jobs=both)) == []


@pytest.mark.parametrize(
    ("response", "same"),
    [
        (job_response(replayed=True), True),
        (job_response({}, 400, "CONTENT_REJECTED"), True),
        (job_response(), False),
        (job_response(replayed=True, job_id="job_2"), False),
        (job_response({}, 400, "CONTENT_REJECTED", job_id="job_2"), False),
        (job_response({}, 503, "OUTCOME_UNKNOWN"), False),
        (None, False),
    ],
)
def test_a_repeated_key_returns_its_job(response: JobResponse | None, same: bool) -> None:
    assert is_the_same_again(response, "job_1") is same


@pytest.mark.parametrize(
    ("code", "output", "faults"),
    [
        (0, '{"violations": []}', 0),
        (1, '{"violations": [{"item": "a", "what": "b"}]}', 1),
        (1, '{"violations": []}', 1),
        (2, "", 1),
    ],
)
def test_an_audit_that_is_not_clean_is_a_fault(code: int, output: str, faults: int) -> None:
    assert len(audit_faults(CompletedProcess([], code, output, ""))) == faults
