"""A provider that follows a test's script, and records its tasks as a real one does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.providers.base import (
    Accepted,
    CallbackEvent,
    Created,
    Found,
    NotFound,
    Task,
    TaskLookup,
    TaskStatus,
    VideoRequest,
)
from service.storage.codec import Value

URL = "https://videos.example.com/{}.mp4"
REAL_LINK = "https://v15-kling.example.com/bs2/upload-ylab-stunt/" + "a" * 200 + ".mp4"


@dataclass
class ScriptedProvider:
    """Accepts everything unless `creates` or `lookups` say otherwise; each scripted outcome is used
    once."""

    name: str = "kling"
    creates: list[Created | Exception] = field(default_factory=list)
    lookups: list[TaskLookup] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    sent: list[VideoRequest] = field(default_factory=list)
    requested: list[tuple[str | None, str]] = field(default_factory=list)
    hint: CallbackEvent | None = field(default_factory=lambda: CallbackEvent(final=True))

    def create(self, request: VideoRequest, until: float) -> Created:
        self.sent.append(request)
        if self.creates:
            outcome = self.creates.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        return Accepted(self.book(request.job_id, TaskStatus.RUNNING))

    def book(self, job_id: str, status: TaskStatus) -> Task:
        """Records a task for that job, as if it had been accepted."""
        url = URL.format(job_id) if status is TaskStatus.SUCCEEDED else None
        facts: dict[str, Value] = {"task_id": f"task-{job_id}", "task_status": status.value}
        self.tasks[job_id] = Task(f"task-{job_id}", status, facts, url)
        return self.tasks[job_id]

    def fetch_task(self, task_id: str | None, job_id: str) -> TaskLookup:
        self.requested.append((task_id, job_id))
        if self.lookups:
            return self.lookups.pop(0)
        return Found(self.tasks[job_id]) if job_id in self.tasks else NotFound()

    def show(self, facts: Mapping[str, Value], job_id: str) -> Mapping[str, object]:
        return {**facts, "task_info": {"external_task_id": job_id}}

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        return self.hint


class LikeKling(ScriptedProvider):
    """Facts and links as long as Kling's own."""

    def book(self, job_id: str, status: TaskStatus) -> Task:
        facts: dict[str, Value] = {
            "task_id": "867283741759111202",
            "task_status": "succeed" if status is TaskStatus.SUCCEEDED else "submitted",
            "created_at": 1774805076166,
            "updated_at": 1774805076166,
        }
        if status is TaskStatus.SUCCEEDED:
            facts["videos"] = ({"id": "867283741759111203", "duration": "5.041"},)
        url = REAL_LINK if status is TaskStatus.SUCCEEDED else None
        self.tasks[job_id] = Task("867283741759111202", status, facts, url)
        return self.tasks[job_id]
