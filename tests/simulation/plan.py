"""What a world will be like, drawn from its seed before it begins: plain data, so that a failing
plan can be made smaller."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from service.jobs import keys as jobs_keys
from service.jobs.entities import Times
from service.text.entities import ROUTE as TEXT_ROUTE
from service.videos.operations import ROUTE
from tests.faults.library.random_faults import QUERY_FAULTS, TABLE_FAULTS, VENDOR_FAULTS, Faults
from tests.simulation.scheduler import stream
from tests.simulation.vendor import Habits

SECOND = 1000
TIMES = Times(
    submit=20 * SECOND,
    quarantine=120 * SECOND,
    not_found_gap=20 * SECOND,
    hard_limit=1200 * SECOND,
    watch=1200 * SECOND,
    poll_min=5 * SECOND,
    poll_max=60 * SECOND,
    watch_poll=120 * SECOND,
)
CORRECTIONS = ("grant", "schedule", "add", "take", "void", "edit")
_CHANCES = {
    "lost request": 0.004,
    "lost answer": 0.006,
    "late write": 0.006,
    "slow request": 0.010,
    "slow answer": 0.010,
    "throttle": 0.010,
    "conflict": 0.005,
    "internal error": 0.003,
    "internal error, applied": 0.004,
    "unreachable": 0.003,
    "torn view": 0.050,
    "death before call": 0.002,
    "death in flight": 0.003,
    "pause before call": 0.001,
    "pause in flight": 0.001,
    "create: image refused": 0.03,
    "create: content refused": 0.02,
    "create: busy": 0.06,
    "create: unavailable": 0.03,
    "create: indeterminate, lost": 0.03,
    "create: indeterminate, acted": 0.04,
    "create: indeterminate, acts late": 0.02,
    "create: indeterminate, slow": 0.02,
    "create: breaks": 0.01,
    "create: death before": 0.01,
    "create: death in flight": 0.01,
    "create: pause before": 0.01,
    "create: pause in flight": 0.01,
    "query: indeterminate": 0.05,
    "query: stale": 0.05,
    "query: not found": 0.02,
    "query: death": 0.005,
    "query: pause": 0.005,
    "query: no link": 0.02,
}
_TEXT_CHANCES = {
    "text: busy": 0.05,
    "text: content refused": 0.03,
    "text: too long": 0.05,
    "text: unavailable": 0.03,
    "text: cut": 0.08,
    "text: stall": 0.05,
    "text: server error": 0.05,
    "text: silent": 0.04,
    "text: cut by content": 0.03,
    "text: other end": 0.02,
    "text: late": 0.04,
    "text: no usage": 0.04,
    "text: usage lie": 0.08,
    "text: death before": 0.02,
    "text: death": 0.03,
    "text: pause": 0.03,
}
_STORM = {
    "late write": 0.20,
    "lost request": 0.10,
    "lost answer": 0.10,
    "throttle": 0.03,
    "conflict": 0.03,
    "internal error": 0.03,
    "internal error, applied": 0.05,
    "death in flight": 0.01,
}
_SHARE_WITH_TEXTS = 0.5
# Whatever else a user wants has a smaller number.
FIRST_TEXT = 1000
_SCALES = (0.0, 0.3, 1.0, 1.0, 3.0)
_ACCENTS = (0.0, 0.5, 1.0, 1.0, 1.0, 5.0)
_MAX_SHARE = {TABLE_FAULTS: 0.35, VENDOR_FAULTS: 0.7, QUERY_FAULTS: 0.6}


@dataclass(frozen=True)
class PlannedRequest:
    """One job that a user wants, and how persistently: `twins` at once, `retries` after what is not
    final, `repeats` later on (seconds after the response), `changed` with another image at the last
    repeat."""

    number: int
    user: str
    device: str
    key: str | None
    image: int
    at: float
    twins: int
    retries: int
    timeout_seconds: float
    repeats: tuple[float, ...]
    changed: bool

    is_text = False
    route = ROUTE

    @property
    def key_location(self) -> tuple[str, str]:
        """Where the table keeps this key."""
        key = jobs_keys.idempotency(self.user, self.route, self.key or "")
        return key.pk, key.sk

    @property
    def body(self) -> str:
        """What must be the same for the same key."""
        return str(self.image)


@dataclass(frozen=True)
class PlannedText(PlannedRequest):
    """A text that a user wants: `image` is which of two prompts. It is read as a stream where
    `streams`, by a client that leaves after that many events (None: it stays), and cancelled so
    many seconds after each request for it (None: never)."""

    prompt_bytes: int
    max_tokens: int | None
    streams: bool
    leaves_after: int | None
    cancelled_after: float | None

    is_text = True
    route = TEXT_ROUTE

    @property
    def body(self) -> str:
        return str((self.image, self.prompt_bytes, self.max_tokens))


@dataclass(frozen=True)
class PlannedCorrection:
    """Credits that are brought to a user or taken: `what` of `CORRECTIONS`, `amount` in
    thousandths. `twins` try at once, each up to `tries` times; what is scheduled is due `delay`
    seconds later."""

    number: int
    user: str
    what: str
    amount: int
    at: float
    twins: int
    tries: int
    delay: float

    @property
    def key(self) -> str:
        """What the grant, or the operator's request, is named."""
        return f"c{self.number}"

    @property
    def device(self) -> str:
        return "office"


@dataclass(frozen=True)
class Plan:
    """A world. `calm_at` is when faults end; in a storm writes meet `storm_faults`. At each of
    `drains` a web process begins to end: its texts are ended, and it dies."""

    seed: int
    max_users: int
    welcome: int
    price: Decimal
    webs: int
    workers: int
    skew: float
    lag: float
    callbacks: bool
    max_open_jobs: int
    max_credits_per_day: Decimal
    max_loss_per_day: Decimal
    calm_at: float
    storms: tuple[tuple[float, float], ...]
    faults: Faults
    storm_faults: Faults
    habits: Habits
    requests: tuple[PlannedRequest, ...]
    corrections: tuple[PlannedCorrection, ...] = ()
    text_faults: Faults = Faults()
    drains: tuple[float, ...] = ()


def draw(seed: int) -> Plan:
    """The plan of that seed, always the same."""
    rng, limits = stream(seed, "plan"), stream(seed, "limits")
    busy_seconds = rng.choice((5.0, 60.0, 300.0))
    users = [f"user{number}" for number in range(rng.choice((1, 2, 3, 6, 10)))]
    devices = [
        f"device{number}"
        for number in range(max(1, int(len(users) * rng.choice((0.5, 1.0, 1.5, 1.5)))))
    ]
    requests = [
        _planned_request(rng, number, users, devices, busy_seconds)
        for number in range(rng.choice((4, 12, 25, 25)))
    ]
    texts = stream(seed, "texts")
    has_texts = texts.random() < _SHARE_WITH_TEXTS
    if has_texts:
        requests += _texts(texts, requests, busy_seconds)
    return Plan(
        seed=seed,
        max_users=rng.choice((1, 2, len(users), 33, 33, 33)),
        welcome=rng.choice((1, 3, 10, 40, 40)),
        price=rng.choice((Decimal(1), Decimal(1), Decimal("0.334"), Decimal(2))),
        webs=rng.choice((1, 2, 3)),
        workers=rng.choice((1, 2, 2)),
        skew=rng.choice((0.0, 0.5, 3.0)),
        lag=rng.choice((0.0, 1.0, 20.0)),
        callbacks=rng.random() < 0.5,
        max_open_jobs=limits.choice((0, 0, 1, 2, 5)),
        max_credits_per_day=limits.choice((Decimal(0), Decimal(0), Decimal(2), Decimal(4))),
        max_loss_per_day=limits.choice((Decimal(0), Decimal(0), Decimal("0.001"), Decimal("0.02"))),
        calm_at=busy_seconds + rng.choice((60.0, 600.0, 2000.0)),
        storms=tuple(_storm(rng, busy_seconds) for _ in range(rng.choice((0, 0, 1, 2, 3)))),
        faults=_faults(rng),
        storm_faults=_mix(rng, _STORM, rng.choice((1.0, 1.5, 3.0)), 0.95),
        habits=Habits(run_seconds=rng.choice((5.0, 60.0, 60.0, 300.0))),
        requests=tuple(requests),
        corrections=_corrections(stream(seed, "corrections"), users, busy_seconds),
        text_faults=_mix(texts, _TEXT_CHANCES, texts.choice(_SCALES), 0.8),
        drains=_drains(texts, busy_seconds) if has_texts else (),
    )


def _corrections(
    rng: random.Random, users: list[str], busy_seconds: float
) -> tuple[PlannedCorrection, ...]:
    return tuple(
        PlannedCorrection(
            number=number,
            user=rng.choice(users),
            what=rng.choice(CORRECTIONS),
            amount=rng.choice((334, 1000, 2000)),
            at=busy_seconds * (0.1 + rng.random()),
            twins=rng.choice((1, 1, 2, 3)),
            tries=rng.choice((1, 3, 6)),
            delay=rng.choice((0.0, 10.0, 300.0)),
        )
        for number in range(rng.choice((0, 0, 2, 6)))
    )


def _planned_request(
    rng: random.Random, number: int, users: list[str], devices: list[str], busy_seconds: float
) -> PlannedRequest:
    user = rng.randrange(len(users))
    usual = devices[user % len(devices)]
    keyed = rng.random() < 0.7
    return PlannedRequest(
        number=number,
        user=users[user],
        device=usual if rng.random() < 0.8 else rng.choice(devices),
        key=f"key{rng.randrange(number + 1) if rng.random() < 0.3 else number}" if keyed else None,
        image=rng.choice((0, 0, 0, 1)),
        at=busy_seconds * rng.random() ** rng.choice((1, 4)),
        twins=rng.choice((1, 1, 1, 2, 3, 6)),
        retries=rng.choice((0, 1, 3, 6)),
        timeout_seconds=rng.choice((0.5, 30.0, 30.0, 60.0)),
        repeats=tuple(1500.0 ** rng.random() for _ in range(rng.choice((0, 0, 1, 2)))),
        changed=rng.random() < 0.1,
    )


def _texts(
    rng: random.Random, others: list[PlannedRequest], busy_seconds: float
) -> list[PlannedText]:
    """For the same users, on the same devices, at the same time."""
    users = sorted({each.user for each in others})
    devices = sorted({each.device for each in others})
    texts = []
    for number in range(FIRST_TEXT, FIRST_TEXT + rng.choice((12, 25, 40))):
        usual = _planned_request(rng, number, users, devices, busy_seconds)
        shared = rng.randrange(FIRST_TEXT, number + 1) if rng.random() < 0.3 else number
        key = usual.key and f"key{shared}"
        texts.append(
            PlannedText(
                **{**usual.__dict__, "key": key},
                prompt_bytes=rng.choice((30, 400, 12_000)),
                max_tokens=rng.choice((None, 16, 100, 2000, 30_000)),
                streams=rng.random() < 0.5,
                leaves_after=rng.choice((None, None, 1, 3)),
                cancelled_after=20 * rng.random() ** 2 if rng.random() < 0.35 else None,
            )
        )
    return texts


def _drains(rng: random.Random, busy_seconds: float) -> tuple[float, ...]:
    return tuple(1.2 * busy_seconds * rng.random() for _ in range(rng.choice((0, 1, 3, 8))))


def _storm(rng: random.Random, busy_seconds: float) -> tuple[float, float]:
    began_at = busy_seconds * rng.random()
    return began_at, began_at + rng.choice((4.0, 12.0, 40.0))


def _faults(rng: random.Random) -> Faults:
    """Every world has its own mix; no family makes most calls fail."""
    chances = {}
    for family, max_total in _MAX_SHARE.items():
        usual = {name: _CHANCES[name] for name in family}
        chances |= _mix(rng, usual, rng.choice(_SCALES), max_total).chances
    return Faults(chances)


def _mix(rng: random.Random, usual: Mapping[str, float], scale: float, max_total: float) -> Faults:
    drawn = {name: chance * scale * rng.choice(_ACCENTS) for name, chance in usual.items()}
    shrink = min(1.0, max_total / (sum(drawn.values()) or 1.0))
    return Faults({name: chance * shrink for name, chance in drawn.items()})
