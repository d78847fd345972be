"""Bulk grants and the users whom they are for, made through the real operations."""

from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from service.bulk_grants.entities import BulkGrant, NewBulkGrant, Progress
from service.bulk_grants.operations import BulkGrants
from service.bulk_grants.sweeps import DueBulkGrants
from service.core.amounts import SCALE
from service.ledger.grant_terms import GrantTerms
from service.ledger.lots import LotKind
from tests.doubles.service_harness import ServiceHarness, order
from tests.erasure.lives import erased

TERMS = GrantTerms(2 * SCALE, LotKind.PROMO)
NEW = NewBulkGrant("Sorry for the outage", TERMS, created_by="op-1")


class Handout:
    def __init__(self, world: ServiceHarness) -> None:
        self.world = world
        self.bulk_grants = world.parts.get(BulkGrants)

    def users(self, names: Iterable[str]) -> tuple[str, ...]:
        """Signs them up, each on a device of their own."""
        made = tuple(names)
        for name in made:
            device = self.world.users.digests(f"device-of-{name}")
            self.world.users.sign_up(order(name).principal, device)
        return made

    def start(self, user_ids: Iterable[str] | None, **changes: Any) -> BulkGrant:
        listed = None if user_ids is None else tuple(user_ids)
        prepared = self.bulk_grants.prepare(replace(NEW, user_ids=listed, **changes))
        self.world.table.transact([each.write for each in prepared.writes])
        return prepared.bulk

    def cancel(self, bulk: BulkGrant) -> None:
        self.world.table.write(self.bulk_grants.cancellation(bulk.bulk_id).write)

    def close(self, user_id: str) -> None:
        """Erases the user: the wallet stays, closed and empty."""
        erased(self.world, user_id)

    def sweep(self, executor: Executor) -> DueBulkGrants:
        (found,) = [each for each in self.world.sweeps(executor) if each.name == "bulk_grants"]
        assert isinstance(found, DueBulkGrants)
        return found

    def work(self) -> None:
        """The worker, until nothing is due."""
        with ThreadPoolExecutor(4) as executor:
            sweep = self.sweep(executor)
            while sweep.run_once():
                pass

    def finish(self, bulk: BulkGrant) -> Progress:
        """The worker, until the bulk grant has ended, however often its parts wait."""
        for _ in range(50):
            self.work()
            if self.progress(bulk).has_ended:
                break
            self.world.clock.advance(2)
        return self.progress(bulk)

    def progress(self, bulk: BulkGrant) -> Progress:
        return self.bulk_grants.progress(bulk.bulk_id)

    def failures(self, bulk: BulkGrant) -> dict[str, str]:
        found = self.bulk_grants.failures(bulk.bulk_id, 100).failures
        return {failure.user_id: failure.reason for failure in found}

    def credits(self, user_id: str) -> Any:
        return self.world.balance(user_id)[0]
