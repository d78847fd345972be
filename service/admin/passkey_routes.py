"""Operators' routes of passkeys: enrol, list, name and remove them, and prove a second factor."""

from flask import Blueprint, Response

from service.admin.passkey_schemas import (
    ENROL,
    EXAMPLE_OPERATOR,
    CodeMadeSchema,
    CodeRequestSchema,
    EnrolmentRequestSchema,
    PasskeyListQuerySchema,
    PasskeyListSchema,
    PasskeyNameRequestSchema,
    PasskeyOptionsQuerySchema,
    PasskeyOptionsSchema,
    PasskeyPerformedSchema,
    PasskeyRemovalRequestSchema,
    ProofRequestSchema,
    ProofSchema,
    credential_facts,
    passkey_body,
    proof_body,
)
from service.admin.passkeys import OPERATOR_ID, PASSKEY_ID, PasskeyActions
from service.admin.routes import action_of, change, performed_response
from service.admin.schemas import PerformedSchema
from service.core.principal import Operator
from service.passkeys.entities import (
    EnrolmentCodeRefused,
    LastPasskey,
    PasskeyKnown,
    PasskeyLimitReached,
    PasskeyNeedsSignIn,
    PasskeyNotFound,
    PasskeyRefused,
    PasskeysDamaged,
    PasskeysNotConfigured,
)
from service.passkeys.operations import Enrolment, OperatorPasskeys
from service.storage.table import StorageUnavailable
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_PATH = "/admin/passkeys/<passkey_id>"
_OF_PEOPLE = (PasskeyNeedsSignIn, PasskeysNotConfigured, PasskeysDamaged)


def passkeys_blueprint(actions: PasskeyActions, passkeys: OperatorPasskeys) -> Blueprint:
    blueprint = Blueprint("passkeys", __name__)
    _add_reads(blueprint, passkeys)
    _add_codes(blueprint, actions)
    _add_enrolment(blueprint, actions, passkeys)
    _add_proofs(blueprint, passkeys)
    _add_changes(blueprint, actions)
    return blueprint


def _add_reads(blueprint: Blueprint, passkeys: OperatorPasskeys) -> None:
    list_schema, options_schema = PasskeyListQuerySchema(), PasskeyOptionsQuerySchema()

    @blueprint.get("/admin/passkeys")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List an operator's passkeys",
            operation_id="listPasskeys",
            description="Your own, or another operator's.",
            query=PasskeyListQuerySchema,
            response=PasskeyListSchema,
            errors=(PasskeysDamaged, StorageUnavailable),
        )
    )
    def get_passkeys(operator: Operator) -> Response:
        operator_id = read_query(list_schema)["operator_id"] or operator.operator_id
        found = list(map(passkey_body, passkeys.of(operator_id).passkeys))
        return success({"operatorId": operator_id, "passkeys": found})

    @blueprint.get("/admin/passkeys/options")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Get what a browser needs to use a passkey",
            operation_id="getPasskeyOptions",
            description="With a challenge for you and this sign-in, good once and for five "
            "minutes. `/docs/operators` is a page that does all of it.",
            query=PasskeyOptionsQuerySchema,
            response=PasskeyOptionsSchema,
            errors=(*_OF_PEOPLE, StorageUnavailable),
        )
    )
    def get_options(operator: Operator) -> Response:
        is_enrolment = read_query(options_schema)["purpose"] == ENROL
        make = passkeys.enrolment_options if is_enrolment else passkeys.proof_options
        return success({"options": make(operator)})


def _add_codes(blueprint: Blueprint, actions: PasskeyActions) -> None:
    schema = CodeRequestSchema()

    @blueprint.post("/admin/passkeys/codes")
    @endpoint(
        change(
            "Make an enrolment code",
            "makeEnrolmentCode",
            "With it that operator, freshly signed in, enrols one passkey within an hour. A "
            "sign-in alone enrols none: it may be stolen.",
            body=CodeRequestSchema,
            response=CodeMadeSchema,
            example={"operatorId": EXAMPLE_OPERATOR, "reason": "Anna has a new laptop."},
        )
    )
    def post_code(operator: Operator) -> Response:
        body = read_body(schema)
        operator_id = body["operator_id"]
        facts = {OPERATOR_ID: operator_id}
        made = actions.make_code(
            action_of(operator, "makeEnrolmentCode", None, body, facts=facts), operator_id
        )
        return performed_response(
            made.performed, code=made.code, operatorId=operator_id, expiresAt=made.expires_at
        )


def _add_enrolment(
    blueprint: Blueprint, actions: PasskeyActions, passkeys: OperatorPasskeys
) -> None:
    schema = EnrolmentRequestSchema()

    @blueprint.post("/admin/passkeys")
    @endpoint(
        change(
            "Enrol a passkey",
            "enrolPasskey",
            "What the browser made of the options, with an enrolment code.",
            *(EnrolmentCodeRefused, PasskeyRefused, PasskeyLimitReached, PasskeyKnown),
            *_OF_PEOPLE,
            body=EnrolmentRequestSchema,
            response=PasskeyPerformedSchema,
            # The code stands for it: whoever enrols the first one has no proof yet.
            second_factor=False,
        )
    )
    def post_passkey(operator: Operator) -> Response:
        body = read_body(schema)
        credential = body["credential"]
        facts = {"name": body["name"], **credential_facts(credential)}
        action = action_of(operator, "enrolPasskey", None, body, facts=facts)
        enrolment = Enrolment(
            operator=operator,
            passkey_id=passkeys.new_id(),
            name=body["name"],
            code=body["code"],
            credential=credential,
        )
        done = actions.enrol(action, enrolment)
        return performed_response(done.performed, passkey=passkey_body(done.passkey))


def _add_proofs(blueprint: Blueprint, passkeys: OperatorPasskeys) -> None:
    schema = ProofRequestSchema()

    @blueprint.post("/admin/passkeys/proofs")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            summary="Prove a second factor with a passkey",
            operation_id="provePasskey",
            description="What the browser made of the options. For 15 minutes the proof opens what "
            "needs a second factor, to you and this sign-in, until the passkey is removed.",
            body=ProofRequestSchema,
            response=ProofSchema,
            errors=(PasskeyRefused, *_OF_PEOPLE, StorageUnavailable),
        )
    )
    def post_proof(operator: Operator) -> Response:
        proof = passkeys.prove(operator, read_body(schema)["credential"])
        return success(proof_body(proof))


def _add_changes(blueprint: Blueprint, actions: PasskeyActions) -> None:
    name_schema, removal_schema = PasskeyNameRequestSchema(), PasskeyRemovalRequestSchema()

    @blueprint.post(f"{_PATH}/rename")
    @endpoint(
        change(
            "Rename a passkey",
            "renamePasskey",
            "Nothing else changes.",
            *(PasskeyNotFound, PasskeysDamaged),
            body=PasskeyNameRequestSchema,
            response=PasskeyPerformedSchema,
        )
    )
    def post_name(operator: Operator, passkey_id: str) -> Response:
        body = read_body(name_schema)
        operator_id = body["operator_id"] or operator.operator_id
        facts = {OPERATOR_ID: operator_id, PASSKEY_ID: passkey_id, "name": body["name"]}
        action = action_of(operator, "renamePasskey", None, body, facts=facts)
        done = actions.rename(action, operator_id, passkey_id, body["name"])
        return performed_response(done.performed, passkey=passkey_body(done.passkey))

    @blueprint.post(f"{_PATH}/remove")
    @endpoint(
        change(
            "Remove a passkey",
            "removePasskey",
            "Its proofs end at once. Your own last one only a signed request removes, or another "
            "operator.",
            *(PasskeyNotFound, LastPasskey, PasskeysDamaged),
            body=PasskeyRemovalRequestSchema,
            response=PerformedSchema,
        )
    )
    def post_removal(operator: Operator, passkey_id: str) -> Response:
        body = read_body(removal_schema)
        operator_id = body["operator_id"] or operator.operator_id
        facts = {OPERATOR_ID: operator_id, PASSKEY_ID: passkey_id}
        action = action_of(operator, "removePasskey", None, body, facts=facts)
        return performed_response(actions.remove(action, operator_id, passkey_id))
