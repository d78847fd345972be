"""The flows: what happens first, and what is then done under faults. Effects come from playing
them, never from here."""

from collections.abc import Callable
from dataclasses import dataclass, field

from service.core.principal import Principal
from service.ledger.entities import LotKind, Movement, grant
from service.ledger.operations import CompanionWrites, Snapshot
from tests.doubles.service_harness import HOUR, ServiceHarness
from tests.faults.enumeration.stage import DEVICE, FAILING_IMAGE, USER, Habits, Scene
from tests.faults.library.effects import Kind, fault

KEY = "key-1"
LOT_LIFE = HOUR


def _known_user(scene: Scene) -> None:
    world = scene.process()
    world.users.sign_up(
        Principal("https://accounts.google.com", USER, f"{USER}@example.com"),
        world.users.digests(DEVICE),
    )


@dataclass(frozen=True)
class Flow:
    """`begin` prepares the table, undisturbed; `play` is what faults are tried on; the worker then
    settles all there is."""

    name: str
    play: Callable[[Scene], None]
    begin: Callable[[Scene], None] = _known_user
    habits: Habits = field(default_factory=Habits)
    keyed: bool = False
    lapsing: int = 0


def _nobody(scene: Scene) -> None:
    """An empty table."""


def _lot_that_ends(scene: Scene) -> None:
    _known_user(scene)
    _granted(scene.process())


def _lapsed_lot(scene: Scene) -> None:
    _lot_that_ends(scene)
    scene.wait(LOT_LIFE / 1000 + 400)


def _granted(world: ServiceHarness) -> None:
    def decide(snapshot: Snapshot, now: int) -> Movement:
        assert snapshot.wallet is not None
        return grant(snapshot.wallet, LotKind.FREE, 1, now + LOT_LIFE, "promotion", now)

    world.ledger.move(
        USER, decide, CompanionWrites(writes=lambda _: [], was_committed=lambda: False)
    )


def _once(scene: Scene) -> None:
    scene.submit()


def _failing(scene: Scene) -> None:
    scene.submit(image=FAILING_IMAGE)


def _failing_past_the_lot(scene: Scene) -> None:
    scene.wait(LOT_LIFE / 1000 - 30)
    scene.submit(image=FAILING_IMAGE)


def _in_the_last_moment_of_the_lot(scene: Scene) -> None:
    scene.wait(LOT_LIFE / 1000 - 2)
    scene.submit()


def _refused(scene: Scene) -> None:
    scene.vendor.refuse("status:400:1301", 1)
    scene.submit(KEY)
    scene.submit(KEY, step="retry")


def _busy_once(scene: Scene) -> None:
    scene.vendor.refuse("status:429:1303", 1)
    scene.submit()


def _busy_then_successor(scene: Scene) -> None:
    scene.vendor.refuse("status:429:1302", 3)
    scene.submit(KEY)
    scene.submit(KEY, step="retry")


def _called_back(scene: Scene) -> None:
    scene.submit()
    scene.wait(61)
    scene.handle_callback()


def _retried_at_once(scene: Scene) -> None:
    scene.submit(KEY)
    scene.submit(KEY, step="retry")


def _retried_when_all_is_over(scene: Scene) -> None:
    scene.submit(KEY)
    scene.settle()
    scene.submit(KEY, step="retry")


def _from_a_new_device(scene: Scene) -> None:
    scene.submit(device="tablet")


def _looked_at_early_and_late(scene: Scene) -> None:
    """Somebody looks while the job may still be sent; the worker comes back only when the
    quarantine is over."""
    scene.submit()
    scene.look_by_hand()
    scene.wait(1000)


def _unheard(name: str) -> Habits:
    return Habits(own={Kind.CREATE: fault(Kind.CREATE, name)})


MAIN = Flow("delivered", _once)
FLOWS = (
    MAIN,
    Flow("sign-up", _retried_at_once, _nobody, keyed=True),
    Flow("failed", _failing),
    Flow("refused", _refused, keyed=True),
    Flow("busy-once", _busy_once),
    Flow("busy-then-successor", _busy_then_successor, keyed=True),
    Flow("callback", _called_back, habits=Habits(callbacks=True)),
    Flow("retry-at-once", _retried_at_once, keyed=True),
    Flow("retry-when-all-is-over", _retried_when_all_is_over, keyed=True),
    Flow("new-device", _from_a_new_device),
    Flow("lapsed-lot", _once, _lapsed_lot, lapsing=1),
    Flow(
        "lot-ends-while-held",
        _failing_past_the_lot,
        _lot_that_ends,
        Habits(welcome_credits=0),
        lapsing=1,
    ),
    Flow(
        "last-moment-of-a-lot",
        _in_the_last_moment_of_the_lot,
        _lot_that_ends,
        Habits(welcome_credits=0),
        lapsing=1,
    ),
    Flow("answer-lost", _once, habits=_unheard("lost-answer")),
    Flow("never-arrived", _once, habits=_unheard("lost-request")),
    Flow("worker-away", _looked_at_early_and_late, habits=_unheard("lost-request")),
    Flow("late-success", _once, habits=_unheard("late-after-the-release")),
)


def flow(name: str) -> Flow:
    """Raises `LookupError`."""
    for each in FLOWS:
        if each.name == name:
            return each
    raise LookupError(f"there is no flow {name!r}")
