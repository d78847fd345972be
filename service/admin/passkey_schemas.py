"""What goes in and out of the operators' routes of passkeys.

In a file of its own, as the routes are."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.clock import iso
from service.core.principal import MAX_OPERATOR_ID
from service.passkeys.entities import MAX_NAME, Passkey, Proof
from service.web.schemas import StrictSchema, Text

ENROL, PROVE = "enrol", "prove"
EXAMPLE_ID = "psk_01kbx3v9m2t7q8r5w6y4z1h0ce"
EXAMPLE_OPERATOR = "https://accounts.google.com|110248495921238986420"
MAX_CODE = 40
MAX_TRANSPORTS = 10
_BASE64URL = re.compile("[A-Za-z0-9_-]+")
_OPERATOR_ID = re.compile(r"[!-~]+\|[!-~]+")
# An attestation with certificates has some thousand characters.
_SIZES = {"id": 1400, "clientDataJSON": 4000, "attestationObject": 16_000, "signature": 2000}


class Base64Url(Text):
    """Bytes as WebAuthn's JSON has them: base64url without padding."""

    def __init__(self, *, max_length: int, required: bool = True, **options: Any) -> None:
        super().__init__(max_length=max_length, required=required, **options)
        self.validators.append(
            validate.Regexp(f"^{_BASE64URL.pattern}$", error="Must be base64url.")
        )


class OperatorId(Text):
    """`<issuer>|<subject>`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_OPERATOR_ID, **options)
        self.validators.append(
            validate.Regexp(f"^{_OPERATOR_ID.pattern}$", error="Must be issuer|subject.")
        )


def _operator(description: str, **options: Any) -> OperatorId:
    about = {"description": description, "example": EXAMPLE_OPERATOR}
    return OperatorId(data_key="operatorId", metadata=about, **options)


def _name() -> Text:
    about = {"description": "What its owner calls it.", "example": "Anna's laptop"}
    return Text(required=True, max_length=MAX_NAME, metadata=about)


class _CredentialRequestSchema(StrictSchema):
    id = Base64Url(max_length=_SIZES["id"])
    raw_id = Base64Url(max_length=_SIZES["id"], data_key="rawId", attribute="rawId")
    type = Text(required=True, max_length=20, metadata={"example": "public-key"})


class AttestationRequestSchema(StrictSchema):
    client_data = Base64Url(
        max_length=_SIZES["clientDataJSON"], data_key="clientDataJSON", attribute="clientDataJSON"
    )
    attestation = Base64Url(
        max_length=_SIZES["attestationObject"],
        data_key="attestationObject",
        attribute="attestationObject",
    )
    transports = fields.List(
        Text(max_length=20), load_default=(), validate=validate.Length(max=MAX_TRANSPORTS)
    )


class AssertionRequestSchema(StrictSchema):
    client_data = Base64Url(
        max_length=_SIZES["clientDataJSON"], data_key="clientDataJSON", attribute="clientDataJSON"
    )
    authenticator_data = Base64Url(
        max_length=_SIZES["clientDataJSON"],
        data_key="authenticatorData",
        attribute="authenticatorData",
    )
    signature = Base64Url(max_length=_SIZES["signature"])
    user_handle = Base64Url(
        max_length=100,
        required=False,
        load_default=None,
        allow_none=True,
        data_key="userHandle",
        attribute="userHandle",
    )


class NewCredentialRequestSchema(_CredentialRequestSchema):
    """`PublicKeyCredential` of `navigator.credentials.create`, as JSON."""

    response = fields.Nested(AttestationRequestSchema, required=True)


class UsedCredentialRequestSchema(_CredentialRequestSchema):
    """`PublicKeyCredential` of `navigator.credentials.get`, as JSON."""

    response = fields.Nested(AssertionRequestSchema, required=True)


class PasskeyOptionsQuerySchema(StrictSchema):
    purpose = Text(
        required=True,
        max_length=10,
        metadata={"description": "To enrol a passkey, or to prove one.", "example": PROVE},
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.fields["purpose"].validators.append(validate.OneOf((ENROL, PROVE)))


class PasskeyListQuerySchema(StrictSchema):
    operator_id = _operator("Whose; your own if it is left out.", load_default=None)


class CodeRequestSchema(ActionSchema):
    operator_id = _operator("Who may enrol a passkey with it.", required=True)


class EnrolmentRequestSchema(ActionSchema):
    code = Text(
        required=True,
        max_length=MAX_CODE,
        metadata={"description": "The enrolment code.", "example": "MFRG-GZDF-MZTW-Q2LK-NNWG-23TP"},
    )
    name = _name()
    credential = fields.Nested(NewCredentialRequestSchema, required=True)


class ProofRequestSchema(StrictSchema):
    credential = fields.Nested(UsedCredentialRequestSchema, required=True)


class PasskeyRemovalRequestSchema(ActionSchema):
    operator_id = _operator("Whose; your own if it is left out.", load_default=None)


class PasskeyNameRequestSchema(PasskeyRemovalRequestSchema):
    name = _name()


class PasskeyOptionsSchema(StrictSchema):
    options = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "`PublicKeyCredentialCreationOptionsJSON` or "
            "`PublicKeyCredentialRequestOptionsJSON` (WebAuthn 3)."
        },
    )


class PasskeySchema(StrictSchema):
    """A passkey of an operator."""

    passkey_id = fields.String(
        required=True,
        data_key="passkeyId",
        metadata={"description": "Its id.", "example": EXAMPLE_ID},
    )
    name = fields.String(required=True, metadata={"description": "What its owner calls it."})
    added_at = fields.DateTime(
        required=True, data_key="addedAt", metadata={"description": "When it was enrolled (UTC)."}
    )
    used_at = fields.DateTime(
        required=True,
        data_key="usedAt",
        allow_none=True,
        metadata={"description": "When it last made a proof; null: never."},
    )


class PasskeyListSchema(StrictSchema):
    operator_id = fields.String(
        required=True, data_key="operatorId", metadata={"description": "Whose they are."}
    )
    passkeys = fields.List(
        fields.Nested(PasskeySchema),
        required=True,
        metadata={"description": "In the order in which they were enrolled."},
    )


class CodeMadeSchema(PerformedSchema):
    code = fields.String(
        required=True, metadata={"description": "Hand it over by another way than e-mail."}
    )
    operator_id = fields.String(
        required=True, data_key="operatorId", metadata={"description": "Who may use it."}
    )
    expires_at = fields.DateTime(
        required=True, data_key="expiresAt", metadata={"description": "When it ends (UTC)."}
    )


class PasskeyPerformedSchema(PerformedSchema):
    passkey = fields.Nested(
        PasskeySchema,
        required=True,
        allow_none=True,
        metadata={"description": "As it is now; null: it has been removed since."},
    )


class ProofSchema(StrictSchema):
    proof = fields.String(
        required=True, metadata={"description": "Send it in the header `X-Second-Factor`."}
    )
    expires_at = fields.DateTime(
        required=True, data_key="expiresAt", metadata={"description": "When it ends (UTC)."}
    )


def passkey_body(passkey: Passkey | None) -> dict[str, object] | None:
    if passkey is None:
        return None
    return {
        "passkeyId": passkey.passkey_id,
        "name": passkey.name,
        "addedAt": iso(passkey.added_at),
        "usedAt": None if passkey.used_at is None else iso(passkey.used_at),
    }


def proof_body(proof: Proof) -> dict[str, object]:
    return {"proof": proof.text, "expiresAt": iso(proof.expires_at)}


def credential_facts(credential: Mapping[str, Any]) -> dict[str, str]:
    """What the log keeps of a credential, and by which a repeated request is known."""
    return {"credentialId": str(credential["rawId"])}
