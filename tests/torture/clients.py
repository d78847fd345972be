"""Clients as apps are: they place videos, repeat what was not answered with the same key, poll, and
look at their credits."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from devstack.calls import Response, call
from devstack.errors import LocalSetupError
from devstack.welcome import sign_in
from service.identity.entities import IdentityUnavailable
from service.jobs.entities import RETRYABLE, ContentRejected, ImageRejected
from service.ledger.entities import InsufficientCredits, OutcomeUnknown, TooManyWaiting, WalletBusy
from service.storage.table import StorageUnavailable
from tests.stack.killable_stack import Site, Web
from tests.torture.notes import Notes, Told, Total

PATIENCE_SECONDS = 10.0
MAX_TRIES = 12
MAX_ORDERS = 7
IMAGE = "https://images.example.com/astronaut.jpg"
WITH_KEY, TWIN, REPEAT, SECOND_DEVICE = 0.75, 0.15, 0.3, 0.1

_PASSING = {
    error.code
    for error in (
        IdentityUnavailable,
        OutcomeUnknown,
        StorageUnavailable,
        TooManyWaiting,
        WalletBusy,
    )
}
_TOLD_OF_A_JOB = {ImageRejected.code, ContentRejected.code, *RETRYABLE}
HONEST = {(200, ""), (403, InsufficientCredits.code)}
"""What a well-behaved client may be answered at any time, besides what passes and what the vendor refuses."""


class Traffic:
    """Which orders are on their way to which web group, and how much was answered, so that a kill
    can meet an order, and comes after some work on a machine of any speed."""

    def __init__(self, webs: Sequence[Web]) -> None:
        self._changed = threading.Condition()
        self._open = {web.url: 0 for web in webs}
        self._begun = {web.url: 0 for web in webs}
        self._answered = {web.url: 0 for web in webs}

    def begin(self, url: str) -> None:
        with self._changed:
            self._open[url] += 1
            self._begun[url] += 1
            self._changed.notify_all()

    def end(self, url: str, *, answered: bool) -> None:
        """`answered`: with anything but a fault of the service."""
        with self._changed:
            self._open[url] -= 1
            self._answered[url] += answered
            self._changed.notify_all()

    def is_met(self, web: Web) -> bool:
        """Whether an order is on its way to that group."""
        with self._changed:
            return self._open[web.url] > 0

    def await_next(self, web: Web, seconds: float) -> None:
        """Returns when the next order is sent to that group, or when the time is over."""
        with self._changed:
            before = self._begun[web.url]
            self._changed.wait_for(lambda: self._begun[web.url] != before, seconds)

    def await_answers(self, webs: Sequence[Web], orders: int, seconds: float) -> None:
        """Returns when so many orders have been answered by those groups together, or when the time
        is over."""
        with self._changed:
            wanted = sum(self._answered[web.url] for web in webs) + orders
            self._changed.wait_for(
                lambda: sum(self._answered[web.url] for web in webs) >= wanted, seconds
            )


@dataclass
class Person:
    """One user with three credits, and the keys they have used."""

    user: str
    token: str
    keys: list[str] = field(default_factory=list)
    orders: int = 0
    dry: bool = False

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Client(threading.Thread):
    """One client thread: a person after the other, each until their credits are spent."""

    def __init__(
        self,
        name: str,
        seed: int,
        site: Site,
        notes: Notes,
        traffic: Traffic,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._dice = Random(f"{seed} {name}")
        self._site = site
        self._notes = notes
        self._traffic = traffic
        self._stop_event = stop
        self._persons = 0

    def run(self) -> None:
        with ThreadPoolExecutor(1) as beside:
            while not self._stop_event.is_set():
                try:
                    person = self._new_person()
                    while not (
                        person.dry or person.orders >= MAX_ORDERS or self._stop_event.is_set()
                    ):
                        self._order(person, beside)
                except (LocalSetupError, KeyError, TypeError, ValueError) as error:
                    self._notes.strange.append(
                        f"{self.name} did not understand an answer: {error!r}"
                    )
                    self._pause(1.0)

    def _new_person(self) -> Person:
        self._persons += 1
        user = f"{self.name}-{self._persons}"
        self._notes.count("users")
        return Person(user, self.token(user))

    def token(self, user: str) -> str:
        return sign_in(self._site.ports.simulators_url, user, f"{user}@example.com")

    def _order(self, person: Person, beside: ThreadPoolExecutor) -> None:
        """One video wanted, asked for until the answer is final, and what an app does around it."""
        person.orders += 1
        key = f"key-{person.orders}" if self._dice.random() < WITH_KEY else None
        self._notes.asked(person.user, key)
        twin = (
            beside.submit(self._post, person, key, 1)
            if key and self._dice.random() < TWIN
            else None
        )
        on_segment = self._post_until_answered(person, key)
        if twin:
            twin.result()
        if key:
            person.keys.append(key)
        if on_segment and on_segment.job_id and on_segment.status == 200:
            self._get(person, f"/jobs/{on_segment.job_id}?wait={self._dice.choice((0, 0, 1, 2))}")
        person.dry = on_segment is not None and on_segment.code == InsufficientCredits.code
        self._look_around(person)

    def _look_around(self, person: Person) -> None:
        if person.keys and self._dice.random() < REPEAT:
            self._post(person, self._dice.choice(person.keys), self._dice.randrange(2))
        self._credits(person)
        self._pause(self._dice.uniform(0, 0.3))

    def _post_until_answered(self, person: Person, key: str | None) -> Told | None:
        """Without a key nobody can repeat: one try. The last answer; None: none came."""
        on_segment, first = None, self._dice.randrange(2)
        for attempt in range(MAX_TRIES if key else 1):
            on_segment = self._post(person, key, first + attempt)
            if self._stop_event.is_set() or not _is_passing(on_segment):
                return on_segment
            self._pause(self._dice.uniform(0.05, 0.5))
        return on_segment

    def ask_again(self, person: Person, key: str) -> Told | None:
        """The answer to a key that was used before, once nothing disturbs any more; None: none
        came."""
        on_segment = None
        for attempt in range(MAX_TRIES):
            on_segment = self._ask(person, key, attempt)
            if not _is_passing(on_segment):
                return on_segment
            self._pause(0.5)
        return on_segment

    def _post(self, person: Person, key: str | None, place: int) -> Told | None:
        """None: no answer came."""
        device = "second" if self._dice.random() < SECOND_DEVICE and person.orders > 1 else "first"
        return self._ask(person, key, place, device)

    def _ask(
        self, person: Person, key: str | None, place: int, device: str = "first"
    ) -> Told | None:
        """One order sent once to one of the web groups."""
        body = {
            "GoogleID": person.user,
            "Fingerprint": f"{device}-device-of-{person.user}",
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        }
        url = self._site.webs[place % len(self._site.webs)].url
        headers = person.authorization | ({"Idempotency-Key": key} if key else {})
        answer = self._send("POST", url, "/videos", body, headers)
        return self._noted(person, key, answer)

    def _get(self, person: Person, path: str) -> None:
        answer = self._send(
            "GET", self._dice.choice(self._site.webs).url, path, None, person.authorization
        )
        self._noted(person, None, answer)

    def _noted(self, person: Person, key: str | None, answer: Response | None) -> Told | None:
        if answer is None:
            return None
        on_segment = self._notes.heard(person.user, key, answer)
        vendors_word = on_segment.code in _TOLD_OF_A_JOB and bool(on_segment.job_id)
        if (
            (on_segment.status, on_segment.code) not in HONEST
            and on_segment.code not in _PASSING
            and not vendors_word
        ):
            self._notes.strange.append(
                f"{person.user} was answered {on_segment.status} {on_segment.code}: {answer.body[:300]!r}"
            )
        return on_segment

    def _credits(self, person: Person) -> None:
        answer = self._send(
            "GET", self._dice.choice(self._site.webs).url, "/credits", None, person.authorization
        )
        if answer is None or answer.status != 200:
            return
        content = answer.json()["data"]
        if content["registered"]:
            self._notes.totals.append(Total(person.user, content["credits"], content["held"]))

    def _send(
        self,
        method: str,
        url: str,
        path: str,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str],
    ) -> Response | None:
        """None when the connection broke or the answer did not come in time."""
        self._notes.count("requests")
        answer = None
        if body:
            self._traffic.begin(url)
        try:
            answer = call(method, url + path, body, headers, PATIENCE_SECONDS)
        except OSError:
            self._notes.count("unanswered")
        finally:
            if body:
                self._traffic.end(url, answered=answer is not None and answer.status < 500)
        return answer

    def _pause(self, seconds: float) -> None:
        time.sleep(min(seconds, 1.0))


def _is_passing(on_segment: Told | None) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    return on_segment is None or on_segment.status in (429, 503)
