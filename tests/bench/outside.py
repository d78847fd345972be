"""The outside systems with constant responses: one user's wallet and finished job, Kling that
accepts every job, and Google's signing keys."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jwt

from service.catalog import keys as catalog_keys
from service.core.amounts import SCALE
from service.core.keyring import Pepper
from service.ledger import keys
from service.ledger.movements import welcome
from service.ledger.store import sealed, wallet_write
from service.storage.codec import encode_item
from service.users.entities import device_digests, with_device
from tests.bench.canned import canned
from tests.doubles.certificate import Certificate
from tests.identity.issuer import CLIENT, published, rsa_key

USER = "110248495921238986420"
JOB_ID = "job_01kb7r3v6q8f2x0m4n5p6q7r8s"
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
# Settings of the service, by the names that the environment has for them.
ENVIRONMENT = {
    "GOOGLE_CLIENT_IDS": CLIENT,
    "TRUST_BARE_GOOGLE_ID": "true",
    "KLING_API_KEY": "k",
    "FINGERPRINT_PEPPERS": "1:" + "p" * 32,
    "LEDGER_MAC_KEY": "m" * 32,
    "CALLBACK_TOKEN_KEYS": "t" * 32,
    "ACCESS_TOKEN_KEYS": "one:" + "dHR0" * 10 + "dHQ",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_EC2_METADATA_DISABLED": "true",
    "DRAIN_SECONDS": "0",
    # One user sends most of the load, from one address.
    "CALLER_REQUEST_LIMIT": "0",
    "ADDRESS_REQUEST_LIMIT": "0",
    "SIGN_IN_REQUEST_LIMIT": "0",
    "USER_SUBMIT_LIMIT": "200",
    "MAX_OPEN_JOBS_PER_USER": "0",
}


@dataclass(frozen=True)
class Outside:
    """Where the outside world is."""

    dynamodb_url: str
    vendor_url: str

    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | {
            "DYNAMODB_ENDPOINT_URL": self.dynamodb_url,
            "KLING_BASE_URL": self.vendor_url,
            "GOOGLE_CERTS_URL": f"{self.vendor_url}/certs",
        }


@contextmanager
def outside(
    certificate: Certificate | None = None, job_status: str = "SUCCEEDED"
) -> Iterator[Outside]:
    """DynamoDB in one process, the vendors in another; these over TLS if there is a certificate.
    Every job has that status."""
    wallet, job = {"Item": _wallet_item()}, {"Item": _job_item(job_status)}
    table: dict[str, object] = {
        "_20120810.TransactWriteItems": {},
        "_20120810.UpdateItem": {},
        "_20120810.TransactGetItems": {"Responses": [wallet, {}]},
        "_20120810.BatchGetItem": partial(_batch, job_status),
        "_20120810.Query": {"Items": [], "Count": 0, "ScannedCount": 0},
        "JOB#": job,
        catalog_keys.LIST.sk: {},
        keys.SCALE.sk: {"Item": encode_item({**keys.SCALE.attributes(), "scale": SCALE})},
        "": wallet,
    }
    vendors: dict[str, object] = {"/certs": {"keys": [published("one")]}, "": KLING}
    with canned(table) as dynamodb_url, canned(vendors, certificate) as vendor_url:
        yield Outside(dynamodb_url, vendor_url)


def bearer() -> str:
    """The user's own Google ID token, good for an hour."""
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com",
        "aud": CLIENT,
        "sub": USER,
        "email": "ann@example.com",
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode(claims, rsa_key("one"), algorithm="RS256", headers={"kid": "one"})


def order(user_id: str = USER) -> bytes:
    return json.dumps(BODY | {"GoogleID": user_id}).encode()


def _wallet_item() -> Mapping[str, Any]:
    """A wallet with a million credits and the benchmark's own device."""
    movement = sealed(welcome(None, USER, 1_000_000 * SCALE, 1_790_000_000_000), b"m" * 32)
    device = device_digests([Pepper(1, b"p" * 32)], BODY["Fingerprint"])
    write = wallet_write(None, with_device(movement.wallet, device))
    return encode_item({**write.key.attributes(), **write.set})


def _batch(status: str, request: bytes) -> object:
    """The status of each job that the request names."""
    wanted = json.loads(request[request.index(b'{"RequestItems') :])["RequestItems"]
    return {
        "Responses": {
            table: [key | {"status": {"S": status}} for key in requested["Keys"]]
            for table, requested in wanted.items()
        },
        "UnprocessedKeys": {},
    }


def _job_item(status: str) -> Mapping[str, Any]:
    return encode_item(
        {
            "PK": f"USER#{USER}",
            "SK": f"JOB#{JOB_ID}",
            "status": status,
            "operation": "kling:image2video",
            "payload": {"promptKey": "foo_prompt"},
            "held": 1,
            "captured": 1,
            "priceVersion": "6f0f3b1c",
            "allocation": ((100, "f", 1, 0),),
            "createdAt": "2026-11-21T09:00:00.000Z",
            "taskId": "867283741759111202",
            "result": {
                "videoUrl": "https://cdn.example.com/video.mp4",
                "videoExpiresAt": 1_790_000_000_000,
            },
        }
    )
