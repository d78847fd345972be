import json
from collections.abc import Callable

import pytest
import structlog
from flask import abort
from werkzeug.exceptions import BadRequest as HttpBadRequest

from service.core import errors
from service.core.errors import FareboxError
from service.core.metrics import Metric
from service.web import request_errors
from service.web.errors import status_of
from tests.web.small_app import small_app


class Poor(errors.Forbidden):
    code = "POOR"
    summary = "You are poor."


class Busy(errors.Unavailable):
    code = "BUSY"
    retry_after = 7


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidRequest, 400),
        (errors.Unauthenticated, 401),
        (errors.Forbidden, 403),
        (errors.NotFound, 404),
        (errors.NotAllowed, 405),
        (errors.Conflict, 409),
        (errors.TooLarge, 413),
        (errors.UnsupportedMedia, 415),
        (errors.Unprocessable, 422),
        (errors.RateLimited, 429),
        (errors.FareboxError, 500),
        (errors.BadGateway, 502),
        (errors.Unavailable, 503),
    ],
)
def test_each_kind_of_error_has_its_status(kind: type[FareboxError], status: int) -> None:
    other = small_app(misbehave=raising(kind()))
    response = other.app.test_client().get("/misbehave")
    assert (response.status_code, status_of(kind)) == (status, status)
    assert set(response.get_json()) == {"success", "error", "code", "details", "requestId"}


def test_every_kind_in_the_error_tree_has_a_status_of_its_own() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, FareboxError)
    ]
    statuses = [status_of(kind) for kind in kinds]
    assert len(set(statuses)) == len(kinds) == 14


def test_an_error_has_the_envelope() -> None:
    error = Poor("Buy more.", details={"required": 1, "available": 0}, location="/jobs/job_1")
    response = (
        small_app(misbehave=raising(error))
        .app.test_client()
        .get("/misbehave", headers={"X-Request-Id": "abc"})
    )
    assert response.status_code == 403
    assert response.get_json() == {
        "success": False,
        "error": "Buy more.",
        "code": "POOR",
        "details": {"required": 1, "available": 0},
        "requestId": "abc",
    }
    assert response.headers["Location"] == "/jobs/job_1"
    assert "Retry-After" not in response.headers
    assert "WWW-Authenticate" not in response.headers


def test_a_client_that_must_wait_gets_a_retry_after() -> None:
    for error, seconds in (
        (Busy(), "7"),
        (Busy(retry_after_seconds=2), "2"),
        (errors.RateLimited(), "5"),
        (errors.Unavailable(), "5"),
    ):
        response = small_app(misbehave=raising(error)).app.test_client().get("/misbehave")
        assert response.headers["Retry-After"] == seconds


def test_an_unauthenticated_client_gets_the_scheme() -> None:
    response = (
        small_app(misbehave=raising(errors.Unauthenticated())).app.test_client().get("/misbehave")
    )
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/notes/",
        "//notes",
        "/Notes",
        "/notes/%2e%2e/notes",
        "/%00",
        "/%ff",
        "/sealed/",
        "/sealed//x",
    ],
)
def test_an_unknown_address_is_not_found_in_the_same_shape(path: str) -> None:
    response = small_app().app.test_client().get(path)
    assert (response.status_code, response.get_json()["code"]) == (404, "ROUTE_NOT_FOUND")


def test_a_method_that_an_address_does_not_take_names_those_it_takes() -> None:
    response = small_app().app.test_client().delete("/notes")
    assert (response.status_code, response.get_json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("status", "sent", "code"),
    [
        (400, 400, "BAD_REQUEST"),
        (404, 404, "ROUTE_NOT_FOUND"),
        (413, 413, "PAYLOAD_TOO_LARGE"),
        (418, 400, "BAD_REQUEST"),
        (415, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (500, 500, "INTERNAL_ERROR"),
        (503, 500, "INTERNAL_ERROR"),
    ],
)
def test_the_framework_s_own_errors_have_the_same_shape(status: int, sent: int, code: str) -> None:
    response = small_app(misbehave=lambda: abort(status)).app.test_client().get("/misbehave")
    assert (response.status_code, response.get_json()["code"]) == (sent, code)


def test_the_framework_s_own_words_are_not_passed_on() -> None:
    response = (
        small_app(misbehave=raising(HttpBadRequest("secret words")))
        .app.test_client()
        .get("/misbehave")
    )
    assert b"secret" not in response.data


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret words"),
        KeyError("secret words"),
        RecursionError("secret words"),
        MemoryError("secret words"),
    ],
)
def test_an_unexpected_error_shows_nothing_but_is_logged_with_its_traceback(
    error: Exception,
) -> None:
    client = small_app(misbehave=raising(error)).app.test_client()
    with structlog.testing.capture_logs() as logs:
        response = client.get("/misbehave", headers={"X-Request-Id": "abc"})
    assert (response.status_code, response.get_json()["code"]) == (500, "INTERNAL_ERROR")
    assert response.get_json()["requestId"] == "abc"
    assert b"secret" not in response.data
    assert type(error).__name__.encode() not in response.data
    [line] = [line for line in logs if line["event"] == "unexpected_error"]
    assert line["exc_info"] is error
    assert line["log_level"] == "error"


def test_details_that_json_cannot_say_are_an_unexpected_error_in_the_same_shape() -> None:
    response = (
        small_app(misbehave=raising(Poor(details={"what": object()})))
        .app.test_client()
        .get("/misbehave")
    )
    assert response.status_code == 500
    assert json.loads(response.data)["code"] == "INTERNAL_ERROR"


def test_every_refusal_is_counted_by_its_code() -> None:
    other = small_app(misbehave=raising(Poor()))
    client = other.app.test_client()
    client.get("/misbehave")
    client.get("/nowhere")
    client.delete("/notes")
    client.get("/notes?theNote=fine")
    assert [labels["code"] for _, labels in other.counts.of(Metric.REFUSALS)] == [
        "POOR",
        "ROUTE_NOT_FOUND",
        "METHOD_NOT_ALLOWED",
    ]


def test_general_refusals_have_codes_and_sentences_of_their_own() -> None:
    kinds = [
        kind
        for kind in vars(request_errors).values()
        if isinstance(kind, type)
        and kind.__module__ == request_errors.__name__
        and issubclass(kind, FareboxError)
    ]
    assert (
        len({kind.code for kind in kinds})
        == len({kind.summary for kind in kinds})
        == len(kinds)
        == 15
    )
