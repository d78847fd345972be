"""The paths that are measured, as calls that do one request each: the service's own, and the least that any service would do."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import requests
from botocore.config import Config
from flask import Flask, request

from service.app import build, create_app
from service.ledger.entities import welcome
from service.ledger.store import sealed, wallet_write
from service.settings import Secret, Settings
from service.storage.codec import encode_item
from service.storage.table import Table
from service.storage.writes import request as as_request
from service.users.entities import Pepper, device_marks, with_device

USER = "110248495921238986420"
BODY = {
    "GoogleID": USER,
    "Fingerprint": "fp-4be1a2c09d",
    "imageUrl": "https://images.example.com/astronaut.jpg",
    "promptKey": "foo_prompt",
}
KLING = {
    "code": 0,
    "message": "SUCCEED",
    "request_id": "c0656403",
    "data": {
        "task_id": "867283741759111202",
        "task_status": "submitted",
        "created_at": 1774805076166,
        "updated_at": 1774805076166,
    },
}
Call = Callable[[], None]


def settings(dynamodb_url: str, kling_url: str) -> Settings:
    return Settings(
        trust_bare_google_id=True,
        dynamodb_endpoint_url=dynamodb_url,
        kling_base_url=kling_url,
        kling_api_key=Secret("k"),
        fingerprint_peppers=Secret("1:" + "p" * 32),
        ledger_mac_key=Secret("m" * 32),
        callback_token_keys=Secret("t" * 32),
        log_level="WARNING",
        log_format="json",
    )


def wallet_item() -> Mapping[str, Any]:
    """A wallet with a million credits, as DynamoDB answers it, with the benchmark's own device in it."""
    movement = sealed(welcome(None, USER, 1_000_000, 1_790_000_000_000), b"m" * 32)
    device = device_marks([Pepper(1, b"p" * 32)], BODY["Fingerprint"])
    write = wallet_write(None, with_device(movement.wallet, device))
    return encode_item({**write.key.attributes(), **write.set})


def job_item() -> Mapping[str, Any]:
    return encode_item(
        {
            "PK": f"USER#{USER}",
            "SK": "JOB#job_01kb7r3v6q8f2x0m4n5p6q7r8s",
            "status": "SUCCEEDED",
            "operation": "kling:image2video",
            "promptKey": "foo_prompt",
            "price": 1,
            "split": ((100, "f", 1, 0),),
            "createdAt": "2026-11-21T09:00:00.000Z",
            "taskId": "867283741759111202",
            "videoUrl": "https://cdn.example.com/video.mp4",
            "videoExpiresAt": 1_790_000_000_000,
        }
    )


def _client(app: Flask, method: str, path: str, body: Mapping[str, Any] | None = None) -> Call:
    client = app.test_client()
    headers = {"X-Google-ID": USER}
    raw = json.dumps(body).encode() if body else None

    def call() -> None:
        answer = client.open(path, method=method, data=raw, content_type="application/json", headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)

    return call


def service_paths(dynamodb_url: str, kling_url: str) -> dict[str, Call]:
    parts = build(settings(dynamodb_url, kling_url), "bench")
    app = create_app(parts)
    return {
        "POST /videos": _client(app, "POST", "/videos", BODY),
        "GET /credits": _client(app, "GET", "/credits"),
        "GET /jobs/{id}": _client(app, "GET", "/jobs/job_01kb7r3v6q8f2x0m4n5p6q7r8s"),
    }


def floor_paths(dynamodb_url: str, kling_url: str, transaction: list[dict[str, Any]]) -> dict[str, Call]:
    """Bare Flask, the same number of bare boto3 calls with the same payloads, one provider call with a bare session."""
    dynamodb: Any = boto3.client(
        "dynamodb",
        endpoint_url=dynamodb_url,
        region_name="us-east-1",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    session = requests.Session()
    app = Flask("floor")
    key = {"PK": {"S": f"USER#{USER}"}, "SK": {"S": "METADATA"}}
    order = {"model_name": "kling-v1", "mode": "pro", "duration": "5", "image": BODY["imageUrl"], "prompt": "x" * 40}

    @app.post("/videos")
    def post_video() -> dict[str, Any]:
        request.get_json()
        dynamodb.get_item(TableName="UserCredits", Key=key, ConsistentRead=True)
        dynamodb.transact_write_items(TransactItems=transaction)
        answer = session.post(f"{kling_url}/v1/videos/image2video", json=order, timeout=5).json()
        dynamodb.update_item(
            TableName="UserCredits",
            Key=key,
            UpdateExpression="SET #s = :s, taskId = :t",
            ConditionExpression="#s = :o",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": {"S": "SUBMITTED"}, ":t": {"S": "1"}, ":o": {"S": "SUBMITTING"}},
        )
        return {"success": True, "data": answer["data"]}

    @app.get("/one")
    def get_one() -> dict[str, Any]:
        found = dynamodb.get_item(TableName="UserCredits", Key=key, ConsistentRead=True)["Item"]
        return {"success": True, "data": {"credits": found["credits"]["N"]}}

    read = _client(app, "GET", "/one")
    return {"POST /videos": _client(app, "POST", "/videos", BODY), "GET /credits": read, "GET /jobs/{id}": read}


def recorded_transaction(paths: dict[str, Call]) -> list[dict[str, Any]]:
    """The hold that one request of the service sends, for the floor to send too."""
    sent: list[dict[str, Any]] = []
    original = Table.transact

    def note(self: Table, writes: Any) -> None:
        sent[:] = [dict([as_request("UserCredits", write)]) for write in writes]
        original(self, writes)

    Table.transact = note  # type: ignore[method-assign]
    try:
        paths["POST /videos"]()
    finally:
        Table.transact = original  # type: ignore[method-assign]
    return sent
