"""A long past, made cheaply: the very items that finished jobs leave behind, made by the real rules
and written in batches."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from service.core.amounts import SCALE
from service.core.ids import RandomIds
from service.jobs.entities import Job, JobStatus
from service.jobs.store import capture_write, new_job_write, record_write
from service.jobs.store import sealed as seal_job
from service.ledger.entities import Movement, Wallet
from service.ledger.movements import capture, hold
from service.ledger.store import entry_writes, sealed, wallet_write
from service.providers.base import Task, TaskStatus
from service.storage.codec import encode_item
from service.storage.writes import Put
from service.videos.entities import RESULT_MILLISECONDS, VideoBody
from tests.doubles.service_harness import MAC_KEY, TIMES, ServiceHarness, order
from tests.faults.enumeration.tables import MemoryBehind

PRICE = 1 * SCALE
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


def write_movements(
    world: ServiceHarness, user_id: str, steps: Iterable[Callable[[Wallet], Movement]]
) -> Wallet:
    """Adds the entries of those movements, each made of the wallet that the one before leaves."""
    before = wallet = world.wallet(user_id)
    puts: list[Put] = []
    for step in steps:
        movement = sealed(step(wallet), MAC_KEY)
        wallet = movement.wallet
        puts += entry_writes(movement)
    _put_all(world, puts)
    if puts:
        world.table.write(wallet_write(before, wallet))
    return wallet


def _finished(world: ServiceHarness, wallet: Wallet) -> tuple[Wallet, list[Put]]:
    now = world.clock.now()
    job_id = RandomIds().new("job", now)
    held = sealed(hold(wallet, PRICE, job_id, now), MAC_KEY)
    job = _begun(world, held, job_id, now)
    world.clock.advance(60)
    captured = sealed(
        capture(held.wallet, job.allocation, job.held, job_id, now, world.clock.now()), MAC_KEY
    )
    item = _item(job, world.provider.book(job_id, TaskStatus.SUCCEEDED), world.clock.now())
    return captured.wallet, [*entry_writes(held), *entry_writes(captured), item]


def _begun(world: ServiceHarness, held: Movement, job_id: str, now: int) -> Job:
    video = order(held.wallet.user_id)
    body = VideoBody(video.image, video.prompt_key)
    (work,) = world.operations
    return Job(
        payer=held.wallet.user_id,
        actor=held.wallet.user_id,
        job_id=job_id,
        operation=work.operation,
        held=PRICE,
        price_version=work.estimate(body).price_version,
        payload=work.payload(body),
        allocation=held.entries[-1].allocation,
        status=JobStatus.SUBMITTING,
        created_at=now,
        submit_until=now + TIMES.submit,
        hard_at=now + TIMES.hard_limit,
        due_at=now + TIMES.submit,
    )


def _item(job: Job, task: Task, now: int) -> Put:
    """The job's item as its three writes leave it."""
    new = new_job_write(job)
    submitted = replace(job, status=JobStatus.SUBMITTED, task_id=task.task_id, facts=task.facts)
    record = record_write(submitted)
    result = {"videoUrl": task.result_url, "videoExpiresAt": now + RESULT_MILLISECONDS}
    ended = replace(
        submitted, status=JobStatus.SUCCEEDED, result=result, captured=job.held, due_at=None
    )
    end = capture_write(submitted, seal_job(ended, MAC_KEY))
    left = {**new.item, **record.set, **end.set}
    return Put(new.key, {name: value for name, value in left.items() if name not in end.remove})


def _put_all(world: ServiceHarness, puts: list[Put]) -> None:
    table = world.table._name
    items = [encode_item({**put.key.attributes(), **put.item}) for put in puts]
    if isinstance(world.where, MemoryBehind):
        for item in items:
            world.client.put_item(TableName=table, Item=item)
        return
    requests: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
    for _ in range(MAX_BATCHES):
        if not requests:
            return
        batch, requests = requests[:MAX_IN_BATCH], requests[MAX_IN_BATCH:]
        left = world.client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"]
        requests += left.get(table, [])
    raise RuntimeError("the history could not be written")
