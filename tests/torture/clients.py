"""Clients that behave like apps: they submit videos, repeat a request without a final response
under the same key, poll, and read their credits."""

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
from service.jobs.entities import RETRYABLE
from service.ledger.entities import InsufficientCredits, OutcomeUnknown, TooManyWaiting, WalletBusy
from service.storage.table import StorageUnavailable
from service.videos.entities import ContentRejected, ImageRejected
from tests.stack.killable_stack import KillableStack, Web
from tests.torture.notes import JobResponse, Notes, Total

TIMEOUT_SECONDS = 10.0
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
_REFUSALS_WITH_A_JOB = {ImageRejected.code, ContentRejected.code, *RETRYABLE}
HONEST = {(200, ""), (403, InsufficientCredits.code)}
"""What a well-behaved client may get at any time, besides passing errors and refusals of the
vendor."""


class Traffic:
    """Which requests are in flight to which web group, and how many got a response, so that a kill
    can hit a request, and comes after some work on a machine of any speed."""

    def __init__(self, webs: Sequence[Web]) -> None:
        self._changed = threading.Condition()
        self._open = {web.url: 0 for web in webs}
        self._begun = {web.url: 0 for web in webs}
        self._responded = {web.url: 0 for web in webs}

    def begin(self, url: str) -> None:
        with self._changed:
            self._open[url] += 1
            self._begun[url] += 1
            self._changed.notify_all()

    def end(self, url: str, *, responded: bool) -> None:
        """`responded`: with anything but a fault of the service."""
        with self._changed:
            self._open[url] -= 1
            self._responded[url] += responded
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

    def await_responses(self, webs: Sequence[Web], orders: int, seconds: float) -> None:
        """Returns when those groups together have responded to so many orders, or when the time is
        over."""
        with self._changed:
            wanted = sum(self._responded[web.url] for web in webs) + orders
            self._changed.wait_for(
                lambda: sum(self._responded[web.url] for web in webs) >= wanted, seconds
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
        site: KillableStack,
        notes: Notes,
        traffic: Traffic,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._random = Random(f"{seed} {name}")
        self._site = site
        self._notes = notes
        self._traffic = traffic
        self._stop_event = stop
        self._persons = 0

    def run(self) -> None:
        with ThreadPoolExecutor(1) as second_thread:
            while not self._stop_event.is_set():
                try:
                    person = self._new_person()
                    while not (
                        person.dry or person.orders >= MAX_ORDERS or self._stop_event.is_set()
                    ):
                        self._order(person, second_thread)
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

    def _order(self, person: Person, second_thread: ThreadPoolExecutor) -> None:
        """Requests one video until the response is final, and does what an app does around it."""
        person.orders += 1
        key = f"key-{person.orders}" if self._random.random() < WITH_KEY else None
        self._notes.requested(person.user, key)
        twin = (
            second_thread.submit(self._post, person, key, 1)
            if key and self._random.random() < TWIN
            else None
        )
        outcome = self._post_until_final(person, key)
        if twin:
            twin.result()
        if key:
            person.keys.append(key)
        if outcome and outcome.job_id and outcome.status == 200:
            self._get(person, f"/jobs/{outcome.job_id}?wait={self._random.choice((0, 0, 1, 2))}")
        person.dry = outcome is not None and outcome.code == InsufficientCredits.code
        self._read_everything(person)

    def _read_everything(self, person: Person) -> None:
        if person.keys and self._random.random() < REPEAT:
            self._post(person, self._random.choice(person.keys), self._random.randrange(2))
        self._credits(person)
        self._pause(self._random.uniform(0, 0.3))

    def _post_until_final(self, person: Person, key: str | None) -> JobResponse | None:
        """Without a key a request cannot be repeated: one try. Returns the last response, None if
        there was none."""
        outcome, first = None, self._random.randrange(2)
        for attempt in range(MAX_TRIES if key else 1):
            outcome = self._post(person, key, first + attempt)
            if self._stop_event.is_set() or not _is_passing(outcome):
                return outcome
            self._pause(self._random.uniform(0.05, 0.5))
        return outcome

    def repeat_request(self, person: Person, key: str) -> JobResponse | None:
        """The response to a key that was used before, once no more faults are injected; None if
        there was none."""
        outcome = None
        for attempt in range(MAX_TRIES):
            outcome = self._submit(person, key, attempt)
            if not _is_passing(outcome):
                return outcome
            self._pause(0.5)
        return outcome

    def _post(self, person: Person, key: str | None, place: int) -> JobResponse | None:
        """None if there was no response."""
        device = (
            "second" if self._random.random() < SECOND_DEVICE and person.orders > 1 else "first"
        )
        return self._submit(person, key, place, device)

    def _submit(
        self, person: Person, key: str | None, place: int, device: str = "first"
    ) -> JobResponse | None:
        """One order sent once to one of the web groups."""
        body = {
            "GoogleID": person.user,
            "Fingerprint": f"{device}-device-of-{person.user}",
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        }
        url = self._site.webs[place % len(self._site.webs)].url
        headers = person.authorization | ({"Idempotency-Key": key} if key else {})
        response = self._send("POST", url, "/videos", body, headers)
        return self._noted(person, key, response)

    def _get(self, person: Person, path: str) -> None:
        response = self._send(
            "GET", self._random.choice(self._site.webs).url, path, None, person.authorization
        )
        self._noted(person, None, response)

    def _noted(
        self, person: Person, key: str | None, response: Response | None
    ) -> JobResponse | None:
        if response is None:
            return None
        outcome = self._notes.responded(person.user, key, response)
        vendors_word = outcome.code in _REFUSALS_WITH_A_JOB and bool(outcome.job_id)
        if (
            (outcome.status, outcome.code) not in HONEST
            and outcome.code not in _PASSING
            and not vendors_word
        ):
            self._notes.strange.append(
                f"{person.user} got {outcome.status} {outcome.code}: {response.body[:300]!r}"
            )
        return outcome

    def _credits(self, person: Person) -> None:
        response = self._send(
            "GET", self._random.choice(self._site.webs).url, "/credits", None, person.authorization
        )
        if response is None or response.status != 200:
            return
        content = response.json()["data"]
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
        """None when the connection broke or the response did not come in time."""
        self._notes.count("requests")
        response = None
        if body:
            self._traffic.begin(url)
        try:
            response = call(method, url + path, body, headers, TIMEOUT_SECONDS)
        except OSError:
            self._notes.count("unanswered")
        finally:
            if body:
                self._traffic.end(url, responded=response is not None and response.status < 500)
        return response

    def _pause(self, seconds: float) -> None:
        time.sleep(min(seconds, 1.0))


def _is_passing(outcome: JobResponse | None) -> bool:
    """Whether the same request may get another response in a moment."""
    return outcome is None or outcome.status in (429, 503)
