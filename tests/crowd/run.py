"""One run: many operations of many users at once, at mixed prices, while lots expire."""

import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests

from service.audit.operations import Auditor
from service.core.amounts import SCALE, Amount, amount_of, credits_number
from service.core.clock import SystemClock, iso
from service.ledger.entities import EntryKind
from service.ledger.operations import Ledger
from tests.crowd.books import Books
from tests.doubles.signer import SHARED_SECRET, Signer
from tests.stack.live_stack import LiveStack, separate_stack, video_body
from tests.stack.times import LONG_TIMES

SPEED = 10
WELCOME = 12
PRICES = (Decimal(1), Decimal("0.125"), Decimal("2.5"))
THREADS = 32
TRIES = 5
PAUSE_SECONDS = 1.0
MAX_BUSY_SHARE = 0.01
EXPIRY_GRACE_SECONDS = 300
LIFE_SECONDS = (10, 120)
PAGE = 50
SETTLE_SECONDS = 240.0
REQUEST_SECONDS = 120.0


class FastDays(SystemClock):
    """Its days run `speed` times as fast; what is measured and waited for does not. So lots expire
    in seconds, and no deadline is shorter than in production."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started_at, self._started = super().now(), super().monotonic()

    def now(self) -> int:
        return self._started_at + int((self.monotonic() - self._started) * 1000 * self._speed)


@dataclass(frozen=True)
class Plan:
    """How many operations of how many users, so many of them at once, and the seed that decides on
    them. More at once than the machine has the processors for is a test of the machine: a wallet
    counts as busy after its deadline."""

    operations: int
    users: int
    seed: int
    threads: int = THREADS


@dataclass(frozen=True)
class Outcome:
    """What came of a run, and everything that is wrong."""

    plan: Plan
    statuses: dict[int, int]
    busy: int
    jobs: int
    expired_entries: int
    lapsed_lots: int
    seconds: float
    violations: tuple[str, ...]

    def summary(self) -> str:
        statuses = ", ".join(
            f"{count} × {status}" for status, count in sorted(self.statuses.items())
        )
        return (
            f"crowd: seed {self.plan.seed}, {self.plan.operations} operations of "
            f"{self.plan.users} users in {self.seconds:.0f} s ({statuses}; {self.busy} times a "
            f"wallet was busy), {self.jobs} jobs at "
            f"{len(PRICES)} prices, {self.lapsed_lots} lots lapsed, {self.expired_entries} of them "
            f"written off, {len(self.violations)} violations"
        )


class Crowd:
    """The users and operators of one stack."""

    def __init__(self, plan: Plan, stack: LiveStack, clock: FastDays) -> None:
        self._stack = stack
        self._clock = clock
        self._users = [f"user-{number}" for number in range(plan.users)]
        self._tokens = {user: stack.token(user, expires_in=10**6) for user in self._users}
        self._webs = {stack.url: PRICES[0]} | {
            stack.open_app(video_price_credits=price): price for price in PRICES[1:]
        }
        self._local = threading.local()
        self.books = Books(WELCOME * SCALE)
        self._signer = Signer()

    def sign_everybody_up(self, plan: Plan) -> None:
        """With a first job each, all at once."""
        with ThreadPoolExecutor(plan.threads) as executor:
            list(executor.map(lambda user: self._order(user, random.Random(user)), self._users))

    def operate(self, plan: Plan) -> None:
        """All operations, in an order that the machine decides."""
        draws = [random.Random(f"{plan.seed} {number}") for number in range(plan.operations)]
        with ThreadPoolExecutor(plan.threads) as executor:
            list(executor.map(self._operation, draws))

    def _operation(self, draw: random.Random) -> None:
        acts = (self._order, self._order_twice, self._add, self._take, self._read)
        (act,) = draw.choices(acts, weights=(45, 10, 25, 10, 10))
        act(draw.choice(self._users), draw)

    def _order(self, user: str, draw: random.Random, key: str = "") -> None:
        web, price = draw.choice(sorted(self._webs.items()))
        headers = self._bearer(user) | ({"Idempotency-Key": key} if key else {})
        response = self._repeated(
            lambda: self._send("POST", f"{web}/videos", headers=headers, body=video_body(user))
        )
        self.books.note("POST /videos", response, (200, 403, 429))
        if response.status_code == 200:
            job = response.json()["data"]
            replayed = response.headers.get("Idempotency-Replayed") == "true"
            # A twin's job has the price of the web that took it.
            known = self.books.jobs.get(user, {}).get(job["jobId"])
            if not replayed or known is not None:
                cost = known if replayed and known is not None else amount_of(price)
                self.books.ordered(user, job["jobId"], cost)

    def _order_twice(self, user: str, draw: random.Random) -> None:
        """The same key twice at the same moment, at one price or two."""
        key = f"key-{draw.getrandbits(64):x}"
        seeds = [draw.getrandbits(32) for _ in range(2)]
        twins = [
            threading.Thread(target=self._order, args=(user, random.Random(seed), key))
            for seed in seeds
        ]
        for twin in twins:
            twin.start()
        for twin in twins:
            twin.join()

    def _add(self, user: str, draw: random.Random) -> None:
        expires_at = self._clock.now() + draw.randint(*LIFE_SECONDS) * 1000
        ends = {"expiresAt": iso(expires_at)} if draw.random() < 0.7 else {}
        self._adjust(user, draw.randint(1, 40) * SCALE // 8, draw, ends)

    def _take(self, user: str, draw: random.Random) -> None:
        self._adjust(user, -draw.randint(1, 8) * SCALE // 8, draw, {})

    def _adjust(self, user: str, amount: Amount, draw: random.Random, more: dict[str, str]) -> None:
        path = f"/admin/users/{user}/adjustments"
        body = {"amount": credits_number(amount), "reason": "for the crowd", **more}
        key, web = f"key-{draw.getrandbits(64):x}", draw.choice(sorted(self._webs))
        response = self._repeated(lambda: self._signed("POST", web, path, body, key))
        self.books.note("an adjustment", response, (200, 400, 403))
        if response.status_code == 200:
            self.books.adjusted(user, amount)

    def _repeated(self, send: Callable[[], requests.Response]) -> requests.Response:
        """Repeats what a machine was too slow for, as clients are to do: a signature that has
        expired, and a wallet that was busy until its deadline, in which surely nothing was written.
        How often a wallet was, is counted."""
        for _ in range(TRIES - 1):
            response = send()
            if response.status_code == 503 and response.json()["code"] == "WALLET_BUSY":
                self.books.was_busy()
            elif response.status_code not in (401, 429):
                return response
            time.sleep(PAUSE_SECONDS)
        return send()

    def _signed(
        self, method: str, web: str, path: str, body: dict[str, Any], key: str
    ) -> requests.Response:
        content = json.dumps(body).encode()
        headers = self._signer.sign(
            method,
            path,
            self._clock.now() / 1000,
            content,
            headers={"Idempotency-Key": key, "Content-Type": "application/json"},
            authority=web.removeprefix("http://"),
        )
        return self._send(method, f"{web}{path}", headers=headers, content=content)

    def _read(self, user: str, draw: random.Random) -> None:
        path = draw.choice(("/credits", "/credits/history?limit=20", "/jobs"))
        web = draw.choice(sorted(self._webs))
        response = self._send("GET", f"{web}{path}", headers=self._bearer(user))
        self.books.note(f"GET {path}", response, (200,))

    def settle(self) -> bool:
        """Whether all jobs have ended in time."""
        end = time.monotonic() + SETTLE_SECONDS
        while any(self._wallet(user).held for user in self._users):
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    def violations(self) -> list[str]:
        """Everything that is not as the responses, the vendor and the audit say."""
        found = list(self.books.strange)
        for user in self._users:
            found += self.books.faults(user, self._wallet(user), self._jobs(user))
        audit = self._stack.parts.get(Auditor).audit()
        found += [f"{fault.item}: {fault.what}" for fault in audit.violations]
        finished = sum(task["status"] == "succeed" for task in self._stack.tasks())
        jobs = [job for user in self._users for job in self._jobs(user).values()]
        delivered = sum(job["status"] == "SUCCEEDED" for job in jobs)
        if delivered != finished:
            found.append(f"the vendor made {finished} videos, {delivered} were charged")
        return found

    def expiries(self) -> tuple[int, int]:
        """Lots that have ended with credits in them, and entries that wrote some off."""
        ledger, now = self._stack.parts.get(Ledger), self._clock.now()
        entries = [
            entry
            for user in self._users
            for entry in ledger.entries(user)
            if entry.kind is EntryKind.EXPIRE
        ]
        written = sum(len(entry.allocation) for entry in entries)
        waiting = sum(
            not lot.spendable(now) for user in self._users for lot in self._wallet(user).lots
        )
        return written + waiting, len(entries)

    def _wallet(self, user: str) -> Any:
        return self._stack.parts.get(Ledger).read_snapshot(user).wallet

    def _jobs(self, user: str) -> dict[str, Any]:
        jobs, token = {}, ""
        while True:
            more = f"&nextToken={token}" if token else ""
            url = f"{self._stack.url}/jobs?limit={PAGE}{more}"
            response = self._send("GET", url, headers=self._bearer(user))
            page = response.json(parse_float=Decimal)["data"]
            jobs |= {job["jobId"]: job for job in page["jobs"]}
            token = page["nextToken"]
            if not token:
                return jobs

    def _bearer(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[user]}"}

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: Any = None,
        content: bytes | None = None,
    ) -> requests.Response:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session.request(
            method, url, headers=headers, json=body, data=content, timeout=REQUEST_SECONDS
        )


def play(client: Any, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Raises what the start of the stack raises."""
    clock = FastDays(SPEED)
    began = time.monotonic()
    settings: dict[str, Any] = {
        **LONG_TIMES,
        "welcome_credits": WELCOME,
        "video_price_credits": PRICES[0],
        "max_users": plan.users,
        "max_open_jobs_per_user": 0,
        "operator_keys": f"machine:hmac-sha256:{SHARED_SECRET}",
        "quarantine_seconds": 1200.0,
        "poll_min_seconds": 5.0,
        "poll_max_seconds": 10.0,
    }
    with separate_stack(client, clock=clock, **settings) as stack:
        crowd = Crowd(plan, stack, clock)
        crowd.sign_everybody_up(plan)
        say(f"{plan.users} users have signed up")
        crowd.operate(plan)
        say("all operations are made")
        settled = crowd.settle()
        violations = crowd.violations() + ([] if settled else ["not everything settled in time"])
        lapsed, expired = crowd.expiries()
        jobs = sum(map(len, crowd.books.jobs.values()))
        seconds = time.monotonic() - began
        busy = crowd.books.busy
        if busy > MAX_BUSY_SHARE * plan.operations:
            violations.append(f"{busy} times a wallet was busy")
        return Outcome(
            plan, dict(crowd.books.statuses), busy, jobs, expired, lapsed, seconds, (*violations,)
        )
