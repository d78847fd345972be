"""The idempotency keys of a user, and how they are restored from the jobs that came with them.
Pure."""

from collections.abc import Callable, Mapping

from service.audit.entities import Account
from service.jobs import keys as jobs_keys
from service.jobs.checks import jobs_by_key
from service.jobs.entities import BoundKey, Job
from service.jobs.store import KeyUse, is_key_sealed, repaired_key_write, use_of
from service.storage.keys import user_item
from service.storage.writes import Delete, When, Write


def bound_key_of(account: Account, job_id: str, mac_key: bytes) -> BoundKey | None:
    """The key that led to a job of which only the ledger knows."""
    for sk, use in account.keys.items():
        key = user_item(account.user_id, sk)
        if use.job_id == job_id and is_key_sealed(key, use, mac_key):
            return BoundKey(jobs_keys.digest_of(key), use.body_hash)
    return None


class BoundKeys:
    """Collects what has to be written so that each key stands for the newest of the jobs that came
    with it, which say so themselves; a key whose job is lost is free again."""

    def __init__(self, account: Account, mac_key: bytes) -> None:
        self._account = account
        self._mac_key = mac_key
        self.says: list[str] = []
        self.writes: list[Write] = []

    def put_right(
        self, jobs: Mapping[str, Job], held_version: Callable[[Job], int]
    ) -> dict[str, KeyUse]:
        """The keys as they are afterwards. `held_version` is the version of a job's HOLD."""
        uses, bound = dict(self._account.keys), jobs_by_key(jobs.values())
        for sk, use in self._account.keys.items():
            if use.job_id not in jobs and sk not in bound:
                self._free(sk, uses.pop(sk))
        for sk, its_jobs in bound.items():
            uses[sk] = self._bind(sk, uses.get(sk), max(its_jobs, key=held_version))
        return uses

    def _free(self, sk: str, use: KeyUse) -> None:
        self.says.append(f"delete {sk}: its job {use.job_id} is lost")
        guard = When(equals={"jobId": use.job_id})
        self.writes.append(Delete(user_item(self._account.user_id, sk), guard))

    def _bind(self, sk: str, before: KeyUse | None, job: Job) -> KeyUse:
        key = user_item(self._account.user_id, sk)
        after = use_of(key, job, self._mac_key)
        if before != after:
            self.says.append(f"set {sk}: it stands for {job.job_id}")
            self.writes.append(repaired_key_write(key, before, after))
        return after
