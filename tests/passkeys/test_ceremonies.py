"""Whatever a browser sends, a ceremony returns what was made or refuses it: no parser's own error
gets through."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.passkeys.ceremonies import (
    Site,
    challenge_of,
    credential_id_of,
    verified_enrolment,
    verified_use,
)
from service.passkeys.entities import Passkey, PasskeyFault, PasskeyRefused
from tests.doubles.authenticator import Authenticator, decoded, encoded

SITE = Site("farebox.example.com", ("https://farebox.example.com",))
CHALLENGE = "a-challenge"
OPTIONS = {"challenge": encoded(CHALLENGE.encode()), "user": {"id": encoded(b"u" * 32)}}

AUTHENTICATOR = Authenticator(attestation="packed")
MADE = AUTHENTICATOR.create(OPTIONS)
USED = AUTHENTICATOR.get(OPTIONS)


def with_part(credential: dict[str, Any], part: str, raw: bytes) -> dict[str, Any]:
    return credential | {"response": credential["response"] | {part: encoded(raw)}}


def enrolled() -> Passkey:
    made = verified_enrolment(SITE, MADE, CHALLENGE)
    return Passkey(
        passkey_id="psk_1",
        name="x",
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=0,
        added_at=0,
    )


def mutated(raw: bytes, place: int, value: int, length: int) -> bytes:
    place %= len(raw)
    return raw[:place] + bytes([value]) * length + raw[place + length :]


def test_a_genuine_ceremony_is_verified() -> None:
    assert verified_use(SITE, USED, CHALLENGE, enrolled(), b"u" * 32) == 1
    assert challenge_of(USED) == CHALLENGE
    assert credential_id_of(USED) == AUTHENTICATOR.credential_id


@given(
    st.sampled_from(["clientDataJSON", "attestationObject"]),
    st.integers(0, 2000),
    st.integers(0, 255),
    st.integers(0, 9),
)
def test_a_mutated_attestation_is_refused_or_unchanged(
    part: str, place: int, value: int, length: int
) -> None:
    raw = decoded(MADE["response"][part])
    changed = mutated(raw, place, value, length)
    if changed == raw:
        return
    # A signed attestation covers its credential; what is left open is how its statement is written.
    with suppress(PasskeyRefused):
        made = verified_enrolment(SITE, with_part(MADE, part, changed), CHALLENGE)
        assert made.credential_id == AUTHENTICATOR.credential_id


@given(st.sampled_from(["clientDataJSON", "attestationObject"]), st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused(part: str, raw: bytes) -> None:
    with pytest.raises(PasskeyRefused) as refused:
        verified_enrolment(SITE, with_part(MADE, part, raw), CHALLENGE)
    assert refused.value.details == {"reason": PasskeyFault.RESPONSE.value}


@given(
    st.sampled_from(["clientDataJSON", "authenticatorData", "signature", "userHandle"]),
    st.binary(min_size=1, max_size=200),
)
def test_no_other_bytes_stand_for_a_use(part: str, raw: bytes) -> None:
    with pytest.raises(PasskeyRefused):
        verified_use(SITE, with_part(USED, part, raw), CHALLENGE, enrolled(), b"u" * 32)


@pytest.mark.parametrize("text", ["!", "A", "AAAAA", "é"])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    response = USED["response"] | {"clientDataJSON": text}
    for read in (challenge_of, credential_id_of):
        with suppress(PasskeyRefused):
            read(USED | {"response": response, "rawId": text})
