"""Operators' routes about server keys."""

from flask import Blueprint, Response

from service.admin.routes import ACTION_ERRORS, ACTION_HEADERS, action_of, performed_response
from service.admin.schemas import ActionSchema
from service.admin.server_key_schemas import (
    ServerKeyListSchema,
    ServerKeyMadeSchema,
    ServerKeyPerformedSchema,
    ServerKeyRequestSchema,
    server_key_body,
)
from service.admin.server_keys import KeyPerformed, ServerKeyActions
from service.core.principal import Operator
from service.server_keys.entities import ServerKeyLimitReached, ServerKeyNotFound
from service.server_keys.operations import ServerKeys
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_LIST = Endpoint(
    access=Access.OPERATOR,
    summary="List the server keys",
    operation_id="listServerKeys",
    description="Those that have not been revoked. The keys themselves are shown only when they "
    "are made.",
    response=ServerKeyListSchema,
    errors=(StorageUnavailable,),
)
_MAKE = Endpoint(
    access=Access.OPERATOR,
    fresh=True,
    second_factor=True,
    summary="Make a server key",
    operation_id="makeServerKey",
    description="The response is the only one that contains the key: only a digest is stored.",
    body=ServerKeyRequestSchema,
    response=ServerKeyMadeSchema,
    errors=(ServerKeyLimitReached, *ACTION_ERRORS),
    headers=ACTION_HEADERS,
    example={"name": "Web shop", "scopes": ["sessions"], "reason": "The shop goes live."},
)
_REVOKE = Endpoint(
    access=Access.OPERATOR,
    fresh=True,
    second_factor=True,
    summary="Revoke a server key",
    operation_id="revokeServerKey",
    description="It is refused at once, and the sessions that it minted within 10 seconds.",
    body=ActionSchema,
    response=ServerKeyPerformedSchema,
    errors=(ServerKeyNotFound, *ACTION_ERRORS),
    headers=ACTION_HEADERS,
)


def server_keys_blueprint(actions: ServerKeyActions, server_keys: ServerKeys) -> Blueprint:
    blueprint = Blueprint("server_keys", __name__)
    new_schema, action_schema = ServerKeyRequestSchema(), ActionSchema()

    @blueprint.get("/admin/server-keys")
    @endpoint(_LIST)
    def get_server_keys(operator: Operator) -> Response:
        del operator
        return success({"serverKeys": list(map(server_key_body, server_keys.all()))})

    @blueprint.post("/admin/server-keys")
    @endpoint(_MAKE)
    def post_server_key(operator: Operator) -> Response:
        body = read_body(new_schema)
        scopes = frozenset(body["scopes"])
        facts = {"name": body["name"], "scopes": " ".join(sorted(scopes))}
        action = action_of(operator, "makeServerKey", None, body, facts=facts)
        made = actions.make(action, body["name"], scopes)
        return _response(made, key=made.text)

    @blueprint.post("/admin/server-keys/<key_id>/revoke")
    @endpoint(_REVOKE)
    def post_revocation(operator: Operator, key_id: str) -> Response:
        body, facts = read_body(action_schema), {"keyId": key_id}
        action = action_of(operator, "revokeServerKey", None, body, facts=facts)
        return _response(actions.revoke(action, key_id))

    return blueprint


def _response(changed: KeyPerformed, **more: object) -> Response:
    body = server_key_body(changed.key)
    return performed_response(changed.performed, serverKey=body, **more)
