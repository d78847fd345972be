"""Nothing but a genuine use of an enrolled passkey makes a proof, and a proof opens what needs a
second factor to one operator in one sign-in."""

from collections.abc import Callable
from typing import Any

import pytest

from service.core.metrics import Metric
from service.passkeys.operations import OperatorPasskeys
from tests.doubles.authenticator import (
    EDDSA,
    ES256,
    PRESENT,
    RS256,
    Authenticator,
    decoded,
    encoded,
)
from tests.doubles.service_harness import BOSS, ServiceHarness
from tests.passkeys.operator_browser import (
    ADJUST,
    GRANT,
    PASSKEYS,
    REASON,
    REFUSED,
    OperatorBrowser,
    outcome,
    written,
)
from tests.web.small_app import Counts


@pytest.mark.parametrize("attestation", ["none", "packed"])
@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_a_proof_of_an_enrolled_passkey_opens_what_needs_a_second_factor(
    boss: OperatorBrowser, algorithm: int, attestation: str
) -> None:
    boss.authenticator = Authenticator(algorithm=algorithm, attestation=attestation)
    boss.enrol()
    boss.prove()
    assert boss.post(ADJUST, GRANT)[0] == 200
    assert boss.world.audit().violations == ()


@pytest.mark.parametrize("seconds", [899, 900])
def test_a_proof_lasts_15_minutes(boss: OperatorBrowser, seconds: int) -> None:
    boss.enrol()
    boss.prove()
    boss.world.clock.advance(seconds)
    # The sign-in stays the same, and its age is what this operator's token says.
    boss.token = f"boss-{seconds}"
    expected = (200, "", "") if seconds < 900 else (401, "SECOND_FACTOR_REQUIRED", "expired")
    assert outcome(boss.post(ADJUST, GRANT)) == expected


def test_a_proof_is_of_one_operator_and_one_sign_in(
    boss: OperatorBrowser, eve: OperatorBrowser
) -> None:
    boss.enrol()
    eve.enrol()
    eve.proof = boss.prove()
    invalid = (401, "SECOND_FACTOR_REQUIRED", "invalid")
    assert outcome(eve.post(ADJUST, GRANT)) == invalid
    boss.token = "boss-1"
    assert outcome(boss.post(ADJUST, GRANT)) == invalid
    boss.token = "boss-0"
    assert boss.post(ADJUST, GRANT)[0] == 200


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_made_up_proof_opens_nothing(boss: OperatorBrowser, place: int) -> None:
    boss.enrol()
    proof = boss.prove()
    changed = "A" if proof[place] != "A" else "B"
    before = written(boss.world)
    for made_up in (proof[:place] + changed + proof[place:][1:], "x", "a.b.c", proof * 5):
        boss.proof = made_up
        found = outcome(boss.post(ADJUST, GRANT))
        assert found == (401, "SECOND_FACTOR_REQUIRED", "invalid")
    assert written(boss.world) == before


def test_a_proof_does_not_outlive_its_passkey(boss: OperatorBrowser) -> None:
    passkey_id = boss.enrol()
    boss.prove()
    body = {"operatorId": BOSS, "reason": REASON}
    assert boss.signed(f"{PASSKEYS}/{passkey_id}/remove", body)[0] == 200
    assert outcome(boss.post(ADJUST, GRANT)) == (401, "SECOND_FACTOR_REQUIRED", "removed")
    # Another passkey of the same authenticator does not bring it back.
    boss.enrol()
    assert outcome(boss.post(ADJUST, GRANT))[2] == "removed"


Changed = Callable[[Authenticator], None]


def changing(**attributes: Any) -> Changed:
    def change(authenticator: Authenticator) -> None:
        for name, value in attributes.items():
            setattr(authenticator, name, value)

    return change


WRONG: dict[str, Changed] = {
    "wrong origin": changing(origin="https://farebox.example.com.evil.example"),
    "origin of a subdomain": changing(origin="https://evil.farebox.example.com"),
    "plain http": changing(origin="http://farebox.example.com"),
    "wrong rp id": changing(rp_id="example.com"),
    "user not verified": changing(flags=PRESENT),
    "user not present": changing(flags=0x04),
    "in a frame of another site": changing(cross_origin=True),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_response_enrols_nothing_and_proves_nothing(
    boss: OperatorBrowser, change: Changed
) -> None:
    boss.enrol()
    right = boss.authenticator
    code, wrong = boss.code(), Authenticator()
    change(wrong)
    before = written(boss.world)
    credential = wrong.create(boss.options("enrol"))
    enrolled = boss.post(PASSKEYS, boss.enrolment(code, credential))
    assert outcome(enrolled) == (*REFUSED, "response")
    change(right)
    proved = boss.try_proof(right.get(boss.options("prove")))
    assert outcome(proved) == (*REFUSED, "response")
    assert written(boss.world) == before


@pytest.mark.parametrize("seconds", [299, 300])
def test_a_challenge_ends_after_five_minutes(boss: OperatorBrowser, seconds: int) -> None:
    boss.enrol()
    credential = boss.authenticator.get(boss.options("prove"))
    boss.world.clock.advance(seconds)
    boss.token = f"boss-{seconds}"
    expected = (200, "", "") if seconds < 300 else (*REFUSED, "challenge")
    assert outcome(boss.try_proof(credential)) == expected


def challenges(boss: OperatorBrowser, eve: OperatorBrowser) -> dict[str, str]:
    """Challenges that do not hold for a proof of the boss."""
    own = boss.options("prove")["challenge"]
    text = decoded(own)
    other_sign_in = OperatorBrowser(boss.world, boss.client, "boss-1")
    return {
        "of another purpose": boss.options("enrol")["challenge"],
        "of another operator": eve.options("prove")["challenge"],
        "of another sign-in": other_sign_in.options("prove")["challenge"],
        "altered": encoded(text[:-1] + (b"A" if text[-1:] != b"A" else b"B")),
        "made up": encoded(b"c" * 32),
        "not text": encoded(b"\xff\xfe" * 16),
    }


def test_a_wrong_challenge_proves_nothing(boss: OperatorBrowser, eve: OperatorBrowser) -> None:
    boss.enrol()
    before = written(boss.world)
    for name, challenge in challenges(boss, eve).items():
        found = outcome(boss.try_proof(boss.authenticator.get({"challenge": challenge})))
        assert found[:2] == REFUSED, name
    assert written(boss.world) == before


def test_a_challenge_counts_once(boss: OperatorBrowser) -> None:
    boss.enrol()
    credential = boss.authenticator.get(boss.options("prove"))
    assert boss.try_proof(credential)[0] == 200
    before = written(boss.world)
    assert outcome(boss.try_proof(credential))[:2] == REFUSED
    # Nor where the authenticator does not count.
    boss.authenticator = Authenticator(step=0)
    boss.enrol("synchronized")
    credential = boss.authenticator.get(boss.options("prove"))
    assert boss.try_proof(credential)[0] == 200
    before = written(boss.world)
    assert outcome(boss.try_proof(credential)) == (*REFUSED, "challenge")
    assert written(boss.world) == before


def test_another_operators_passkey_proves_nothing(
    boss: OperatorBrowser, eve: OperatorBrowser
) -> None:
    boss.enrol()
    eve.enrol()
    before = written(boss.world)
    stolen = boss.authenticator.get(eve.options("prove"))
    assert outcome(eve.try_proof(stolen)) == (*REFUSED, "unknown")
    own = eve.authenticator
    own.user_handle = boss.authenticator.user_handle
    assert outcome(eve.try_proof(own.get(eve.options("prove")))) == (*REFUSED, "response")
    assert written(boss.world) == before


@pytest.mark.parametrize("step", [0, -1])
def test_a_counter_that_falls_back_is_refused_and_alarms(
    boss: OperatorBrowser, world: ServiceHarness, step: int
) -> None:
    counts = world.parts.get(OperatorPasskeys)._metrics = Counts()
    boss.enrol()
    boss.prove()
    boss.authenticator.step = step
    before = written(world)
    credential = boss.authenticator.get(boss.options("prove"))
    assert outcome(boss.try_proof(credential)) == (*REFUSED, "counter")
    assert counts.of(Metric.PASSKEY_COPIES) == [(1, {})]
    assert written(world) == before


def test_a_made_up_count_alarms_no_one(boss: OperatorBrowser, world: ServiceHarness) -> None:
    counts = world.parts.get(OperatorPasskeys)._metrics = Counts()
    boss.enrol()
    boss.prove()
    boss.authenticator.step = 0
    credential = boss.authenticator.get(boss.options("prove"))
    credential["response"]["signature"] = encoded(b"x" * 70)
    assert outcome(boss.try_proof(credential)) == (*REFUSED, "response")
    assert counts.measured == []


def flipped(text: str, place: int) -> str:
    raw = bytearray(decoded(text))
    raw[place] ^= 1
    return encoded(bytes(raw))


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
@pytest.mark.parametrize("place", [0, 33, -1])
def test_an_altered_response_proves_nothing(boss: OperatorBrowser, part: str, place: int) -> None:
    boss.enrol()
    before = written(boss.world)
    credential = boss.authenticator.get(boss.options("prove"))
    credential["response"][part] = flipped(credential["response"][part], place)
    assert outcome(boss.try_proof(credential))[:2] == REFUSED
    assert written(boss.world) == before


def test_two_proofs_at_once_both_count(boss: OperatorBrowser) -> None:
    """The second meets what the first has written, and reads again."""
    boss.enrol()
    one = boss.authenticator.get(boss.options("prove"))
    two = boss.authenticator.get(boss.options("prove"))
    assert boss.try_proof(one)[0] == 200
    assert boss.try_proof(two)[0] == 200
