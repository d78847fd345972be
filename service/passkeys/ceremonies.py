"""The one user of `webauthn` (py_webauthn): options for a browser, and the verification of what it
sends back (Web Authentication Level 3, 7.1 and 7.2). A user is verified each time, by a PIN or a
biometric; only discoverable credentials are made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, options_to_json_dict, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from service.passkeys.entities import CHALLENGE_SECONDS, Passkey, PasskeyFault, PasskeyRefused

ALGORITHMS = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
RP_NAME = "Farebox"
TRANSPORTS = frozenset(each.value for each in AuthenticatorTransport)

log = structlog.get_logger()

Credential = Mapping[str, Any]
"""A `PublicKeyCredential` as JSON (WebAuthn 3, 5.1), its form already checked."""
Found = TypeVar("Found")


@dataclass(frozen=True)
class Site:
    """Where passkeys work: `rp_id` is a domain, `origins` the exact origins of pages."""

    rp_id: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class NewCredential:
    """What an authenticator has made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]


def enrolment_options(
    site: Site, operator_id: str, user_handle: bytes, challenge: str, known: Sequence[Passkey]
) -> dict[str, Any]:
    """`PublicKeyCredentialCreationOptionsJSON`. An authenticator with a `known` one makes none."""
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=RP_NAME,
        user_id=user_handle,
        user_name=operator_id,
        challenge=challenge.encode(),
        timeout=CHALLENGE_SECONDS * 1000,
        # Which make of authenticator it is decides nothing here: an enrolment code does.
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=list(map(_descriptor, known)),
        supported_pub_key_algs=list(ALGORITHMS),
    )
    return options_to_json_dict(options)


def proof_options(site: Site, challenge: str, known: Sequence[Passkey]) -> dict[str, Any]:
    """`PublicKeyCredentialRequestOptionsJSON`, for one of the `known` ones."""
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge.encode(),
        timeout=CHALLENGE_SECONDS * 1000,
        allow_credentials=list(map(_descriptor, known)),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def challenge_of(credential: Credential) -> str:
    """The challenge that an authenticator has signed, of a page that no other site embeds; nothing
    else is verified. Raises `PasskeyRefused`."""

    def read() -> str:
        raw = base64url_to_bytes(credential["response"]["clientDataJSON"])
        client_data = parse_client_data_json(raw)
        if client_data.cross_origin:
            raise ValueError("made in a frame of another site")
        return client_data.challenge.decode("ascii")

    return _or_refused(read)


def credential_id_of(credential: Credential) -> bytes:
    """Raises `PasskeyRefused`."""
    return _or_refused(lambda: base64url_to_bytes(credential["rawId"]))


def verified_enrolment(site: Site, credential: Credential, challenge: str) -> NewCredential:
    """Raises `PasskeyRefused`."""
    found = _or_refused(
        lambda: verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge.encode(),
            expected_rp_id=site.rp_id,
            expected_origin=list(site.origins),
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
    )
    transports = credential["response"].get("transports") or ()
    return NewCredential(
        found.credential_id,
        found.credential_public_key,
        found.sign_count,
        tuple(each for each in dict.fromkeys(transports) if each in TRANSPORTS),
    )


def verified_use(
    site: Site, credential: Credential, challenge: str, passkey: Passkey, user_handle: bytes
) -> int:
    """What the passkey has counted, in a use that it has signed. Raises `PasskeyRefused`.

    The count is for the caller to compare: here it would come before the signature, and a made-up
    count would look like a copy."""

    def verify() -> int:
        handle = credential["response"].get("userHandle")
        if handle and base64url_to_bytes(handle) != user_handle:
            raise ValueError("of another user")
        found = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge.encode(),
            expected_rp_id=site.rp_id,
            expected_origin=list(site.origins),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        return found.new_sign_count

    return _or_refused(verify)


def _or_refused(verify: Callable[[], Found]) -> Found:
    """The library raises its own errors, and whatever its parsers meet in bytes from outside."""
    try:
        return verify()
    except Exception as error:
        log.warning("passkey_refused", why=type(error).__name__, what=str(error)[:200])
        raise PasskeyRefused(PasskeyFault.RESPONSE) from error


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(each) for each in passkey.transports]
    return PublicKeyCredentialDescriptor(id=passkey.credential_id, transports=transports or None)
