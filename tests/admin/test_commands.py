"""The commands that call the operators' API: over HTTP, signed, against the service itself."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.admin import client as admin_client
from service.admin.client import (
    AdminClient,
    KeyUnusable,
    NoResponse,
    key_of_secret,
    key_of_text,
)
from service.core.clock import SystemClock, iso
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import OPERATORS_SECRET, PRIVATE_KEY, SHARED_SECRET
from tests.faults.enumeration.tables import MemoryBehind

PRIVATE_TEXT = base64.b64encode(
    PRIVATE_KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
).decode()
KEYS = [f"machine:hmac-sha256:{SHARED_SECRET}", f"laptop:ed25519:{PRIVATE_TEXT}"]


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """In real time: a command reads the clock of its machine."""
    world = ServiceHarness(memory, memory.name, clock=SystemClock())
    world.submit("ann")
    return world


REASON = ("--reason", "for a test")


def last(out: str) -> str:
    """What the command printed: before it stands the log of the service, in this process too."""
    return out.splitlines()[-1]


@pytest.mark.parametrize("key", KEYS)
def test_credits_are_added_and_taken(
    farebox: Any, world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("FAREBOX_KEY", key)
    code, out, _ = farebox("grant", "ann", "5.125", *REASON, "--kind", "paid")
    assert (code, last(out)) == (
        0,
        "adjust is action 1 of the log: available 7.125, held 1, status open, disabled False",
    )
    assert farebox("take", "ann", "0.125", *REASON)[0] == 0
    assert world.balance()[0] == 7
    code, _, messages = farebox("take", "ann", "8", *REASON)
    assert code == 1
    assert messages.startswith("INSUFFICIENT_CREDITS: This takes 8 and 7 are available. (request ")


def test_amounts_are_printed_to_the_thousandth(farebox: Any) -> None:
    for amount in ("876.543", "900.001"):
        assert farebox("grant", "ann", amount, *REASON)[0] == 0
    assert "1778.544" in farebox("user", "ann")[1]
    assert farebox("take", "ann", "1000", *REASON)[0] == 0
    assert "876.543" in farebox("actions", "ann")[1]


def test_every_command_reaches_its_route(farebox: Any, world: ServiceHarness) -> None:
    assert farebox("grant", "ann", "5", *REASON, "--expires", "2099-01-31T12:00:00Z")[0] == 0
    lot = world.wallet().lots[-1].lot_id
    assert farebox("edit-lot", "ann", lot, *REASON, "--expires", "never")[0] == 0
    assert farebox("void", "ann", lot, *REASON)[0] == 0
    assert farebox("freeze", "ann", *REASON)[0] == 0
    assert farebox("thaw", "ann", *REASON)[0] == 0
    code, _, messages = farebox("disable", "ann", *REASON)
    assert (code, "cancel it in Stripe" in messages) == (0, True)
    assert farebox("enable", "ann", *REASON)[0] == 0
    assert farebox("note", "ann", *REASON)[0] == 0
    code, out, _ = farebox("actions", "ann")
    assert code == 0
    switches = "freeze", "thaw", "disable", "enable"
    for name in ("adjust", "edit", "void", *switches, "note", "key:machine", "for a test"):
        assert name in out
    assert farebox("actions")[0] == 0
    assert world.audit().violations == ()


def test_prices_are_scheduled_listed_and_cancelled(farebox: Any, world: ServiceHarness) -> None:
    operation, at = "kling:image2video", iso(world.clock.now() + 600_000)
    later = iso(world.clock.now() + 700_000)
    code, out, _ = farebox("price", operation, "2.5", "--at", at, *REASON)
    assert (code, last(out)) == (
        0,
        f"schedule price is action 1 of the log: price 2.5 credits from {at}",
    )
    rates = ("--rate", "perSecond=0.000125", "--rate", "perImage=1", "--maximum", "20")
    code, out, _ = farebox("price", operation, "--at", later, *rates, *REASON)
    assert (code, last(out)) == (
        0,
        "schedule price is action 2 of the log: price perSecond 0.000125, perImage 1, maximum 20 "
        f"from {later}",
    )
    assert farebox("cancel-price", operation, at, *REASON)[0] == 0
    code, out, _ = farebox("prices", operation)
    assert code == 0
    rows = [line for line in out.splitlines() if line.startswith("│") and "key:machine" in line]
    assert [("perSecond 0.0" in row, "for a test" in row) for row in rows] == [
        (True, True),
        (False, True),
    ]
    code, _, messages = farebox("cancel-price", operation, at, *REASON)
    assert (code, "PRICE_NOT_PENDING" in messages) == (1, True)


@pytest.mark.parametrize("rate", ["perSecond", "perSecond=", "perSecond=1e3", "=1x"])
def test_a_rate_that_is_none_calls_nothing(farebox: Any, rate: str) -> None:
    with pytest.raises(SystemExit):
        farebox("price", "a:b", "--at", "2027-01-31T12:00:00Z", "--rate", rate, *REASON)


def test_json_is_the_response_itself(farebox: Any) -> None:
    code, out, _ = farebox("grant", "ann", "5", *REASON, "--json")
    assert (code, json.loads(last(out))["data"]["available"]) == (0, 7)
    code, out, _ = farebox("freeze", "nobody", *REASON, "--json")
    assert (code, json.loads(last(out))["code"]) == (1, "USER_NOT_FOUND")


def test_the_same_key_does_nothing_twice(farebox: Any, world: ServiceHarness) -> None:
    for _ in range(2):
        assert farebox("grant", "ann", "5", *REASON, "--idempotency-key", "once")[0] == 0
    assert world.balance()[0] == 7


@pytest.mark.parametrize("amount", ["0", "-1", "0.0001", "many", "1e3"])
def test_an_amount_that_is_none_calls_nothing(farebox: Any, amount: str) -> None:
    with pytest.raises(SystemExit) as ended:
        farebox("grant", "ann", "--reason", "x", "--", amount)
    assert ended.value.code == 2


def test_user_ids_cannot_leave_their_place_in_the_path(farebox: Any) -> None:
    code, _, messages = farebox("freeze", "../actions?x=1#", *REASON)
    assert (code, messages[:15]) == (1, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("key", ["", "machine", "machine:rsa:x", "machine:ed25519:AAAA", "a:b"])
def test_without_a_usable_key_nothing_is_called(
    farebox: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("FAREBOX_KEY", key)
    code, _, messages = farebox("freeze", "ann", *REASON)
    assert code == 2
    assert messages.startswith("KeyUnusable: ")


def test_a_service_that_is_not_there_is_one_sentence_with_the_key_to_repeat(
    farebox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAREBOX_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(admin_client, "PAUSE_SECONDS", 0.01)
    code, _, messages = farebox("freeze", "ann", *REASON, "--idempotency-key", "k")
    assert code == 2
    assert "--idempotency-key k" in messages


def test_a_lost_response_is_requested_again_under_the_same_key_with_another_nonce() -> None:
    sent: list[dict[str, str]] = []

    def send(method: str, url: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        sent.append(dict(headers))
        if len(sent) == 1:
            raise NoResponse
        return (503, b"{}") if len(sent) == 2 else (200, b'{"data": 1}')

    client = AdminClient("http://127.0.0.1:1/", key_of_text(KEYS[0]), send, FakeClock())
    assert client.post("/admin/x", {}, "key").data == 1
    assert {headers["Idempotency-Key"] for headers in sent} == {"key"}
    assert len({headers["Signature-Input"] for headers in sent}) == 3


def test_a_secret_holds_the_keys_of_commands_too() -> None:
    assert key_of_secret(OPERATORS_SECRET, "machine").key == SHARED_SECRET.encode()
    private = {"me": {"algorithm": "ed25519", "privateKey": PRIVATE_TEXT}}
    assert key_of_secret(json.dumps(private), "me").key_id == "me"
    for text, key_id in (("{}", "me"), ("[]", "me"), ("x", "me"), (OPERATORS_SECRET, "laptop")):
        with pytest.raises(KeyUnusable):
            key_of_secret(text, key_id)
