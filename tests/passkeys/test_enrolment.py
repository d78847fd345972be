"""Operators enrol, list, name and remove passkeys: never by a stolen sign-in, and each change is in
the log."""

import pytest

from service.app import create_app
from service.identity.operations import Identity
from tests.doubles.authenticator import (
    ES384,
    Authenticator,
    decoded,
    encoded,
)
from tests.doubles.service_harness import BOSS, memory_world
from tests.doubles.signer import MACHINE
from tests.identity.operators_app import Tokens
from tests.passkeys.operator_browser import (
    ADJUST,
    EVE,
    GRANT,
    PASSKEYS,
    REASON,
    REFUSED,
    OperatorBrowser,
    outcome,
    written,
)


def test_a_stolen_sign_in_moves_no_credit_and_enrols_no_passkey(boss: OperatorBrowser) -> None:
    before = written(boss.world)
    assert outcome(boss.post(ADJUST, GRANT)) == (401, "SECOND_FACTOR_REQUIRED", "missing")
    code = {"operatorId": BOSS, "reason": REASON}
    assert outcome(boss.post(f"{PASSKEYS}/codes", code))[1] == "SECOND_FACTOR_REQUIRED"
    credential = boss.authenticator.create(boss.options("enrol"))
    for guess in ("ABCD-EFGH", "x", "ABCD-EFGH-IJKL-MNOP-QRST-UVWX"):
        response = boss.post(PASSKEYS, boss.enrolment(guess, credential))
        assert outcome(response)[:2] == (403, "ENROLMENT_CODE_REFUSED")
    assert written(boss.world) == before


def test_a_refusal_says_what_to_do_and_in_which_header(boss: OperatorBrowser) -> None:
    response = boss.client.post(ADJUST, headers=boss.headers, json=GRANT)
    assert "X-Second-Factor" in response.get_json()["error"]
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="passkey"'
    )


def test_a_signed_request_needs_no_second_factor(boss: OperatorBrowser) -> None:
    assert boss.signed(ADJUST, GRANT)[0] == 200


def test_the_options_require_a_verified_user_and_a_discoverable_passkey(
    boss: OperatorBrowser,
) -> None:
    options = boss.options("enrol")
    assert options["rp"]["id"] == "farebox.example.com"
    selection = options["authenticatorSelection"]
    assert (selection["userVerification"], selection["residentKey"]) == ("required", "required")
    assert "boss" not in decoded(options["user"]["id"]).decode(errors="ignore")
    boss.enrol()
    (known,) = boss.options("enrol")["excludeCredentials"]
    assert known["id"] == encoded(boss.authenticator.credential_id)
    assert boss.options("prove")["userVerification"] == "required"


def test_an_enrolment_counts_once(boss: OperatorBrowser) -> None:
    credential = boss.authenticator.create(boss.options("enrol"))
    code = boss.code()
    body = boss.enrolment(code, credential)
    status, first = boss.post(PASSKEYS, body, key="one")
    assert status == 200
    before = written(boss.world)
    again = boss.post(PASSKEYS, body, key="one")
    assert again[1]["data"]["passkey"] == first["data"]["passkey"]
    assert outcome(boss.post(PASSKEYS, body))[1] == "ENROLMENT_CODE_REFUSED"
    assert written(boss.world) == before
    new_code = boss.code()
    before = written(boss.world)
    other = boss.enrolment(new_code, credential)
    assert outcome(boss.post(PASSKEYS, other))[1] == "PASSKEY_KNOWN"
    assert written(boss.world) == before


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xa0", b"[]", b"{}", b"\x00" * 200])
@pytest.mark.parametrize("part", ["clientDataJSON", "attestationObject"])
def test_bytes_that_are_no_response_enrol_nothing(
    boss: OperatorBrowser, part: str, content: bytes
) -> None:
    code = boss.code()
    before = written(boss.world)
    credential = boss.authenticator.create(boss.options("enrol"))
    credential["response"][part] = encoded(content)
    status = boss.post(PASSKEYS, boss.enrolment(code, credential))[0]
    assert 400 <= status < 500
    assert written(boss.world) == before


def test_an_algorithm_that_is_not_allowed_enrols_nothing(boss: OperatorBrowser) -> None:
    boss.authenticator = Authenticator(algorithm=ES384)
    code = boss.code()
    before = written(boss.world)
    credential = boss.authenticator.create(boss.options("enrol"))
    found = outcome(boss.post(PASSKEYS, boss.enrolment(code, credential)))
    assert found == (*REFUSED, "response")
    assert written(boss.world) == before


def test_a_code_is_for_one_operator_and_one_hour(
    boss: OperatorBrowser, eve: OperatorBrowser
) -> None:
    code = boss.code()
    credential = eve.authenticator.create(eve.options("enrol"))
    before = written(boss.world)
    found = outcome(eve.post(PASSKEYS, eve.enrolment(code, credential)))
    assert found[:2] == (403, "ENROLMENT_CODE_REFUSED")
    assert written(boss.world) == before
    boss.world.clock.advance(3600)
    credential = boss.authenticator.create(boss.options("enrol"))
    found = outcome(boss.post(PASSKEYS, boss.enrolment(code, credential)))
    assert found[:2] == (403, "ENROLMENT_CODE_REFUSED")
    assert written(boss.world) == before


def test_a_code_may_be_typed_in_any_way(boss: OperatorBrowser) -> None:
    code = boss.code().lower().replace("-", " ")
    credential = boss.authenticator.create(boss.options("enrol"))
    assert boss.post(PASSKEYS, boss.enrolment(code, credential))[0] == 200


def test_an_operator_with_a_passkey_makes_codes_too_and_a_repeated_request_the_same(
    boss: OperatorBrowser, eve: OperatorBrowser
) -> None:
    boss.enrol()
    boss.prove()
    body = {"operatorId": EVE, "reason": REASON}
    made = boss.post(f"{PASSKEYS}/codes", body, key="same")[1]["data"]
    boss.world.clock.advance(60)
    boss.token = "boss-60"
    again = boss.post(f"{PASSKEYS}/codes", body, key="same")[1]["data"]
    assert again == made
    assert made["action"]["operatorId"] == BOSS
    credential = eve.authenticator.create(eve.options("enrol"))
    assert eve.post(PASSKEYS, eve.enrolment(made["code"], credential))[0] == 200


def test_an_operator_has_ten_passkeys_and_no_more(boss: OperatorBrowser) -> None:
    for number in range(10):
        boss.authenticator = Authenticator()
        boss.enrol(f"key {number}")
    boss.authenticator = Authenticator()
    credential, code = boss.authenticator.create(boss.options("enrol")), boss.code()
    before = written(boss.world)
    found = outcome(boss.post(PASSKEYS, boss.enrolment(code, credential)))
    assert found[:2] == (409, "PASSKEY_LIMIT_REACHED")
    assert written(boss.world) == before
    names = [each["name"] for each in boss.get(PASSKEYS)[1]["data"]["passkeys"]]
    assert names == [f"key {number}" for number in range(10)]


def test_passkeys_are_listed_named_and_removed_and_the_log_has_each_change(
    boss: OperatorBrowser,
) -> None:
    first = boss.enrol()
    second_authenticator = Authenticator()
    boss.authenticator, own = second_authenticator, boss.authenticator
    second = boss.enrol("phone")
    boss.authenticator = own
    boss.prove()
    renamed = boss.post(f"{PASSKEYS}/{second}/rename", {"name": "new phone", "reason": REASON})
    assert renamed[1]["data"]["passkey"]["name"] == "new phone"
    assert boss.post(f"{PASSKEYS}/{second}/remove", {"reason": REASON})[0] == 200
    (left,) = boss.get(PASSKEYS)[1]["data"]["passkeys"]
    assert (left["passkeyId"], left["usedAt"]) == (first, left["usedAt"])
    actions = boss.get("/admin/actions")[1]["data"]["actions"]
    assert [each["action"] for each in actions] == [
        *("removePasskey", "renamePasskey", "enrolPasskey", "makeEnrolmentCode"),
        *("enrolPasskey", "makeEnrolmentCode"),
    ]
    assert actions[0]["details"] == {"operatorId": BOSS, "passkeyId": second}
    assert boss.world.audit().violations == ()


def test_no_one_removes_their_own_last_passkey_but_others_and_the_command_do(
    boss: OperatorBrowser, eve: OperatorBrowser
) -> None:
    own, hers = boss.enrol(), eve.enrol()
    boss.prove()
    before = written(boss.world)
    found = outcome(boss.post(f"{PASSKEYS}/{own}/remove", {"reason": REASON}))
    assert found[:2] == (409, "LAST_PASSKEY")
    assert written(boss.world) == before
    body = {"operatorId": EVE, "reason": REASON}
    assert boss.post(f"{PASSKEYS}/{hers}/remove", body)[0] == 200
    body = {"operatorId": BOSS, "reason": REASON}
    assert boss.signed(f"{PASSKEYS}/{own}/remove", body)[0] == 200
    # And after that a code lets its owner enrol anew.
    boss.enrol()


def test_removing_needs_a_proof(boss: OperatorBrowser) -> None:
    passkey_id = boss.enrol()
    for verb in ("remove", "rename"):
        body = {"reason": REASON, **({"name": "x"} if verb == "rename" else {})}
        found = outcome(boss.post(f"{PASSKEYS}/{passkey_id}/{verb}", body))
        assert found == (401, "SECOND_FACTOR_REQUIRED", "missing")


def test_an_unknown_passkey_is_not_found(boss: OperatorBrowser, eve: OperatorBrowser) -> None:
    boss.enrol()
    hers = eve.enrol()
    boss.prove()
    for passkey_id in (hers, "psk_x", "x" * 1500):
        for verb, more in (("remove", {}), ("rename", {"name": "x"})):
            body = {"reason": REASON, **more}
            found = outcome(boss.post(f"{PASSKEYS}/{passkey_id}/{verb}", body))
            assert found[:2] == (404, "PASSKEY_NOT_FOUND")


def test_a_machine_has_no_passkeys(boss: OperatorBrowser) -> None:
    path, now_seconds = f"{PASSKEYS}/options?purpose=enrol", boss.world.clock.now() / 1000
    response = boss.client.get(path, headers=MACHINE.sign("GET", path, now_seconds))
    assert response.get_json()["code"] == "PASSKEY_NEEDS_SIGN_IN"


def test_without_a_domain_there_are_no_passkeys_and_people_change_nothing() -> None:
    world = memory_world(public_url="https://192.0.2.7")
    world.parts.get(Identity)._tokens = Tokens(world.clock)
    boss = OperatorBrowser(world, create_app(world.parts).test_client())
    found = outcome(boss.get(f"{PASSKEYS}/options?purpose=enrol"))
    assert found[:2] == (404, "PASSKEYS_NOT_CONFIGURED")
    assert outcome(boss.post(ADJUST, GRANT))[1] == "SECOND_FACTOR_REQUIRED"
    assert boss.signed("/admin/users/ann/notes", {"reason": REASON})[0] == 404
