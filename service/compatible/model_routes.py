"""The routes of the models on offer.

In a file of its own because they write nothing."""

from flask import Blueprint, Response

from service.compatible.entities import ModelNotFound
from service.compatible.operations import Compatible
from service.compatible.schemas import (
    ModelListSchema,
    ModelSchema,
    model_body,
    model_list_body,
)
from service.core.principal import Principal
from service.core.scopes import KeyScope, SessionScope
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import json_response


def models_blueprint(compatible: Compatible) -> Blueprint:
    blueprint = Blueprint("compatible_models", __name__)

    @blueprint.get("/v1/models")
    @endpoint(
        Endpoint(
            access=Access.USER_OR_SERVER,
            summary="List the models, for OpenAI's client libraries",
            operation_id="listModels",
            scope=SessionScope.CREATE_JOBS,
            key_scope=KeyScope.SESSIONS,
            description="Every model that a text can be written by, in OpenAI's words.",
            response=ModelListSchema,
            bare=True,
        )
    )
    def get_models(principal: Principal) -> Response:
        del principal
        return json_response(model_list_body(compatible.models()))

    @blueprint.get("/v1/models/<name>")
    @endpoint(
        Endpoint(
            access=Access.USER_OR_SERVER,
            summary="Get a model, for OpenAI's client libraries",
            operation_id="getModel",
            scope=SessionScope.CREATE_JOBS,
            key_scope=KeyScope.SESSIONS,
            description="One of the models that `GET /v1/models` lists.",
            response=ModelSchema,
            bare=True,
            errors=(ModelNotFound,),
        )
    )
    def get_model(principal: Principal, name: str) -> Response:
        del principal
        return json_response(model_body(compatible.model(name)))

    return blueprint
