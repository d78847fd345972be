"""What the responses say of each wallet, and what must therefore be in it: kept apart from the
ledger, by addition alone."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from requests import Response

from service.core.amounts import Amount, amount_of
from service.ledger.entities import Wallet


@dataclass
class Account:
    """What one user's responses add up to. `prices` has each job's, by its id."""

    added: Amount = 0
    taken: Amount = 0
    prices: dict[str, Amount] = field(default_factory=dict)


class Books:
    """Notes responses from many threads."""

    def __init__(self, welcome: Amount) -> None:
        self.statuses: Counter[int] = Counter()
        self.strange: list[str] = []
        self.busy = 0
        self._welcome = welcome
        self._accounts: defaultdict[str, Account] = defaultdict(Account)
        self._guard = threading.Lock()

    def note(self, what: str, response: Response, expected: tuple[int, ...]) -> None:
        with self._guard:
            self.statuses[response.status_code] += 1
            if response.status_code not in expected:
                self.strange.append(f"{what} returned {response.status_code}: {response.text}")

    def was_busy(self) -> None:
        with self._guard:
            self.busy += 1

    def ordered(self, user: str, job_id: str, price: Amount) -> None:
        """A job was accepted; a repeated response names it again, at the same price."""
        with self._guard:
            before = self._accounts[user].prices.setdefault(job_id, price)
            if before != price:
                self.strange.append(f"{job_id} costs {price} after {before}")

    def adjusted(self, user: str, amount: Amount) -> None:
        with self._guard:
            account = self._accounts[user]
            account.added += max(amount, 0)
            account.taken += max(-amount, 0)

    @property
    def jobs(self) -> Mapping[str, Mapping[str, Amount]]:
        return {user: account.prices for user, account in self._accounts.items()}

    def faults(
        self, user: str, wallet: Wallet, jobs: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[str]:
        """How the wallet and the jobs differ from the responses. `jobs` are the user's, as the API
        shows them once all have ended."""
        account = self._accounts[user]
        if jobs.keys() != account.prices.keys():
            yield f"{user} has jobs that no response named, or lacks some"
        captured = sum(amount_of(job["credits"]["captured"]) for job in jobs.values())
        delivered = [job_id for job_id, job in jobs.items() if job["status"] == "SUCCEEDED"]
        expected = {
            "granted": self._welcome + account.added,
            "removed": account.taken,
            "captured": sum(account.prices.get(job_id, 0) for job_id in delivered),
            "held": 0,
        }
        for name, amount in expected.items():
            if getattr(wallet, name) != amount:
                yield f"{user}: {name} is {getattr(wallet, name)}, responses say {amount}"
        if wallet.captured != captured:
            yield f"{user}: the jobs say {captured} captured, the wallet {wallet.captured}"
