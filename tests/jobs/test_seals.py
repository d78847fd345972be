"""The seals of jobs and keys as every release before has written them."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.jobs import keys, store
from service.jobs.store import KeyUse

KEY = b"k" * 32
DIGEST = "ab" * 32
HELD: Mapping[str, Any] = {
    "PK": "USER#ann",
    "SK": "JOB#job_01",
    "operation": "kling:image2video",
    "held": 2,
    "priceVersion": "4cc84d4d",
    "allocation": ((100, "f", 2, 0),),
    "payload": {"promptKey": "foo", "imageLength": 40},
    "createdAt": "2026-09-21T14:13:20.000Z",
}
OPEN = {"device": ("dev",), "submitUntil": 1_790_000_024_000, "hardAt": 1_790_086_400_000}
OF_KEY = {"key": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6vNzc3Nzc3Nzc3Nzc3Nzc3N"}
RUNNING = {"task_id": "task-1", "task_status": "processing", "created_at": 1}
DELIVERED: Mapping[str, Any] = {
    "taskId": "task-1",
    "provider": {
        "task_id": "task-1",
        "task_status": "succeed",
        "videos": ({"id": "v", "duration": "5"},),
    },
    "result": {"videoUrl": "https://v.example.com/1.mp4", "videoExpiresAt": 5},
    "usage": {"videos": 1},
}
UNRESOLVED = {"status": "FAILED", "actor": "bob", "error": "PROVIDER_UNRESOLVED"}
ITEMS: Mapping[str, Mapping[str, Any]] = {
    "held": {**OPEN, **OF_KEY, "status": "SUBMITTING", "mac": "pA39RL3dY3VLFk5ULOSPNQ"},
    "recorded": {
        **OPEN,
        **OF_KEY,
        "status": "SUBMITTED",
        "taskId": "task-1",
        "provider": RUNNING,
        "mac": "2nbHHf5DkK2TLiHlzZA0Iw",
    },
    "captured": {
        **OF_KEY,
        **DELIVERED,
        "status": "SUCCEEDED",
        "captured": 1,
        "providerCost": {"micros": 7, "currency": "USD"},
        "mac": "0oss-73yZaUQe9kwhU2sjQ",
    },
    "released": {**UNRESOLVED, "mac": "ucnuBB2UzigYBz4d3U5HUg"},
    "delivered uncharged": {
        **UNRESOLVED,
        **DELIVERED,
        "houseLoss": 2,
        "mac": "LnySVZeTWvTyoLDT96fjFA",
    },
}
MOVING = {"GSI2PK": "DUE#0", "GSI2SK": "1790000000000", "notFoundAt": 1, "watchUntil": 2}


@pytest.mark.parametrize("name", ITEMS)
def test_a_job_of_an_earlier_release_is_still_sealed(name: str) -> None:
    """One whose seal does not hold is not settled, and its credits stay held. So whoever changes
    what a seal covers must do it in two releases (runbook, Deploy), not here."""
    assert store.is_sealed(store.job_from({**HELD, **ITEMS[name]}), KEY)


@pytest.mark.parametrize("name", ITEMS)
def test_what_moves_alone_breaks_no_seal(name: str) -> None:
    assert store.is_sealed(store.job_from({**HELD, **ITEMS[name], **MOVING}), KEY)


@pytest.mark.parametrize("name", ITEMS)
def test_a_job_without_a_seal_is_not_sealed(name: str) -> None:
    """Or removing it would do instead of forging it."""
    item = {name: value for name, value in ITEMS[name].items() if name != "mac"}
    assert not store.is_sealed(store.job_from({**HELD, **item}), KEY)


def test_a_key_of_an_earlier_release_is_still_sealed() -> None:
    use = KeyUse("job_01", "cd" * 16, "9ktGDlAus1dus9iriy7ZTA")
    assert store.is_key_sealed(keys.bound("ann", DIGEST), use, KEY)
