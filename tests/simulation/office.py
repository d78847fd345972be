"""Whoever brings credits to users or takes them: grants under a business key, made at once or
later, and operators' corrections. Each is tried again until it is certain, by several at once."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import greenlet

from service.admin.corrections import Terms
from service.admin.entities import Action
from service.core.clock import iso
from service.core.errors import FareboxError
from service.core.principal import Operator, OperatorMethod
from service.ledger.entities import LotNotFound
from service.ledger.grants import Grant, GrantSource
from service.ledger.lots import LotKind
from tests.simulation.checks import plain, require
from tests.simulation.journal import Journal
from tests.simulation.memory import MemoryTable
from tests.simulation.parts import Parts
from tests.simulation.plan import Plan, PlannedCorrection
from tests.simulation.scheduler import Process, Scheduler, SimulatedEvent, stream

TIMEOUT_SECONDS = 60.0
NO_RESPONSE = "no response"
OPERATOR = Operator("key:office", OperatorMethod.SIGNATURE, 0)
# What each may honestly be refused with: nothing was written, or it is not known yet.
REFUSALS = {
    *("USER_NOT_FOUND", "INSUFFICIENT_CREDITS", "LOT_NOT_FOUND", "EXPIRY_INVALID"),
    *("WALLET_BUSY", "OUTCOME_UNKNOWN", "STORAGE_UNAVAILABLE", "TOO_MANY_REQUESTS"),
}
FINAL = {"INSUFFICIENT_CREDITS", "LOT_NOT_FOUND", "EXPIRY_INVALID"}
UNCERTAIN = {"OUTCOME_UNKNOWN", "STORAGE_UNAVAILABLE"}
_ENTRIES = {"take": "ADJUST", "void": "VOID", "edit": "EDIT"}


class Office:
    """Plays every `PlannedCorrection` of a plan against whatever web processes live."""

    def __init__(
        self,
        scheduler: Scheduler,
        plan: Plan,
        journal: Journal,
        webs: Callable[[], list[Parts]],
    ) -> None:
        self._scheduler = scheduler
        self._plan = plan
        self._journal = journal
        self._webs = webs
        self._outside = Process(scheduler, "office")
        self._requested: dict[int, tuple[str, int]] = {}
        self._responses: list[tuple[PlannedCorrection, Any]] = []
        self.busy = 0

    def begin(self) -> None:
        for planned in self._plan.corrections:
            for twin in range(planned.twins):
                self.busy += 1
                name = f"correct{planned.number}.{twin}"
                rng = stream(self._plan.seed, name)
                play: Any = lambda planned=planned: self._play(planned)  # noqa: E731
                self._scheduler.spawn(self._outside, name, play, rng, planned.at)

    def check(self, memory: MemoryTable) -> None:
        """Each was carried out at most once, and once if any response says so. Raises
        `Violation`."""
        entries = Counter(
            (pk, plain(item["kind"]), plain(item["ref"]))
            for (pk, sk), item in memory.items.items()
            if sk.startswith("ENTRY#")
            and plain(item["kind"]) in ("GRANT", "ADJUST", "VOID", "EDIT")
        )
        twice = [each for each, times in entries.items() if times > 1]
        require(not twice, f"carried out twice: {twice}")
        for planned, value in self._responses:
            if not isinstance(value, Exception):
                require(self._is_done(planned, memory), f"{planned} is done and not there")

    def _is_done(self, planned: PlannedCorrection, memory: MemoryTable) -> bool:
        if planned.what in ("grant", "schedule"):
            item = memory.items.get((f"GRANT#code#{planned.key}", "GRANT"), {})
            return "entry" in item
        kind = _ENTRIES.get(planned.what, "ADJUST")
        return any(
            pk == f"USER#{planned.user}"
            and sk.startswith("ENTRY#")
            and plain(item["kind"]) == kind
            and plain(plain(item["details"]).get("reason")) == planned.key
            for (pk, sk), item in memory.items.items()
        )

    def _play(self, planned: PlannedCorrection) -> None:
        rng = self._scheduler.running().rng
        for _ in range(planned.tries):
            value = self._request(planned)
            code = getattr(value, "code", "")
            if value is not NO_RESPONSE and (code in FINAL or not code):
                break
            self._scheduler.sleep(0.2 + 10 * rng.random())
        self.busy -= 1

    def _request(self, planned: PlannedCorrection) -> Any:
        """One request to some web process: its value, its error, or `NO_RESPONSE`."""
        scheduler, me = self._scheduler, self._scheduler.running()
        rng = random.Random(me.rng.getrandbits(64))
        self._journal.count("corrections")
        webs = self._webs()
        if not webs:
            return NO_RESPONSE
        web, replied = webs[rng.randrange(len(webs))], SimulatedEvent(scheduler)
        values: list[Any] = []

        def serve() -> None:
            try:
                values.append(self._carry_out(web, planned))
            except FareboxError as error:
                values.append(error)
            except greenlet.GreenletExit:
                replied.set()
                raise
            self._responded(planned, values[0])
            replied.set()

        name = f"{me.name}/{self._journal.counts['corrections']}@{web.process.name}"
        scheduler.spawn(web.process, name, serve, rng, 0.001 + 0.01 * rng.random())
        replied.wait(TIMEOUT_SECONDS)
        return values[0] if values else NO_RESPONSE

    def _responded(self, planned: PlannedCorrection, value: Any) -> None:
        code = getattr(value, "code", "")
        require(not code or code in REFUSALS, f"{planned} ended with {value!r}")
        self._journal.count(f"correction: {planned.what} {code or 'done'}")
        self._responses.append((planned, value))

    def _carry_out(self, web: Parts, planned: PlannedCorrection) -> object:
        now = web.process.clock.now()
        match planned.what:
            case "grant":
                return web.grants.make(_grant(planned))
            case "schedule":
                return web.grants.schedule(_grant(planned), now + round(1000 * planned.delay))
            case "add":
                return web.corrections.adjust(_action(planned, planned.amount), Terms())
            case "take":
                return web.corrections.adjust(_action(planned, -planned.amount), Terms())
        lot_id, expires_at = self._lot(web, planned, now)
        if planned.what == "void":
            return web.corrections.void(_action(planned, None, lotId=lot_id), lot_id)
        facts = {"lotId": lot_id, "expiresAt": iso(expires_at)}
        return web.corrections.edit_lot(_action(planned, None, **facts), lot_id, expires_at)

    def _lot(self, web: Parts, planned: PlannedCorrection, now: int) -> tuple[str, int]:
        """The lot that was there at the first try: the same key requests the same."""
        if planned.number not in self._requested:
            wallet = web.ledger.balance(planned.user).wallet
            if wallet is None or not wallet.lots:
                raise LotNotFound
            expires_at = now + round(1000 * (1 + planned.delay))
            self._requested.setdefault(planned.number, (wallet.lots[0].lot_id, expires_at))
        return self._requested[planned.number]


def granted_since(memory: MemoryTable, pk: str) -> Any:
    """What entries brought to that wallet besides its welcome, in credits."""
    return sum(
        plain(item["amount"])
        for (owner, sk), item in memory.items.items()
        if owner == pk
        and sk.startswith("ENTRY#")
        and plain(item["kind"]) in ("GRANT", "ADJUST")
        and plain(item["amount"]) > 0
    )


def _grant(planned: PlannedCorrection) -> Grant:
    return Grant(GrantSource.CODE, planned.key, planned.user, planned.amount, LotKind.PAID, None)


def _action(planned: PlannedCorrection, amount: int | None, **facts: str) -> Action:
    return Action(
        operator=OPERATOR,
        name=planned.what,
        subject=planned.user,
        reason=planned.key,
        request_id="req_office",
        idempotency_key=planned.key,
        amount=amount,
        facts=facts,
    )
