import json

import pytest

from service.web.openapi.schemas import Document, operations
from tests.doubles.documented import document_of, documented_app


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(documented_app())


def test_every_error_has_the_same_schema_and_each_response_stands_once(document: Document) -> None:
    shared = document["components"]["responses"]
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            assert status == "200" or list(response) == ["$ref"]
    schemas = [each["content"]["application/json"]["schema"] for each in shared.values()]
    assert schemas == [{"$ref": "#/components/schemas/ErrorResponse"}] * len(shared)
    assert len({json.dumps(each) for each in shared.values()}) == len(shared)


def test_the_commonest_response_to_a_status_is_named_for_it(document: Document) -> None:
    unsigned = document["paths"]["/health"]["get"]["responses"]
    posting = document["paths"]["/videos"]["post"]["responses"]
    assert unsigned["405"] == posting["405"] == {"$ref": "#/components/responses/MethodNotAllowed"}
    assert unsigned["403"] == {"$ref": "#/components/responses/Forbidden"}
    assert posting["403"] == {"$ref": "#/components/responses/PostVideosForbidden"}


def test_an_envelope_is_named_for_what_it_holds(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for path, method in (("/jobs/{jobId}", "get"), ("/videos", "post")):
        media = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]
        assert media["schema"] == {"$ref": "#/components/schemas/JobResponse"}
    assert schemas["JobResponse"]["required"] == ["success", "data"]
    assert schemas["JobResponse"]["properties"] == {
        "success": {"type": "boolean", "const": True},
        "data": {"$ref": "#/components/schemas/Job"},
    }
    assert schemas["EmptyResponse"]["properties"]["data"] == {"type": "null"}
