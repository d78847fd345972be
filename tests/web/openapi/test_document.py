import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.core.errors import InvalidRequest
from service.web.endpoint import Access, Endpoint, declared_endpoints, endpoint
from service.web.errors import status_of
from service.web.openapi.document import DOCS_PATH, OPENAPI_PATH
from service.web.openapi.errors import SharedErrors
from service.web.openapi.examples import example_of
from service.web.openapi.operations import document_path
from service.web.openapi.schemas import Document, operations
from service.web.request_errors import ANY_ROUTE, ROUTING, WITH_BODY, WITH_QUERY
from tests.doubles.documented import (
    SHARED,
    VIDEO_ERRORS,
    VIDEO_EXAMPLE,
    VideoSchema,
    app_with,
    document_of,
    documented_app,
    served_app,
)

ENVELOPE_KEYS = ["success", "error", "code", "details", "requestId"]


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(documented_app())


@pytest.fixture
def client() -> FlaskClient:
    return served_app().test_client()


def codes_of(document: Document, path: str, method: str = "get") -> dict[str, list[str]]:
    """The error codes of an operation by status, from the examples."""
    responses = resolved(document["paths"][path][method]["responses"], document)
    return {
        status: list(response["content"]["application/json"]["examples"])
        for status, response in responses.items()
        if status != "200"
    }


def example(document: Document, path: str, method: str = "get") -> Any:
    """The example of a success."""
    responses = document["paths"][path][method]["responses"]
    return responses["200"]["content"]["application/json"]["example"]


def resolved(part: Any, document: Document) -> Any:
    """The part with every reference replaced by what it names."""
    if isinstance(part, list):
        return [resolved(each, document) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        _, group, kind, name = part["$ref"].split("/")
        return resolved(document[group][kind][name], document)
    return {name: resolved(each, document) for name, each in part.items()}


def test_the_document_is_valid_openapi(document: Document) -> None:
    OpenAPIV31SpecValidator(document).validate()  # type: ignore[arg-type]
    assert document["openapi"] == "3.1.0"


def test_every_declared_route_is_in_the_document(document: Document) -> None:
    declared = {
        (document_path(rule), method) for rule, method, _ in declared_endpoints(documented_app())
    }
    assert {(path, method) for path, method, _ in operations(document)} == declared
    assert ("/jobs/{jobId}", "GET") in declared


def test_a_finished_app_serves_the_same_document_as_before_its_documentation_was_added(
    document: Document,
) -> None:
    again = document_of(served_app())
    assert json.dumps(again) == json.dumps(document)
    assert not any(path.startswith((DOCS_PATH, OPENAPI_PATH)) for path in again["paths"])


def test_every_error_of_a_route_stands_under_its_status(document: Document) -> None:
    for rule, method, declared in declared_endpoints(documented_app()):
        documented = codes_of(document, document_path(rule), method.lower())
        for error in declared.errors + ANY_ROUTE + ROUTING:
            assert error.code in documented[str(status_of(error))]


def test_errors_that_no_one_declares_stand_where_they_can_happen_and_nowhere_else(
    document: Document,
) -> None:
    posting = codes_of(document, "/videos", "post")
    reading = codes_of(document, "/jobs/{jobId}")
    probing = codes_of(document, "/health")
    assert posting["401"] == reading["401"] == ["NOT_SIGNED_IN"]
    assert sorted(posting["429"]) == ["HASTY", "TOO_MANY_REQUESTS", "TOO_MANY_UPLOADS"]
    assert {code for codes in posting.values() for code in codes} >= {
        error.code for error in WITH_BODY
    }
    assert reading["400"] == ["BAD_REQUEST", *(error.code for error in WITH_QUERY)]
    assert set(probing) == {"400", "403", "404", "405", "408", "414", "429", "431", "500"}
    assert probing["429"] == ["TOO_MANY_REQUESTS"]


def test_an_error_is_listed_once_even_if_it_is_declared_and_shared() -> None:
    shared = replace(SHARED, any_route=(*ANY_ROUTE, *VIDEO_ERRORS))
    route = Endpoint(access=Access.PUBLIC, summary="Twice", errors=VIDEO_ERRORS + VIDEO_ERRORS[:1])
    assert not set(shared.of(route)) & set(VIDEO_ERRORS)


def test_every_error_example_is_the_envelope_and_nothing_else(document: Document) -> None:
    examples = document["components"]["examples"]
    assert len(examples) > 10
    for code, example in examples.items():
        assert list(example["value"]) == ENVELOPE_KEYS
        assert example["value"]["code"] == code
        assert example["value"]["success"] is False
    assert examples["TOO_POOR"]["value"]["details"] == {"required": 1, "available": 0}


def test_every_example_in_the_document_fits_its_schema(document: Document) -> None:
    checked = 0
    for _, _, operation in operations(document):
        for holder in (operation.get("requestBody"), *operation["responses"].values()):
            for media in resolved(holder or {}, document).get("content", {}).values():
                examples = [media["example"]] if "example" in media else []
                examples += [named["value"] for named in media.get("examples", {}).values()]
                for example in examples:
                    Draft202012Validator(media["schema"]).validate(example)
                    checked += 1
    assert checked > 20


def test_a_response_with_a_code_that_no_one_names_breaks_the_schema(document: Document) -> None:
    schema = Draft202012Validator(
        resolved(document["components"]["schemas"]["ErrorResponse"], document)
    )
    body = document["components"]["examples"]["TOO_POOR"]["value"]
    assert schema.is_valid(body)
    assert not schema.is_valid(body | {"code": "SOMETHING_ELSE"})


def test_every_code_is_in_the_list_of_codes_with_what_to_do(document: Document) -> None:
    listed = {entry["code"]: entry for entry in document["x-error-codes"]}
    assert set(listed) == set(document["components"]["examples"])
    assert all(entry["meaning"] and entry["advice"] for entry in listed.values())
    assert listed["TOO_POOR"]["advice"] == "Offer the user a pack of credits."
    assert listed["AWAY"]["status"] == 503
    assert listed["AWAY"]["retryAfterSeconds"] == 60


def test_two_errors_under_one_code_are_refused() -> None:
    class Impostor(InvalidRequest):
        code = "TOO_POOR"

    route = Endpoint(access=Access.PUBLIC, summary="Confusing", errors=(*VIDEO_ERRORS, Impostor))
    with pytest.raises(LookupError, match="TOO_POOR"):
        document_of(app_with(route))


def test_an_error_that_narrows_another_may_keep_its_code() -> None:
    narrower = type("Narrower", (VIDEO_ERRORS[0],), {})
    route = Endpoint(access=Access.PUBLIC, summary="Fine", errors=(VIDEO_ERRORS[0], narrower))
    document = document_of(app_with(route))
    assert codes_of(document, "/things")["400"] == ["PROMPT_UNKNOWN", "BAD_REQUEST"]


def test_a_code_is_described_in_the_words_of_its_broadest_error() -> None:
    narrower = type("Narrower", (VIDEO_ERRORS[0],), {"summary": "Only here."})
    route = Endpoint(access=Access.PUBLIC, summary="Fine", errors=(narrower, VIDEO_ERRORS[0]))
    document = document_of(app_with(route))
    described = document["components"]["examples"]["PROMPT_UNKNOWN"]
    assert described["summary"] == VIDEO_ERRORS[0].summary


def test_a_request_is_closed_however_deep_and_a_response_stays_open(document: Document) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Video"]["additionalProperties"] is False
    assert schemas["Crop"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Job"]
    assert "additionalProperties" not in schemas["Credits"]


def test_a_response_is_wrapped_unless_it_is_bare(document: Document) -> None:
    job = example(document, "/jobs/{jobId}")
    assert job["success"] is True
    assert job["data"]["credits"] == {"held": 1, "captured": 0}
    assert example(document, "/health") == {"status": "healthy"}
    deleted = example(document, "/files/{fileNumber}", "delete")
    assert deleted == {"success": True, "data": None}


def test_a_route_may_have_several_statuses_with_its_body() -> None:
    held = Endpoint(
        access=Access.PUBLIC, summary="Fine or not", response=VideoSchema, statuses=(200, 503)
    )
    responses = document_of(app_with(held))["paths"]["/things"]["get"]["responses"]
    assert responses["503"]["content"] == responses["200"]["content"]


@pytest.mark.parametrize(
    ("response", "media"),
    [(None, ["text/event-stream"]), (VideoSchema, ["application/json", "text/event-stream"])],
)
def test_a_route_of_events_names_their_media_type(response: Any, media: list[str]) -> None:
    streamed = Endpoint(access=Access.PUBLIC, summary="Watch", response=response, events=True)
    responses = document_of(app_with(streamed))["paths"]["/things"]["get"]["responses"]
    assert list(responses["200"]["content"]) == media
    described = responses["200"]["content"]["text/event-stream"]
    assert described["schema"] == {}


def test_an_operation_has_the_name_that_its_route_declares() -> None:
    named = Endpoint(access=Access.PUBLIC, summary="Named", operation_id="listThings")
    internal = Endpoint(access=Access.PUBLIC, summary="Internal", internal=True)
    assert document_of(app_with(named))["paths"]["/things"]["get"]["operationId"] == "listThings"
    described = document_of(app_with(internal))["paths"]["/things"]["get"]
    assert (described["operationId"], described["x-internal"]) == ("getThings", True)


def test_two_operations_of_one_name_are_refused() -> None:
    named = Endpoint(access=Access.PUBLIC, summary="Named", operation_id="listThings")
    app = app_with(named)
    app.get("/others", endpoint="others")(endpoint(named)(lambda: ""))
    with pytest.raises(LookupError, match="listThings"):
        document_of(app)


def test_a_request_is_shown_with_the_example_that_its_route_declares(document: Document) -> None:
    body = document["paths"]["/videos"]["post"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["example"] == VIDEO_EXAMPLE
    assert "64 KiB" in body["description"]


def test_a_path_parameter_is_described_like_the_response_field_of_its_name(
    document: Document,
) -> None:
    job_id = document["paths"]["/jobs/{jobId}"]["get"]["parameters"][0]
    number = document["paths"]["/files/{fileNumber}"]["delete"]["parameters"][0]
    assert (job_id["in"], job_id["description"]) == ("path", "Names the job.")
    assert job_id["schema"]["example"].startswith("job_")
    assert number["schema"] == {"type": "integer", "minimum": 0}


def test_query_parameters_come_with_their_bounds_and_never_as_null(document: Document) -> None:
    parameters = document["paths"]["/jobs/{jobId}"]["get"]["parameters"]
    query = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "query"}
    assert query["wait"]["schema"] == {
        "type": "integer",
        "format": "int64",
        "default": 0,
        "minimum": 0,
        "maximum": 20,
    }
    assert query["part"]["schema"]["type"] == "string"
    assert "default" not in query["part"]["schema"]
    assert query["kind"]["required"] is True


def test_request_headers_are_parameters_and_response_headers_are_on_the_responses(
    document: Document,
) -> None:
    posting = document["paths"]["/videos"]["post"]
    names = [
        parameter["name"] for parameter in posting["parameters"] if parameter["in"] == "header"
    ]
    assert names == ["Idempotency-Key", "X-Google-ID"]
    responses = resolved(posting["responses"], document)
    assert "Location" in responses["200"]["headers"]
    assert "Location" in responses["503"]["headers"]
    assert "Location" not in responses["401"]["headers"]


def test_every_response_names_the_headers_that_come_with_it(document: Document) -> None:
    for _, _, operation in operations(document):
        for status, response in resolved(operation["responses"], document).items():
            assert "X-Request-Id" in response["headers"]
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))
            assert ("Allow" in response["headers"]) == (status == "405")
            assert ("WWW-Authenticate" in response["headers"]) == (status == "401")


def test_only_routes_for_signed_in_users_require_a_token(document: Document) -> None:
    assert document["components"]["securitySchemes"]["googleIdToken"]["scheme"] == "bearer"
    assert document["paths"]["/videos"]["post"]["security"] == [{"googleIdToken": []}]
    assert document["paths"]["/files/{fileNumber}"]["delete"]["security"] == []
    assert document["paths"]["/health"]["get"]["security"] == []


def test_the_introduction_shows_a_newcomer_how_to_call_in_ten_rules(document: Document) -> None:
    text = document["info"]["description"]
    assert "\n10. " in text
    assert "\n11. " not in text
    for word in (
        "Authorization: Bearer",
        "Idempotency-Key",
        "Retry-After",
        "requestId",
        "nextToken",
    ):
        assert word in text


def test_an_undeclared_route_has_no_document() -> None:
    app = documented_app()
    app.get("/forgotten")(lambda: "")
    with pytest.raises(LookupError, match="/forgotten"):
        document_of(app)


def test_a_schema_that_holds_itself_has_an_example_that_ends() -> None:
    schemas = {
        "Knot": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Knot"}}}
    }
    example = json.dumps(example_of(schemas["Knot"], schemas))
    assert example.count("next") < 10


def test_what_may_be_null_and_has_no_example_is_shown_as_null() -> None:
    knot = {"type": "object", "properties": {"a": {"type": "integer"}}}
    reference = {"$ref": "#/components/schemas/Knot"}
    maybe = {"anyOf": [reference, {"type": "null"}]}
    assert example_of(maybe, {"Knot": knot}) is None
    assert example_of(reference, {"Knot": knot}) == {"a": 1}


def test_the_document_names_its_public_address() -> None:
    app = documented_app()
    assert [each["url"] for each in document_of(app)["servers"]] == ["/"]
    public = document_of(app, "https://api.example.com/")
    assert [each["url"] for each in public["servers"]] == ["https://api.example.com"]
    assert public["info"]["contact"]["url"] == "https://api.example.com/docs"


def test_the_document_names_its_licence(document: Document) -> None:
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


def test_the_document_is_served_for_caches_and_returns_304_to_who_has_it(
    client: FlaskClient, document: Document
) -> None:
    response = client.get(OPENAPI_PATH)
    assert response.json == document
    assert response.mimetype == "application/json"
    assert "max-age" in response.headers["Cache-Control"]
    again = client.get(OPENAPI_PATH, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    changed = client.get(OPENAPI_PATH, headers={"If-None-Match": '"another"'})
    assert changed.status_code == 200


def test_what_signed_in_callers_share_is_given_by_who_builds_the_document() -> None:
    route = Endpoint(access=Access.USER, summary="Mine")
    assert SharedErrors().of(route) == list(ANY_ROUTE + ROUTING)
    assert SHARED.of(route) == [*ANY_ROUTE, *ROUTING, *SHARED.signed_in]
