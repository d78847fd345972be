"""The client of DynamoDB: what it never does by itself, and which responses it believes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from service.storage.integrity import response_fault

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

log = structlog.get_logger()


class ForeignResponse(BotoCoreError):
    """Something else responded in DynamoDB's place: what became of the request is not known."""

    fmt = "The response is not DynamoDB's own: {fault}."


def connect(
    region: str, endpoint_url: str, connect_seconds: float, read_seconds: float, connections: int
) -> "DynamoDBClient":
    """A client that never retries by itself (its retries repeat writes), believes no response that
    is not DynamoDB's own, and keeps that many connections."""
    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=connections,
        parameter_validation=False,
        tcp_keepalive=True,
        user_agent="farebox",
    )
    client = boto3.client(
        "dynamodb", region_name=region, endpoint_url=endpoint_url or None, config=config
    )
    client.meta.events.register("before-parse.dynamodb", _check_response)
    return client


def _check_response(response_dict: Mapping[str, Any], **_: object) -> None:
    status = response_dict["status_code"]
    fault = response_fault(status, response_dict["headers"], response_dict["body"])
    if fault:
        log.error("foreign_response", status=status, fault=fault)
        raise ForeignResponse(fault=fault)
