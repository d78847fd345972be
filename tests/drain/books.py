"""What was captured, job by job, against what the vendors' own books say."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from devstack.calls import call
from service.core.amounts import amount_of
from tests.drain.load import Client
from tests.drain.readers import Reader
from tests.drain.talkers import Talker
from tests.drain.user import User
from tests.streams.rules import Call, expected

WAIT_SECONDS = 25
MAX_READS = 8
_UNBOUNDED = 10**9
# Thousandths of a credit for a minute of live transcription: service/catalog/prices.json.
_LIVE_PER_MINUTE = 10
Jobs = dict[str, dict[str, Any]]


def compared(load: Sequence[User], simulators: str) -> Iterator[str]:
    """How they differ, once all jobs have ended; nothing, where they agree."""
    kinds = (Client, Reader, Talker)
    videos, texts, sessions = (_jobs([user for user in load if type(user) is k]) for k in kinds)
    ended = {**videos, **texts, **sessions}
    yield from (f"job {each} is {job['status']}" for each, job in ended.items() if _is_open(job))
    yield from videos_differ(videos, _listed(simulators, "kling/__tasks", "tasks"))
    yield from texts_differ(texts, _listed(simulators, "openai/__calls", "calls"))
    yield from sessions_differ(sessions, _listed(simulators, "assemblyai/__sessions", "sessions"))


def _jobs(users: Sequence[User]) -> Jobs:
    """As the service shows them."""
    found: Jobs = {}
    for user in users:
        for job_id in user.jobs:
            for _ in range(MAX_READS):
                job = user.request("GET", f"/jobs/{job_id}?wait={WAIT_SECONDS}")
                if job is None:
                    break
                found[job_id] = job
                if not _is_open(job):
                    break
        user.hang_up()
    return found


def _is_open(job: dict[str, Any]) -> bool:
    return job["status"] not in ("SUCCEEDED", "FAILED")


def _listed(simulators: str, path: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("GET", f"{simulators}/{path}").json()[name]
    return found


def _captured(job: dict[str, Any]) -> int:
    return amount_of(Decimal(str(job["credits"]["captured"])))


def videos_differ(jobs: Jobs, tasks: list[dict[str, Any]]) -> Iterator[str]:
    made = sum(task["status"] == "succeed" for task in tasks)
    paid = sum(bool(_captured(job)) for job in jobs.values())
    if made != paid:
        yield f"the vendor made {made} videos, {paid} were charged"


def texts_differ(jobs: Jobs, calls: list[dict[str, Any]]) -> Iterator[str]:
    books = {each["job_id"]: each for each in calls}
    if len(books) != len(calls) or books.keys() != jobs.keys():
        yield f"the vendor wrote {len(calls)} texts, users had {len(jobs)}"
    for job_id, book in books.items():
        if job_id not in jobs:
            continue
        written = Call("", "response.completed", "text", _UNBOUNDED, _UNBOUNDED, book)
        right, found = expected(written).captured, _captured(jobs[job_id])
        if found != right:
            yield f"text {job_id}: {found} captured, {right} by the vendor's books"


def sessions_differ(jobs: Jobs, books: list[dict[str, Any]]) -> Iterator[str]:
    """The vendor knows no job: its sessions are as long as ours, one by one."""
    billed = Counter(each["audio_seconds"] for each in books)
    charged = Counter(job["audioSeconds"] or 0 for job in jobs.values())
    for seconds in (billed.keys() | charged.keys()) - {0}:
        if billed[seconds] != charged[seconds]:
            yield (
                f"the vendor had {billed[seconds]} sessions of {seconds} s, "
                f"{charged[seconds]} were charged"
            )
    for job_id, job in jobs.items():
        right = -(-(job["audioSeconds"] or 0) * _LIVE_PER_MINUTE // 60)
        if _captured(job) != right:
            yield f"session {job_id}: {_captured(job)} captured, {right} by its seconds"
