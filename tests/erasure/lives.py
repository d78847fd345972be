"""A user about whom every feature holds something, and what must be gone of them afterwards."""

import json
from typing import Any

from service.admin.operations import Actions
from service.erasure.operations import Erasures
from service.jobs.entities import Job
from service.providers.base import TaskStatus
from service.storage.codec import decode_item
from service.storage.data_keys import DataKeys
from tests.admin.actions import action
from tests.doubles.provider import URL
from tests.doubles.service_harness import ServiceHarness

EMAIL = "ann@example.com"
FINGERPRINT = "phone-4be1a2c09d"
NOTE = "Ann Example called from +44 20 7946 0000"
REQUEST = "req_01kb7r3v6q8f2x0m4n5p6q7r8s"


def lived(world: ServiceHarness, user_id: str = "ann") -> Job:
    """Has that user sign up, receive one video, and be noted by an operator. Returns the job."""
    job = world.submit(user_id, FINGERPRINT).job
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    note = action(subject=user_id, name="note", reason=NOTE, amount=None, is_private=True)
    world.parts.get(Actions).note(note)
    return world.job(job.job_id, user_id)


def erasures(world: ServiceHarness) -> Erasures:
    return world.parts.get(Erasures)


def data_keys(world: ServiceHarness) -> DataKeys:
    return world.parts.core.data_keys


def erased(world: ServiceHarness, user_id: str = "ann", seconds: float = 60) -> None:
    """Requests the erasure, and has the worker carry it on."""
    erasures(world).request(user_id, REQUEST)
    world.work_until(seconds)


def personal(job: Job) -> tuple[str, ...]:
    """Every text that must not be found anywhere once the user is erased."""
    return EMAIL, EMAIL.partition("@")[0] + "@", FINGERPRINT, NOTE, URL.format(job.job_id)


def dump(world: ServiceHarness) -> str:
    """The whole table as text; what is encrypted is opened with whatever key is still there."""
    items = [decode_item(item) for item in world.items()]
    return json.dumps(items, default=_shown)


def _shown(value: Any) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    return repr(value)
