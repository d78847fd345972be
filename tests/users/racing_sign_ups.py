"""People of every kind sign up at once, over shared devices and mailboxes, for fewer places than
there are people. Whatever the policy for shared devices, the books must be exact."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from service.core.errors import FareboxError
from service.core.principal import Principal
from service.ledger.entities import OutcomeUnknown, Wallet, WalletBusy, WalletStatus
from service.users import keys as users_keys
from service.users.entities import DevicePolicy, DeviceUse
from service.users.store import sign_up_digests
from tests.doubles.people import cognito, google, session
from tests.doubles.service_harness import ServiceHarness

MAX_USERS_PER_DEVICE = 3
MAX_TRIES = 20
REFUSALS = {"SYSTEM_LIMIT_REACHED", "DEVICE_ALREADY_USED", "EMAIL_ALREADY_USED"}


@dataclass(frozen=True)
class Attempt:
    """Someone's request, and where it is made."""

    who: Principal
    device: str


def attempts(count: int, seed: int) -> list[Attempt]:
    """A third of the mailboxes and a quarter of the devices that would give each a place of their
    own. Every tenth request is one that someone else has made as well."""
    rng = random.Random(seed)
    made = [
        Attempt(_person(rng, number, count), f"device-{rng.randrange(count // 4)}")
        for number in range(count * 9 // 10)
    ]
    return rng.sample(made, len(made)) + rng.choices(made, k=count - len(made))


def _person(rng: random.Random, number: int, count: int) -> Principal:
    mailbox = f"mailbox{rng.randrange(count // 3)}"
    address = rng.choice((f"{mailbox}@gmail.com", f"{mailbox}+x@googlemail.com"))
    subject = str(UUID(int=rng.getrandbits(128)))
    kinds: tuple[Callable[[], Principal], ...] = (
        lambda: google(f"google-{number}", address),
        lambda: cognito(subject, address),
        lambda: session(f"usr_{number:026d}", address),
        lambda: cognito(subject, address, verified=False),
        lambda: google(f"google-{number}", f"{mailbox}{number}@mailinator.com"),
    )
    return rng.choice(kinds)()


@dataclass(frozen=True)
class Raced:
    """What came of each attempt: a wallet, or an error."""

    world: ServiceHarness
    attempts: list[Attempt]
    outcomes: list[Any]

    def faults(self, max_users: int) -> Iterator[str]:
        """What is wrong, a sentence each."""
        yield from (f"{each.item}: {each.what}" for each in self.world.audit().violations)
        yield from self._outcome_faults()
        users = self._users()
        is_full = "SYSTEM_LIMIT_REACHED" in self.codes()
        if self.world.count() != len(users) or len(users) > max_users:
            yield f"count is {self.world.count()}, there are {len(users)} users for {max_users}"
        if is_full and len(users) != max_users:
            yield f"refused for the limit with {max_users - len(users)} places left"
        yield from self._device_faults(users)

    def codes(self) -> Counter[str]:
        return Counter(each.code for each in self.outcomes if isinstance(each, FareboxError))

    def _users(self) -> dict[str, Wallet]:
        names = {attempt.who.subject for attempt in self.attempts}
        found = {name: self.world.ledger.read_snapshot(name).wallet for name in sorted(names)}
        return {name: wallet for name, wallet in found.items() if wallet is not None}

    def _outcome_faults(self) -> Iterator[str]:
        for attempt, outcome in zip(self.attempts, self.outcomes, strict=True):
            name = attempt.who.subject
            if isinstance(outcome, Wallet):
                continue
            if getattr(outcome, "code", "") not in REFUSALS:
                yield f"{name}: {type(outcome).__name__}: {outcome}"

    def _device_faults(self, users: dict[str, Wallet]) -> Iterator[str]:
        """One welcome for each device, and no more users than a device may have: every one of them
        is known to have one. The audit has compared the claims with the profiles."""
        on_device, welcomed, shared = Counter[str](), Counter[str](), Counter[str]()
        for name, wallet in users.items():
            item = self.world.table.get(users_keys.profile(name))
            digests = sign_up_digests(item or {})
            if digests.device is None:
                yield f"{name} takes a place on no device"
                continue
            on_device[digests.device] += 1
            welcomed[digests.device] += wallet.granted > 0
            shared[digests.device] += digests.use is DeviceUse.SHARED
            if wallet.status is WalletStatus.FROZEN and wallet.granted:
                yield f"{name} is under review, and has credits"
        if welcomed and max(welcomed.values()) > 1:
            yield "two users were welcomed with one device"
        is_refused = self.world.users._rules.device_policy is DevicePolicy.REFUSE
        if is_refused and max(shared.values(), default=0):
            yield "a device is shared, which is to be refused"
        if max(on_device.values(), default=0) > MAX_USERS_PER_DEVICE:
            yield f"{max(on_device.values())} users signed up with one device"


def _outcome(world: ServiceHarness, attempt: Attempt) -> Any:
    try:
        return world.users.sign_up(attempt.who, world.users.digests(attempt.device)).wallet
    except Exception as error:
        return error


def race(world: ServiceHarness, wanted: list[Attempt]) -> Raced:
    """All at once. Whoever is refused because too much is happening tries again, as a client
    does."""
    outcomes: list[Any] = [None] * len(wanted)
    start = threading.Barrier(len(wanted))

    def run(place: int) -> None:
        start.wait()
        for _ in range(MAX_TRIES):
            outcomes[place] = _outcome(world, wanted[place])
            if not isinstance(outcomes[place], WalletBusy | OutcomeUnknown):
                return

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Raced(world, wanted, outcomes)
