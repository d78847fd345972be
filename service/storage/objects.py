"""The only door to S3: small objects that are written only over what the writer has seen."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MAX_BYTES = 32 * 1024 * 1024
# S3 responds so where a condition does not hold, where another write is under way, and where
# If-Match finds nothing (Amazon S3 User Guide, Conditional writes).
_CHANGED = {409, 412}
_GONE = "NoSuchKey"


class ObjectsUnavailable(Exception):
    """S3 did not respond as expected, or does not let us: whether a write happened is not known."""


class ObjectChanged(Exception):
    """The stored version is not the expected one; nothing was written."""


@dataclass(frozen=True)
class Stored:
    """An object as stored, and the tag by which exactly this version can be written over."""

    body: bytes
    tag: str


class Objects:
    """The objects of one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @classmethod
    def connect(cls, region: str, bucket: str) -> "Objects":
        """A call fails after about 15 s, within which a stopping task can still write something
        down."""
        config = Config(
            connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
        )
        return cls(boto3.client("s3", region_name=region, config=config), bucket)

    def read(self, key: str) -> Stored | None:
        """The object, cut off behind `MAX_BYTES`; None where there is none and the role may list
        the bucket: otherwise S3 refuses. Raises `ObjectsUnavailable`."""
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=key)
            return Stored(response["Body"].read(MAX_BYTES), _tag(response))
        except ClientError as error:
            if _is_own(error.response) and _code(error) == _GONE:
                return None
            raise ObjectsUnavailable(_said(error)) from error
        except (BotoCoreError, OSError) as error:
            raise ObjectsUnavailable(str(error)) from error

    def write(self, key: str, body: bytes, over: str | None) -> str:
        """Writes over the version with the tag `over`, or where nothing lies (None); returns the
        new tag. Raises `ObjectChanged` and `ObjectsUnavailable`. A repeated request whose first
        response was lost meets its own write, and is refused."""
        condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        kind = "application/json"
        try:
            response = self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=kind, **condition
            )
            return _tag(response)
        except ClientError as error:
            changed = _status(error) in _CHANGED or (over and _code(error) == _GONE)
            if changed and _is_own(error.response):
                raise ObjectChanged from error
            raise ObjectsUnavailable(_said(error)) from error
        except (BotoCoreError, OSError) as error:
            raise ObjectsUnavailable(str(error)) from error


def _is_own(response: Any) -> bool:
    """Whether S3 itself responded: everything from S3 has a request id, and a page that something
    else sends in its place has none."""
    return bool(response.get("ResponseMetadata", {}).get("RequestId"))


def _tag(response: Any) -> str:
    """Raises `ObjectsUnavailable` for a response that is not S3's own."""
    if not _is_own(response) or not response.get("ETag"):
        raise ObjectsUnavailable("something else responded in S3's place")
    return str(response["ETag"])


def _code(error: ClientError) -> str:
    return error.response["Error"].get("Code", "")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))


def _said(error: ClientError) -> str:
    return f"{_status(error)} {_code(error)}"
