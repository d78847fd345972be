"""Only what one of our secrets has signed within five minutes of now is Stripe's."""

import hmac
from collections.abc import Sequence

import pytest

from service.billing.events import RefusalReason, WebhookRefused
from service.billing.signatures import MAX_HEADER, signed_at, verify

NOW = 1_790_000_000
OLD, NEW = "whsec_the_old_one", "whsec_the_new_one"
BODY = b'{"id": "evt_1"}'


def signature(secret: str = NEW, body: bytes = BODY, at: int = NOW) -> str:
    return hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()


def header(*signatures: str, at: object = NOW) -> str:
    return ",".join([f"t={at}", *(f"v1={each}" for each in signatures)])


def accept(text: str | None, body: bytes = BODY, secrets: Sequence[str] = (NEW, OLD)) -> None:
    at, signatures = signed_at(text, NOW)
    verify(body, at, signatures, secrets)


def reason(text: str | None, body: bytes = BODY, secrets: Sequence[str] = (NEW, OLD)) -> str:
    with pytest.raises(WebhookRefused) as raised:
        accept(text, body, secrets)
    return raised.value.reason.value


def test_stripes_own_library_makes_signatures_that_hold() -> None:
    stripe = pytest.importorskip("stripe")
    text = stripe.WebhookSignature.generate_signature_header(BODY.decode(), NEW, NOW)
    accept(text)


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_secret_of_a_rotation_is_accepted(secret: str) -> None:
    accept(header(signature(secret)))
    accept(header(signature("whsec_another"), signature(secret)))
    assert reason(header(signature(secret)), secrets=["whsec_third"]) == "signature"


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_time_within_five_minutes_of_now_is_accepted(seconds: int) -> None:
    at = NOW + seconds
    accept(header(signature(at=at), at=at))


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_a_time_further_away_is_refused_in_the_future_too(seconds: int) -> None:
    at = NOW + seconds
    assert reason(header(signature(at=at), at=at)) == RefusalReason.TIME


@pytest.mark.parametrize(
    "body",
    [BODY + b" ", BODY[:-1], b"", BODY.replace(b"1", b"2"), BODY.decode().encode("utf-16")],
)
def test_a_body_that_differs_in_one_byte_is_refused(body: bytes) -> None:
    assert reason(header(signature()), body) == "signature"


def test_a_time_that_was_not_signed_is_refused() -> None:
    assert reason(header(signature(at=NOW), at=NOW + 1)) == "signature"


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "t=", f"t={NOW}", f"v1={signature()}", "nonsense", ","),
        f"t={NOW},t={NOW},v1={signature()}",
        f"t={NOW},v0={signature()}",
        f"t={NOW},v1={signature()[:-1]}",
        f"t={NOW},v1={signature().upper()}",
        f"t={NOW},v1={signature()},v1=x",
        f"t=-{NOW},v1={signature()}",
        f"t={NOW}.0,v1={signature()}",
        f"t=\u0661{NOW},v1={signature()}",
        f"t={'9' * 13},v1={signature()}",
        header(*[signature()] * 11),
        f"t={NOW},v1={signature()},x={'y' * MAX_HEADER}",
    ],
)
def test_a_header_of_another_form_is_refused(text: str | None) -> None:
    assert reason(text) == "header"


@pytest.mark.parametrize("secrets", [[], [""], [NEW, ""]])
def test_nothing_is_verified_with_an_empty_secret(secrets: list[str]) -> None:
    """What anyone can sign proves nothing."""
    with pytest.raises(ValueError, match="without a secret"):
        accept(header(signature("")), secrets=secrets)
