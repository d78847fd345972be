"""Who gets to an operator's route: a configured identity, a machine that signs, and no one else."""

from collections.abc import Callable
from typing import Any

import pytest
from http_message_signatures import algorithms
from hypothesis import given
from hypothesis import strategies as st

from service.core.principal import OperatorMethod
from service.identity.entities import SignatureRejected
from service.identity.operator_keys import keys_of_secret, keys_of_setting
from service.identity.signatures import SignedRequest, read_parameters
from service.storage.secrets import SecretUnavailable
from service.storage.table import Table
from service.web.endpoint import declared_endpoints
from tests.doubles.service_harness import local_client
from tests.doubles.signer import COVERED, LAPTOP, MACHINE, PUBLIC_KEY, Signer
from tests.identity.operators_app import BOSS, OPERATOR_KEYS, OperatorsApp

PATH = "/admin/users/ann"
BODY = b'{"amount": 1}'


@pytest.fixture
def table(client: Any, table_name: str) -> Table:
    return Table(local_client(client.meta.endpoint_url), table_name)


@pytest.fixture
def app(table: Table) -> OperatorsApp:
    return OperatorsApp(table)


def items(table: Table) -> list[Any]:
    return list(table.scan(segment=0, segments=1, limit=100).items)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_configured_identity_gets_in_and_is_named(app: OperatorsApp) -> None:
    assert app.call("GET", PATH, bearer("boss-60"))[0] == 200
    (operator,) = app.reached
    assert (operator.operator_id, operator.method) == (BOSS, OperatorMethod.SIGN_IN)
    assert operator.authenticated_at == app.clock.now() - 60_000


@pytest.mark.parametrize("path", [PATH, "/admin/nowhere", "/admin", "/admin/"])
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "AUTHENTICATION_REQUIRED"),
        ({"X-Google-ID": "boss"}, 401, "AUTHENTICATION_REQUIRED"),
        (bearer("bad"), 401, "TOKEN_REJECTED"),
        (bearer("ann-0"), 403, "OPERATOR_REQUIRED"),
        (bearer("boss-session"), 403, "OPERATOR_REQUIRED"),
        (bearer("ann-0") | {"X-Google-ID": "boss"}, 403, "OPERATOR_REQUIRED"),
    ],
)
def test_everybody_else_is_refused_alike_whatever_is_at_the_address(
    app: OperatorsApp, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    assert app.call("GET", path, headers)[:2] == (status, code)
    assert app.reached == []


def test_a_bare_google_id_in_the_body_makes_no_operator(app: OperatorsApp) -> None:
    headers = {"Content-Type": "application/json"}
    response = app.call("POST", PATH, headers, b'{"GoogleID": "boss"}')
    assert response[:2] == (401, "AUTHENTICATION_REQUIRED")


def test_whoever_changes_anything_must_have_signed_in_lately(app: OperatorsApp) -> None:
    assert app.call("POST", PATH, bearer("boss-900"))[0] == 200
    response = app.client.post(PATH, headers=bearer("boss-901"))
    assert (response.status_code, response.get_json()["code"]) == (401, "SIGN_IN_TOO_OLD")
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="900"'
    )
    assert app.call("GET", PATH, bearer("boss-901"))[0] == 200
    assert len(app.reached) == 2


def test_a_token_that_proves_no_sign_in_reads_and_changes_nothing(
    app: OperatorsApp, table: Table
) -> None:
    response = app.client.post(PATH, headers=bearer("boss-unknown"))
    assert (response.status_code, response.get_json()["code"]) == (401, "SIGN_IN_TOO_OLD")
    assert "auth_time" in response.get_json()["error"]
    assert (app.reached, items(table)) == ([], [])
    assert app.call("GET", PATH, bearer("boss-unknown"))[0] == 200
    assert app.reached[0].authenticated_at is None
    assert app.call("POST", PATH, bearer("ann-unknown"))[1] == "OPERATOR_REQUIRED"


def test_what_needs_a_second_factor_is_closed_without_one(app: OperatorsApp, table: Table) -> None:
    path = f"{PATH}/credits"
    for headers in ({}, {"X-Second-Factor": "another"}):
        found = app.call("POST", path, bearer("boss-1") | headers)
        assert found == (401, "SECOND_FACTOR_REQUIRED", "missing")
    assert (app.reached, items(table)) == ([], [])
    assert app.call("POST", path, bearer("boss-1") | {"X-Second-Factor": "proof"})[0] == 200
    assert [operator.operator_id for operator in app.second_factors.checked] == [BOSS] * 3


def test_a_second_factor_comes_after_a_fresh_sign_in_of_an_operator(app: OperatorsApp) -> None:
    path, proof = f"{PATH}/credits", {"X-Second-Factor": "proof"}
    assert app.call("POST", path, bearer("ann-1") | proof)[1] == "OPERATOR_REQUIRED"
    assert app.call("POST", path, bearer("boss-901") | proof)[1] == "SIGN_IN_TOO_OLD"
    assert app.call("POST", PATH, bearer("boss-1"))[0] == 200
    assert app.second_factors.checked == []


def test_operators_find_out_what_is_not_there(app: OperatorsApp) -> None:
    assert app.call("GET", "/admin/nowhere", bearer("boss-1"))[:2] == (404, "ROUTE_NOT_FOUND")


def test_a_route_below_admin_that_is_not_for_operators_is_closed(app: OperatorsApp) -> None:
    assert app.call("GET", "/admin/mistake", bearer("boss-1"))[0] == 500
    assert app.reached == []
    with pytest.raises(LookupError, match="/admin/mistake"):
        list(declared_endpoints(app.app))


@pytest.mark.parametrize("signer", [MACHINE, LAPTOP])
def test_a_signed_request_gets_in_once(app: OperatorsApp, table: Table, signer: Signer) -> None:
    headers = app.signed(body=BODY, signer=signer, headers={"Idempotency-Key": "k1"})
    assert app.call("POST", PATH, headers, BODY)[0] == 200
    (operator,) = app.reached
    assert (operator.operator_id, operator.method) == (
        f"key:{signer.key_id}",
        OperatorMethod.SIGNATURE,
    )
    (nonce,) = items(table)
    assert int(nonce["expiresAt"]["N"]) == app.clock.now() // 1000 + 60 + 3600
    assert app.call("POST", PATH, headers, BODY) == (401, "SIGNATURE_REJECTED", "replayed")
    assert (len(app.reached), items(table)) == (1, [nonce])


def test_two_keys_may_use_the_same_nonce(app: OperatorsApp) -> None:
    for signer in (MACHINE, LAPTOP):
        headers = app.signed("GET", PATH, b"", signer, nonce="the-same-nonce-of-both")
        assert app.call("GET", PATH, headers)[0] == 200


@pytest.mark.parametrize(
    ("path", "method"),
    [("/admin/users/a%20b?x=%2F&y", "GET"), ("/admin/users/ann?", "GET"), (PATH, "POST")],
)
def test_path_and_query_are_signed_as_they_are_sent(
    app: OperatorsApp, path: str, method: str
) -> None:
    assert app.call(method, path, app.signed(method, path, b""))[0] == 200


TIMES: dict[str, dict[str, Any]] = {
    "expired": {"created": -60},
    "long expired": {"created": -3600},
    "from the future": {"created": 6},
    "too long": {"life": 61},
    "ends before it begins": {"life": -1},
    "ends when it begins": {"life": 0},
}
MALFORMED: dict[str, dict[str, Any]] = {
    "no end": {"life": None},
    "no nonce": {"nonce": None},
    "a short nonce": {"nonce": "fifteen-letters"},
    "a long nonce": {"nonce": "n" * 65},
    "an odd nonce": {"nonce": "with spaces in between"},
}
UNCOVERED = {
    f"{part} not covered": {"covered": tuple(each for each in COVERED if each != part)}
    for part in COVERED
}
WRONG: dict[str, dict[str, Any]] = {
    **UNCOVERED,
    "key not covered": {"covered": COVERED, "headers": {"Idempotency-Key": "k"}},
    "unknown key id": {"signer": Signer("stranger")},
    "another secret": {"signer": Signer("machine", b"another" * 8)},
    "the other algorithm": {
        "signer": Signer("laptop", PUBLIC_KEY.encode(), algorithms.HMAC_SHA256)
    },
    "another algorithm": {"signer": Signer("machine", LAPTOP.key, algorithms.ED25519)},
    "another host": {"authority": "elsewhere.example"},
    "another path": {"path": "/admin/users/bob"},
    "another query": {"path": f"{PATH}?all=true"},
    "another method": {"method": "PUT"},
}


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        pytest.param(reason, changes, id=name)
        for reason, cases in (("time", TIMES), ("malformed", MALFORMED), ("signature", WRONG))
        for name, changes in cases.items()
    ],
)
def test_a_signed_request_that_is_wrong_is_refused_and_writes_nothing(
    app: OperatorsApp, table: Table, reason: str, changes: dict[str, Any]
) -> None:
    headers = app.signed(**{"body": BODY, **changes})
    assert app.call("POST", PATH, headers, BODY) == (401, "SIGNATURE_REJECTED", reason)
    assert (app.reached, items(table)) == ([], [])


def without(name: str) -> Callable[[dict[str, str]], object]:
    return lambda headers: headers.pop(name)


def with_header(name: str, text: str) -> Callable[[dict[str, str]], object]:
    return lambda headers: headers.update({name: text})


def doubled(headers: dict[str, str]) -> None:
    for name in ("Signature", "Signature-Input"):
        headers[name] += ", " + headers[name].replace("sig1", "sig2")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("Signature"), "signature"),
        (without("Signature-Input"), "malformed"),
        (without("Content-Digest"), "signature"),
        (with_header("Content-Digest", "sha-256=:AAAA:"), "signature"),
        (with_header("Signature", "sig1=:AAAA:"), "signature"),
        (with_header("Signature", "sig1"), "signature"),
        (with_header("Signature-Input", "sig1"), "malformed"),
        (with_header("Signature-Input", "sig1=()"), "malformed"),
        (with_header("Signature-Input", "x" * 5000), "malformed"),
        (with_header("Signature-Input", "sig1=("), "malformed"),
        (with_header("Idempotency-Key", "other"), "signature"),
        (with_header("Authorization", "Bearer boss-1"), "malformed"),
        (doubled, "malformed"),
    ],
)
def test_headers_that_were_changed_on_the_way_are_refused(
    app: OperatorsApp, table: Table, change: Callable[[dict[str, str]], object], reason: str
) -> None:
    headers = app.signed(body=BODY, headers={"Idempotency-Key": "k"})
    change(headers)
    assert app.call("POST", PATH, headers, BODY) == (401, "SIGNATURE_REJECTED", reason)
    assert (app.reached, items(table)) == ([], [])


@pytest.mark.parametrize(
    "host",
    [
        "x/admin?",
        "x#",
        "x/y",
        "boss@x",
        "x\\y",
        "x y",
        "x\ty",
        "",
        "[::",
        "[:::]",
        "x:99999",
        "\u2100",
    ],
)
def test_a_host_that_would_move_the_signed_path_is_refused(host: str) -> None:
    assert malformed(authority=host)


@pytest.mark.parametrize("target", [f"{PATH}#/admin/users/bob", f"{PATH}?x#y", "admin", ""])
def test_a_target_that_would_move_the_signed_path_is_refused(target: str) -> None:
    assert malformed(target=target)


@pytest.mark.parametrize("host", ["localhost", "api.example:8443", "[::1]:8000"])
def test_usual_hosts_are_read(host: str) -> None:
    assert not malformed(authority=host)


def malformed(authority: str = "localhost", target: str = PATH) -> bool:
    signed = MACHINE.sign("GET", PATH, 0.0)
    headers = {name.lower(): text for name, text in signed.items()}
    try:
        read_parameters(SignedRequest("GET", authority, target, headers, bytes), 0.0)
    except SignatureRejected as error:
        return error.details["reason"] == "malformed"
    return False


def test_a_host_cannot_turn_a_signature_into_one_for_another_path(
    app: OperatorsApp, table: Table
) -> None:
    """As under a server that passes any Host on."""
    signed = app.signed("GET", "/admin/users/ann?/admin/users/bob", b"")
    environ = {"RAW_URI": "/admin/users/bob", "HTTP_HOST": "localhost/admin/users/ann?"}
    response = app.client.get("/admin/users/bob", headers=signed, environ_overrides=environ)
    assert (response.status_code, response.get_json()["code"]) == (401, "SIGNATURE_REJECTED")
    assert (app.reached, items(table)) == ([], [])


@pytest.mark.parametrize("body", [b"", b'{"amount": 2}', BODY + b" "])
def test_another_body_is_refused(app: OperatorsApp, table: Table, body: bytes) -> None:
    headers = app.signed(body=BODY)
    assert app.call("POST", PATH, headers, body) == (401, "SIGNATURE_REJECTED", "digest")
    assert (app.reached, items(table)) == ([], [])


def test_the_body_of_a_stranger_is_not_read(app: OperatorsApp) -> None:
    large = b" " * 501
    signed = app.signed(body=large)
    assert app.call("POST", PATH, signed, large)[:2] == (413, "PAYLOAD_TOO_LARGE")
    stranger = app.signed(body=large, signer=Signer("stranger"))
    assert app.call("POST", PATH, stranger, large)[:2] == (401, "SIGNATURE_REJECTED")


@given(text=st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=80))
def test_whatever_a_signature_header_holds_is_no_failure_of_ours(text: str) -> None:
    app = OperatorsApp(None)
    for name in ("Signature", "Signature-Input"):
        headers = app.signed() | {name: text}
        assert app.call("POST", PATH, headers, b"{}")[:2] == (401, "SIGNATURE_REJECTED")


def test_a_key_that_was_taken_out_stops_working_within_a_minute(table: Table) -> None:
    known = [OPERATOR_KEYS]
    app = OperatorsApp(table, lambda: keys_of_setting(known[0]))
    assert app.call("GET", PATH, app.signed("GET", PATH, b""))[0] == 200
    known[0] = ""
    assert app.call("GET", PATH, app.signed("GET", PATH, b""))[0] == 200
    app.clock.advance(60)
    assert app.call("GET", PATH, app.signed("GET", PATH, b""))[2] == "signature"


def test_keys_that_cannot_be_read_let_no_one_in_and_are_read_again_soon(table: Table) -> None:
    reads: list[int] = []

    def read() -> Any:
        reads.append(1)
        raise SecretUnavailable

    app = OperatorsApp(table, read)
    for _ in range(3):
        refused = app.call("GET", PATH, app.signed("GET", PATH, b""))
        assert refused[:2] == (503, "SECRET_UNAVAILABLE")
    assert len(reads) == 1
    app.clock.advance(5)
    app.call("GET", PATH, app.signed("GET", PATH, b""))
    assert len(reads) == 2
    assert app.reached == []


def test_a_secret_says_whom_a_key_belongs_to() -> None:
    keys = keys_of_secret(
        '{"a": {"algorithm": "ed25519", "publicKey": "' + PUBLIC_KEY + '", "operator": "i|ann"},'
        '"b": {"algorithm": "hmac-sha256", "secret": "' + "s" * 32 + '"}}'
    )
    assert {name: key.operator_id for name, key in keys.items()} == {"a": "i|ann", "b": "key:b"}
    assert "s" * 32 not in repr(keys)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": 1}',
        '{"a b": {"algorithm": "hmac-sha256", "secret": "' + "s" * 32 + '"}}',
        '{"a": {"algorithm": "hmac-sha256", "secret": "short"}}',
        '{"a": {"algorithm": "hmac-sha256", "secret": 5}}',
        '{"a": {"algorithm": "rsa", "secret": "' + "s" * 32 + '"}}',
        '{"a": {"algorithm": "ed25519", "publicKey": "AAAA"}}',
        '{"a": {"algorithm": "ed25519", "publicKey": "?"}}',
        '{"a": {"algorithm": "ed25519"}}',
        '{"a": {"algorithm": "ed25519", "publicKey": "' + PUBLIC_KEY + '", "operator": 1}}',
        '{"a": {"algorithm": "ed25519", "publicKey": "' + PUBLIC_KEY + '", "operator": "é"}}',
    ],
)
def test_a_secret_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*ssss)"):
        keys_of_secret(text)
