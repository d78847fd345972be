"""How long requests take that must show nothing by it, with hashes as dear as in production and
over DynamoDB Local. Every kind of request is sent in turn, in random order, so that whatever else
the machine does meets all of them alike.

Sign-ins that fail are measured without being held back, for that would hide what their hash costs.
Registrations and resets are held back, as the service holds back all of them, although for less
long: DynamoDB Local takes a tenth of a millisecond longer for an item than for none."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from service.app import create_app
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import OTHER_PASSWORD, PASSWORD

TOLERANCE = 0.05
DAYS = 2 * 24 * 3600.0
KNOWN, UNVERIFIED, UNKNOWN = "known@example.org", "waiting@example.org", "nobody@example.org"
WARM_UP = 20
HELD_REGISTRATION_SECONDS, HELD_RESET_SECONDS = 0.1, 0.05


@dataclass(frozen=True)
class Timings:
    """The seconds of each kind of request, in the order in which they were sent."""

    seconds: Mapping[str, Sequence[float]]

    def medians(self) -> dict[str, float]:
        return {kind: statistics.median(each) for kind, each in self.seconds.items()}

    def spread(self) -> float:
        """By how much of the fastest median the slowest exceeds it."""
        medians = self.medians().values()
        return max(medians) / min(medians) - 1

    def holds(self) -> bool:
        return self.spread() <= TOLERANCE


class RunningClock:
    """The machine's clock, further ahead each time a test moves it. Sleeping waits."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> int:
        return round(1000 * (time.time() + self._ahead))

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Requests:
    """Sends requests to the application, each as the first of its day from a network of its own:
    what slows guessing down is not the subject. Responses are held back for `held_seconds`."""

    def __init__(self, client: Any, table_name: str, held_seconds: float) -> None:
        self.world = ServiceHarness(
            client, table_name, clock=RunningClock(), password_response_seconds=held_seconds
        )
        self._client: FlaskClient = create_app(self.world.parts).test_client()

    def log_in(self, email: str) -> float:
        return self._post("/auth/login", 401, email=email, password=OTHER_PASSWORD)

    def register(self, email: str) -> float:
        fields = {"email": email, "password": PASSWORD, "Fingerprint": "device-4be1"}
        return self._post("/auth/register", 202, **fields)

    def forget(self, email: str) -> float:
        return self._post("/auth/password/forgot", 202, email=email)

    def _post(self, path: str, status: int, **fields: Any) -> float:
        self.world.clock.advance(DAYS)
        started = time.perf_counter()
        response = self._client.post(path, json=fields)
        seconds = time.perf_counter() - started
        assert response.status_code == status, response.text
        return seconds


def measured(send: Callable[[str], float], emails: Sequence[str], tries: int) -> Timings:
    """That many requests for each address, after some that no one counts."""
    order = random.Random(1)
    for email in emails * WARM_UP:
        send(email)
    seconds: dict[str, list[float]] = {email: [] for email in emails}
    for _ in range(tries):
        for email in order.sample(emails, len(emails)):
            seconds[email].append(send(email))
    return Timings(seconds)
