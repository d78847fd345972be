"""What operations share, as components: generators then make one readable type of each, instead of
one for every route."""

import json
from collections import defaultdict
from typing import Any

from service.web.openapi.errors import response_name
from service.web.openapi.schemas import Document, operations


def in_components(document: Document) -> Document:
    """The document with its success envelopes and error responses in components. Changes it in
    place."""
    _name_envelopes(document)
    _share_error_responses(document)
    return document


def _name_envelopes(document: Document) -> None:
    """An envelope is named for its data: `JobResponse` holds a `Job`."""
    schemas = document["components"]["schemas"]
    for _, _, described in operations(document):
        for response in described["responses"].values():
            media = response.get("content", {}).get("application/json", {})
            if "data" in media.get("schema", {}).get("properties", {}):
                name = _envelope_name(media["schema"], described["operationId"])
                schemas[name] = media["schema"]
                media["schema"] = {"$ref": f"#/components/schemas/{name}"}


def _envelope_name(envelope: dict[str, Any], operation_id: str) -> str:
    data = envelope["properties"]["data"]
    if data.get("type") == "null":
        return "EmptyResponse"
    held = data["$ref"].rsplit("/", 1)[-1] if "$ref" in data else _capitalised(operation_id)
    return f"{held}Response"


def _share_error_responses(document: Document) -> None:
    """Each different response to an error stands once in `components.responses`. The one that most
    routes have is named for its status, any other for the first operation that has it."""
    responses = document["components"].setdefault("responses", {})
    for status, variants in _variants(document).items():
        by_use = sorted(variants.values(), key=len, reverse=True)
        for place, uses in enumerate(by_use):
            name = response_name(status)
            if place:
                name = _capitalised(uses[0]["operationId"]) + name
            responses[name] = uses[0]["responses"][str(status)]
            for described in uses:
                described["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}


def _variants(document: Document) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """For each status of an error, the operations that have the same response to it."""
    found: dict[int, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for _, _, described in operations(document):
        for status, response in described["responses"].items():
            if "examples" in response.get("content", {}).get("application/json", {}):
                found[int(status)][json.dumps(response, sort_keys=True)].append(described)
    return dict(sorted(found.items()))


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]
