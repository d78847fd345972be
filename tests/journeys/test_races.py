"""Everybody at once: the cap, the wallet and the key hold, in one web process and over two that
share only the table."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from tests.stack.live_stack import LiveStack, at_once, new_key
from tests.stack.times import LONG_TIMES

# No video finishes on its own, so that only the race decides.
SIMULATOR = {"video_seconds": 600.0, "kling_concurrency": 10_000}
CALL_WAIT_SECONDS = 40.0
LOCK_WAIT_SECONDS = 200.0

one_process_and_two = pytest.mark.parametrize("processes", [1, 2])


@pytest.fixture
def race(
    start: Callable[..., LiveStack], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[LiveStack, list[str]]]:
    """A stack, and the addresses of its web servers."""
    monkeypatch.setattr("service.storage.table.CALL_WAIT_SECONDS", CALL_WAIT_SECONDS)
    monkeypatch.setattr("service.ledger.feature.WAIT_LIMIT_SECONDS", LOCK_WAIT_SECONDS)

    def begin(processes: int, **settings: Any) -> tuple[LiveStack, list[str]]:
        stack = start(clock=SystemClock(), simulator=SIMULATOR, **LONG_TIMES, **settings)
        return stack, [stack.url, *(stack.open_app() for _ in range(processes - 1))]

    return begin


def outcomes(responses: Sequence[requests.Response]) -> dict[tuple[int, str], int]:
    """The number of responses by status and code (`""` for success)."""
    return Counter(
        (response.status_code, response.json().get("code", "")) for response in responses
    )


def jobs_of(responses: Sequence[requests.Response]) -> set[str]:
    return {
        response.json()["data"]["jobId"] for response in responses if response.status_code == 200
    }


def keys_of(stack: LiveStack, prefix: str, part: str = "SK") -> list[dict[str, Any]]:
    return [item for item in stack.items() if item[part]["S"].startswith(prefix)]


def holds(stack: LiveStack) -> list[str]:
    """The job of every HOLD in every ledger."""
    return [item["ref"]["S"] for item in keys_of(stack, "ENTRY#") if item["kind"]["S"] == "HOLD"]


def orders_in_books(stack: LiveStack) -> list[str]:
    """Our job ids in the vendor's own books."""
    return [task["external_task_id"] for task in stack.tasks()]


def deliver(stack: LiveStack) -> None:
    """Lets every video be made and every job end, and proves the whole table against the vendor's
    books."""
    stack.finish_videos()
    stack.until(lambda: all(item["status"]["S"] == "SUCCEEDED" for item in keys_of(stack, "JOB#")))
    stack.assert_proved()


# Sign-up.


@one_process_and_two
@pytest.mark.timeout(300)
def test_200_strangers_with_60_devices_race_for_33_places_and_exactly_33_get_in(
    race: Callable[..., tuple[LiveStack, list[str]]], processes: int
) -> None:
    stack, urls = race(processes)
    subs = [f"stranger-{number}" for number in range(200)]
    tokens = stack.tokens(subs)
    devices = [f"device-{number % 60}" for number in range(200)]
    responses = at_once(
        [
            stack.prepared_post(sub, tokens[sub], device=device, url=urls[number % processes])
            for number, (sub, device) in enumerate(zip(subs, devices, strict=True))
        ]
    )
    counted = outcomes(responses)
    assert set(counted) <= {(200, ""), (403, "SYSTEM_LIMIT_REACHED"), (403, "DEVICE_ALREADY_USED")}
    assert counted[200, ""] == 33
    winners = {
        sub: device
        for sub, device, response in zip(subs, devices, responses, strict=True)
        if response.ok
    }
    assert len(set(winners.values())) == 33
    assert stack.count() == 33
    assert {item["PK"]["S"] for item in keys_of(stack, "METADATA")} == {
        f"USER#{sub}" for sub in winners
    }
    claims = keys_of(stack, "FINGERPRINT#", "PK")
    assert sorted(claim["userId"]["S"] for claim in claims) == sorted(winners)
    assert len(keys_of(stack, "IDENTITY#", "PK")) == 33
    assert sorted(orders_in_books(stack)) == sorted(holds(stack)) == sorted(jobs_of(responses))
    deliver(stack)


@one_process_and_two
def test_20_first_requests_with_one_key_for_the_last_place_make_one_user_and_one_job(
    race: Callable[..., tuple[LiveStack, list[str]]], processes: int
) -> None:
    stack, urls = race(processes, max_users=1)
    token, key = stack.token(), new_key()
    responses = at_once(
        [
            stack.prepared_post("ann", token, key=key, url=urls[turn % processes])
            for turn in range(20)
        ]
    )
    assert outcomes(responses) == {(200, ""): 20}
    assert len(jobs_of(responses)) == 1
    assert holds(stack) == orders_in_books(stack) == list(jobs_of(responses))
    assert (stack.count(), stack.credits()) == (1, (2, 1))
    deliver(stack)


@one_process_and_two
@pytest.mark.parametrize("devices", [1, 20])
def test_20_first_requests_with_a_key_each_for_the_last_place_spend_one_welcome(
    race: Callable[..., tuple[LiveStack, list[str]]], processes: int, devices: int
) -> None:
    stack, urls = race(processes, max_users=1)
    token = stack.token()
    responses = at_once(
        [
            stack.prepared_post(
                "ann",
                token,
                device=f"phone-{turn % devices}",
                key=new_key(),
                url=urls[turn % processes],
            )
            for turn in range(20)
        ]
    )
    assert outcomes(responses) == {(200, ""): 3, (403, "INSUFFICIENT_CREDITS"): 17}
    assert sorted(holds(stack)) == sorted(orders_in_books(stack)) == sorted(jobs_of(responses))
    assert (stack.count(), stack.credits()) == (1, (0, 3))
    assert [
        item["amount"]["N"] for item in keys_of(stack, "ENTRY#") if item["kind"]["S"] == "INITIAL"
    ] == ["3"]
    deliver(stack)


# One wallet.


@one_process_and_two
def test_100_requests_on_a_wallet_of_3_hold_exactly_3(
    race: Callable[..., tuple[LiveStack, list[str]]], processes: int
) -> None:
    stack, urls = race(processes, welcome_credits=4)
    first, token = stack.submitted("ann"), stack.token()
    responses = at_once(
        [stack.prepared_post("ann", token, url=urls[turn % processes]) for turn in range(100)]
    )
    assert outcomes(responses) == {(200, ""): 3, (403, "INSUFFICIENT_CREDITS"): 97}
    submitted = {first} | jobs_of(responses)
    assert len(submitted) == 4
    assert sorted(holds(stack)) == sorted(orders_in_books(stack)) == sorted(submitted)
    refusals = [response.json()["details"] for response in responses if not response.ok]
    assert all((details["required"], details["available"]) == (1, 0) for details in refusals)
    assert stack.credits() == (0, 4)
    deliver(stack)
    assert stack.credits() == (0, 0)


@one_process_and_two
def test_100_twins_with_one_key_are_one_job(
    race: Callable[..., tuple[LiveStack, list[str]]], processes: int
) -> None:
    stack, urls = race(processes)
    first, token, key = stack.submitted("ann"), stack.token(), new_key()
    responses = at_once(
        [
            stack.prepared_post("ann", token, key=key, url=urls[turn % processes])
            for turn in range(100)
        ]
    )
    assert outcomes(responses) == {(200, ""): 100}
    [job_id] = jobs_of(responses)
    assert sorted(holds(stack)) == sorted(orders_in_books(stack)) == sorted([first, job_id])
    assert sum("Idempotency-Replayed" not in response.headers for response in responses) == 1
    assert {response.headers["Location"] for response in responses} == {f"/jobs/{job_id}"}
    assert stack.credits() == (1, 2)
    deliver(stack)


@one_process_and_two
def test_twins_whose_job_is_refused_by_a_busy_provider_never_hold_twice_at_once(
    race: Callable[..., tuple[LiveStack, list[str]]], processes: int
) -> None:
    """A busy provider's refusal lets a successor take the key: one after the other, and nothing
    stays held."""
    stack, urls = race(processes)
    stack.submitted("ann")
    stack.fault("create", "status:429:1303", count=-1)
    token, key = stack.token(), new_key()
    responses = at_once(
        [
            stack.prepared_post("ann", token, key=key, url=urls[turn % processes])
            for turn in range(20)
        ]
    )
    assert set(outcomes(responses)) <= {(200, ""), (503, "PROVIDER_BUSY"), (503, "WALLET_BUSY")}
    assert stack.credits() == (2, 1)
    assert len(stack.tasks()) == 1
    stack.assert_proved()
