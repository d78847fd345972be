"""A small application made of the web parts alone, and what it counted and logged."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Blueprint, Flask, Response, request
from marshmallow import fields

from service.core.metrics import Metric
from service.web.body import peek_json_field, read_body, read_query, read_raw
from service.web.cors import allow_origins
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.errors import register_errors
from service.web.request_log import log_requests
from service.web.responses import success
from service.web.schemas import StrictSchema, Text
from tests.doubles.clock import FakeClock

MAX_BYTES = 2000


class NoteSchema(StrictSchema):
    note = Text(data_key="theNote", required=True, max_length=10)
    more = Text(max_length=10, load_default=None)


class AnythingSchema(StrictSchema):
    any = fields.Raw()


@dataclass
class Counts:
    """Metrics that are remembered as (name, value, dimensions)."""

    measured: list[tuple[Metric, float, dict[str, str]]] = field(default_factory=list)

    def count(self, metric: Metric, value: int = 1, **dimensions: str) -> None:
        self.measured.append((metric, value, dimensions))

    def timing(self, metric: Metric, milliseconds: float, **dimensions: str) -> None:
        self.measured.append((metric, milliseconds, dimensions))

    def gauge(self, metric: Metric, value: float, **dimensions: str) -> None:
        self.measured.append((metric, value, dimensions))

    def of(self, metric: Metric) -> list[tuple[float, dict[str, str]]]:
        return [(value, dimensions) for name, value, dimensions in self.measured if name is metric]


@dataclass
class SmallApp:
    app: Flask
    counts: Counts
    clock: FakeClock


def small_app(
    *,
    production: bool = False,
    origins: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    misbehave: Callable[[], None] | None = None,
) -> SmallApp:
    """`misbehave` is called by GET /misbehave before it responds."""
    app = Flask("small", static_folder=None)
    counts, clock = Counts(), FakeClock()
    app.register_blueprint(_blueprint(misbehave, clock))
    log_requests(app, clock, counts, production=production)
    register_errors(app, counts)
    allow_origins(app, origins, headers, clock)
    return SmallApp(app, counts, clock)


def _blueprint(misbehave: Callable[[], None] | None, clock: FakeClock) -> Blueprint:
    blueprint = Blueprint("small", __name__)
    schema = NoteSchema()

    @blueprint.post("/notes")
    @endpoint(Endpoint(access=Access.PUBLIC, summary="", body=NoteSchema, max_body_bytes=MAX_BYTES))
    def post_note() -> Response:
        return success(read_body(schema))

    @blueprint.get("/notes")
    @endpoint(Endpoint(access=Access.PUBLIC, summary="", query=NoteSchema))
    def get_note() -> Response:
        return success(read_query(schema))

    @blueprint.post("/peek")
    @endpoint(Endpoint(access=Access.PUBLIC, summary="", max_body_bytes=MAX_BYTES))
    def peek() -> Response:
        return success([peek_json_field("theNote"), read_raw().decode()])

    @blueprint.post("/raw")
    @endpoint(Endpoint(access=Access.PUBLIC, summary="", max_body_bytes=MAX_BYTES))
    def raw() -> Response:
        return success(len(read_raw()))

    @blueprint.get("/misbehave")
    @endpoint(Endpoint(access=Access.PUBLIC, summary=""))
    def misbehaving() -> Response:
        clock.advance(0.25)
        if misbehave:
            misbehave()
        return success(None)

    @blueprint.get("/sealed/<token>")
    @endpoint(Endpoint(access=Access.CALLBACK_TOKEN, summary=""))
    def sealed(token: str) -> Response:
        return success(len(token) + len(request.query_string))

    @blueprint.get("/page")
    @endpoint(Endpoint(access=Access.PUBLIC, summary=""))
    def page() -> Response:
        return Response(
            "hello",
            headers={
                "Cache-Control": "max-age=60",
                "Content-Security-Policy": "default-src 'self'",
            },
        )

    _add_anything(blueprint)
    return blueprint


def _add_anything(blueprint: Blueprint) -> None:
    @blueprint.post("/anything")
    @endpoint(Endpoint(access=Access.PUBLIC, summary="", body=AnythingSchema))
    def anything() -> Response:
        return success(sorted(read_body(AnythingSchema())))


def serve() -> Flask:
    """For a server in a process of its own."""
    return small_app().app
