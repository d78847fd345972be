"""A long past, made cheaply: the very items that finished jobs leave behind, made by the real rules
and written in batches."""

from dataclasses import replace
from typing import Any

from service.core.ids import RandomIds
from service.jobs.entities import RESULT_MILLISECONDS, Job, JobStatus
from service.jobs.holds import HoldTerms
from service.jobs.store import capture_write, new_job_write, record_write
from service.ledger.entities import Wallet, capture, hold
from service.ledger.store import entry_writes, sealed, wallet_write
from service.providers.base import Task, TaskStatus
from service.storage.codec import encode_item
from service.storage.writes import Put
from tests.doubles.service_harness import MAC_KEY, TIMES, ServiceHarness, order

MAX_IN_BATCH = 25
MAX_BATCHES = 10_000


def write_finished_jobs(world: ServiceHarness, user_id: str, count: int) -> None:
    """Adds that many finished jobs to a user with enough credits; the audit finds nothing
    to say against them."""
    before = wallet = world.wallet(user_id)
    puts: list[Put] = []
    for _ in range(count):
        wallet, finished = _finished(world, wallet)
        puts += finished
    _put_all(world, puts)
    world.table.write(wallet_write(before, wallet))


def _finished(world: ServiceHarness, wallet: Wallet) -> tuple[Wallet, list[Put]]:
    now = world.clock.now()
    job_id = RandomIds().new("job", now)
    held = sealed(hold(wallet, 1, job_id, now), MAC_KEY)
    device = world.users.digests("phone")
    terms = HoldTerms(order(wallet.user_id), device, (), 1, None, job_id, TIMES, world.users)
    job = terms.job(held, now)
    world.clock.advance(60)
    captured = sealed(
        capture(held.wallet, job.allocation, 1, job_id, now, world.clock.now()), MAC_KEY
    )
    item = _item(job, world.provider.book(job_id, TaskStatus.SUCCEEDED), world.clock.now())
    return captured.wallet, [*entry_writes(held), *entry_writes(captured), item]


def _item(job: Job, task: Task, now: int) -> Put:
    """The job's item as its three writes leave it."""
    new = new_job_write(job)
    record = record_write(job, task.task_id, task.facts)
    submitted = replace(job, status=JobStatus.SUBMITTED, task_id=task.task_id)
    end = capture_write(submitted, task.result_url or "", now + RESULT_MILLISECONDS, task.facts)
    left = {**new.item, **record.set, **end.set}
    return Put(new.key, {name: value for name, value in left.items() if name not in end.remove})


def _put_all(world: ServiceHarness, puts: list[Put]) -> None:
    requests: list[Any] = [
        {"PutRequest": {"Item": encode_item({**put.key.attributes(), **put.item})}} for put in puts
    ]
    table = world.table._name
    for _ in range(MAX_BATCHES):
        if not requests:
            return
        batch, requests = requests[:MAX_IN_BATCH], requests[MAX_IN_BATCH:]
        left = world.client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"]
        requests += left.get(table, [])
    raise RuntimeError("the history could not be written")
