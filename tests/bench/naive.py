"""A naive implementation for comparison, NOT the service: read, query the GSI, call Kling, charge
afterwards.

It is as short as possible: the wallet is read and checked in memory, the device is looked up in the
index, the request is sent, and only a success decrements, under `credits > 0`. Fifty concurrent
requests on one credit can all reach Kling; a crash, a lost response or a lost race afterwards
delivers the video for free; a repeated request pays Kling twice. It keeps no job, no hold, no
ledger and no log. It does not count users before each request either, which is in its favour."""

from typing import Any

import boto3
import requests
from flask import Flask, request
from marshmallow import Schema, fields

from service.catalog.store import read_prompts

Reply = tuple[dict[str, Any], int]


class VideoSchema(Schema):
    google_id = fields.String(required=True, data_key="GoogleID")
    fingerprint = fields.String(required=True, data_key="Fingerprint")
    image_url = fields.Url(required=True, data_key="imageUrl")
    prompt_key = fields.String(required=True, data_key="promptKey")


def naive_app(dynamodb_url: str, kling_url: str, table: str = "UserCredits") -> Flask:
    app, schema = Flask("naive"), VideoSchema()
    prompts = {prompt.key: prompt.text for prompt in read_prompts()}
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=dynamodb_url, region_name="us-east-1")

    @app.post("/videos")
    def post_video() -> Reply:
        body = schema.load(request.get_json())
        key = {"PK": {"S": f"USER#{body['google_id']}"}, "SK": {"S": "METADATA"}}
        wallet = dynamodb.get_item(TableName=table, Key=key).get("Item")
        owners = dynamodb.query(
            TableName=table,
            IndexName="GSI1",
            KeyConditionExpression="GSI1PK = :f",
            ExpressionAttributeValues={":f": {"S": f"FINGERPRINT#{body['fingerprint']}"}},
        )["Items"]
        if any(owner["GSI1SK"] != key["PK"] for owner in owners):
            return {"success": False, "error": "device already used"}, 403
        if wallet is None or int(wallet["credits"]["N"]) < 1:
            return {"success": False, "error": "insufficient credits"}, 403
        reply = requests.post(
            f"{kling_url}/v1/videos/image2video",
            headers={"Authorization": "Bearer k"},
            json={
                "model_name": "kling-v1",
                "mode": "pro",
                "duration": "5",
                "image": body["image_url"],
                "prompt": prompts[body["prompt_key"]],
            },
            timeout=8,
        ).json()
        if reply["code"] != 0:
            return {"success": False, "error": reply["message"]}, 502
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET credits = credits - :one, updatedAt = :now",
            ConditionExpression="credits > :zero",
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":zero": {"N": "0"},
                ":now": {"S": "2026-11-21T09:00:00Z"},
            },
        )
        return {"success": True, "data": reply["data"]}, 200

    return app
