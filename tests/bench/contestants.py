"""What is compared, each as calls that do one request straight through WSGI: the service itself,
the floor (the least that any service would do), and the naive service."""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, TextIO
from unittest.mock import patch

import boto3
import requests
from botocore.config import Config
from flask import Flask, request
from werkzeug.test import EnvironBuilder

from service.app import build, create_app, load_settings
from service.catalog.current_prices import CurrentPrices
from service.core.logs import configure
from service.storage.table import Table
from service.storage.writes import Write
from service.storage.writes import request as as_request
from tests.bench.naive import naive_app
from tests.bench.outside import BODY, JOB_ID, USER, Outside, bearer, order

Call = Callable[[], None]
Calls = dict[str, Call]
Post = Callable[..., requests.Response]

POST, CREDITS, JOB = "POST /videos", "GET /credits", "GET /jobs/{id}"
KEY = {"PK": {"S": f"USER#{USER}"}, "SK": {"S": "METADATA"}}
NO_RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 1})
TUNED = Config(parameter_validation=False, user_agent="floor", tcp_keepalive=True)


@dataclass
class Sent:
    """The writes of one order, as parameters of DynamoDB's client."""

    hold: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def call_of(
    app: Flask, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Call:
    """Raises `RuntimeError` for any status but 200."""
    builder = EnvironBuilder(
        path=path, method=method, headers=dict(headers), data=body, content_type="application/json"
    )
    template = builder.get_environ()

    def call() -> None:
        statuses: list[str] = []
        environ = template | {"wsgi.input": io.BytesIO(body)}
        start: Any = lambda status, *_: statuses.append(status)  # noqa: E731
        response = b"".join(app(environ, start))
        if not statuses[0].startswith("200"):
            raise RuntimeError(f"{statuses[0]}: {response.decode()}")

    return call


def ours(world: Outside, out: TextIO) -> Calls:
    """The service, wired as in production, with the user's Google token; its log and its metrics go
    to `out`."""
    configure("INFO", "json", out)
    with redirect_stdout(out):
        parts = build(load_settings(world.environment()), "bench")
        parts.get(CurrentPrices).refresh()
        app = create_app(parts)
    headers = {"Authorization": f"Bearer {bearer()}"}
    return {
        POST: call_of(app, "POST", "/videos", headers, order()),
        CREDITS: call_of(app, "GET", "/credits", headers),
        JOB: call_of(app, "GET", f"/jobs/{JOB_ID}", headers),
    }


def floor(world: Outside, sent: Sent, *, tuned: bool = False, post: Post | None = None) -> Calls:
    """Bare Flask, the same number of bare boto3 calls with the same payloads, one provider call
    with a bare session.

    No sign-in, no check, no log, no metric; the provider's connection is kept, unless another
    `post` is given. `tuned`: the service's own client settings."""
    config = NO_RETRIES.merge(TUNED) if tuned else NO_RETRIES
    dynamodb: Any = boto3.client(
        "dynamodb", endpoint_url=world.dynamodb_url, region_name="us-east-1", config=config
    )
    session = requests.Session()
    session.trust_env = not tuned
    send = post or session.post
    app = Flask("floor")
    wanted = {
        "model_name": "kling-v1",
        "mode": "pro",
        "duration": "5",
        "image": BODY["imageUrl"],
        "prompt": "x" * 40,
    }

    @app.post("/videos")
    def post_video() -> dict[str, Any]:
        request.get_json()
        dynamodb.get_item(TableName="UserCredits", Key=KEY, ConsistentRead=True)
        dynamodb.transact_write_items(TransactItems=sent.hold)
        response = send(f"{world.vendor_url}/v1/videos/image2video", json=wanted, timeout=5).json()
        dynamodb.update_item(**sent.record)
        return {"success": True, "data": response["data"]}

    @app.get("/one")
    def get_one() -> dict[str, Any]:
        found = dynamodb.get_item(TableName="UserCredits", Key=KEY, ConsistentRead=True)["Item"]
        return {"success": True, "data": {"credits": found["credits"]["N"]}}

    read = call_of(app, "GET", "/one", {})
    return {POST: call_of(app, "POST", "/videos", {}, order()), CREDITS: read, JOB: read}


def naive(world: Outside) -> Calls:
    app = naive_app(world.dynamodb_url, world.vendor_url)
    return {POST: call_of(app, "POST", "/videos", {}, order())}


def recorded(calls: Calls) -> Sent:
    """What one order of the service writes."""
    sent = Sent()
    transact, write = Table.transact, Table.write

    def note_hold(table: Table, writes: Sequence[Write]) -> None:
        sent.hold = [dict([as_request("UserCredits", each)]) for each in writes]
        transact(table, writes)

    def note_record(table: Table, record: Write) -> None:
        _, sent.record = as_request("UserCredits", record)
        write(table, record)

    with patch.object(Table, "transact", note_hold), patch.object(Table, "write", note_record):
        calls[POST]()
    return sent
