"""The only door to the bucket of users' files: what may be sent to it, what lies there, and links
to exactly one version of it.

Sources: Amazon S3 API Reference, "Browser-Based Uploads Using POST", "Authenticating Requests:
Using Query Parameters", HeadObject, GetObject, PutObject, CreateMultipartUpload,
CompleteMultipartUpload, ListObjectVersions, DeleteObjects."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import ClientError

log = structlog.get_logger()

CONNECT_SECONDS = 1.0
READ_SECONDS = 5.0
TRIES = 2
# DeleteObjects takes no more.
DELETED_TOGETHER = 1000
MAX_ROUNDS = 10
# S3 takes no smaller part but the last, and no more parts.
PART_BYTES = 8 * 1024 * 1024
MAX_PARTS = 10_000
_EXISTS = {"412", "PreconditionFailed"}
_GONE = {"404", "NoSuchKey", "NoSuchVersion"}


class MediaUnavailable(Exception):
    """S3 did not respond as expected, or does not let us."""


class MediaGone(Exception):
    """There is no such object, or no such version of it."""


class MediaExists(Exception):
    """An object has that key already. Nothing was written."""


@dataclass(frozen=True)
class PostForm:
    """Where a browser posts a file to, and the fields that stand in front of it in the form. They
    are a permission: whoever has them may write that one object."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class StoredMedia:
    """The latest version of an object, and when it was stored (epoch milliseconds)."""

    version_id: str
    size: int
    content_type: str
    stored_at: int


class MediaBucket:
    """The objects of one versioned bucket. `connect` makes the two clients at the first use: one
    that reaches S3 from here, and one whose addresses are reached by browsers and providers."""

    def __init__(self, connect: Callable[[], tuple[Any, Any]], bucket: str) -> None:
        self._connect = connect
        self._bucket = bucket
        self._connected: tuple[Any, Any] | None = None
        self._guard = Lock()

    @classmethod
    def of(cls, region: str, bucket: str, endpoint_url: str, public_url: str) -> "MediaBucket":
        """Without an `endpoint_url` it is the region's own: a redirect from the global one would
        break what browsers send."""

        def connect() -> tuple[Any, Any]:
            return (
                _client(region, endpoint_url),
                _client(region, public_url or endpoint_url),
            )

        return cls(connect, bucket)

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> PostForm:
        """A form that writes one file of that type, of 1 to `max_bytes` bytes, under that key.
        Signed here; raises `MediaUnavailable` without credentials."""
        conditions = [
            {"Content-Type": content_type},
            ["content-length-range", 1, max_bytes],
        ]
        made = self._call(
            1,
            "generate_presigned_post",
            Key=key,
            Fields={"Content-Type": content_type},
            Conditions=conditions,
            ExpiresIn=seconds,
        )
        return PostForm(made["url"], made["fields"])

    def link(self, key: str, version_id: str | None, seconds: int) -> str:
        """An address from which that version (None: the latest) can be fetched for that long, or as
        long as our credentials live, if that is less. Raises `MediaUnavailable` without
        credentials."""
        version = {"Bucket": self._bucket, "Key": key}
        if version_id is not None:
            version["VersionId"] = version_id
        try:
            return str(
                self._clients()[1].generate_presigned_url(
                    "get_object", Params=version, ExpiresIn=seconds
                )
            )
        except Exception as error:
            raise _unavailable("generate_presigned_url", error) from error

    def head(self, key: str) -> StoredMedia:
        """Raises `MediaGone` and `MediaUnavailable`."""
        response = self._call(0, "head_object", Key=key)
        version_id = response.get("VersionId")
        if not isinstance(version_id, str) or version_id in ("", "null"):
            log.error("media_bucket_not_versioned")
            raise MediaUnavailable("the bucket is not versioned")
        stored_at = round(response["LastModified"].timestamp() * 1000)
        size, kind = int(response["ContentLength"]), str(response.get("ContentType", ""))
        return StoredMedia(version_id, size, kind, stored_at)

    def read(self, key: str, version_id: str, position: int, length: int) -> bytes:
        """Those bytes of that version. Raises `MediaGone` and `MediaUnavailable`."""
        response = self._call(
            0,
            "get_object",
            Key=key,
            VersionId=version_id,
            Range=f"bytes={position}-{position + length - 1}",
        )
        try:
            content: bytes = response["Body"].read(length + 1)
        except Exception as error:
            raise _unavailable("get_object", error) from error
        if len(content) != length:
            raise MediaUnavailable("another range than requested")
        return content

    def put_once(self, key: str, content_type: str, parts: Iterator[bytes]) -> None:
        """Writes the object that the parts make up, where nothing has that key. All but the last
        have `PART_BYTES`; at most that much is kept in memory, and nothing is there before all of
        it is. Raises `MediaExists`, `MediaUnavailable`, and what `parts` raises."""
        first = next(parts, b"")
        if len(first) < PART_BYTES:
            self._put("put_object", Key=key, Body=first, ContentType=content_type)
            return
        made = self._call(
            0,
            "create_multipart_upload",
            Key=key,
            ContentType=content_type,
            ChecksumAlgorithm="CRC32",
        )
        upload = {"Key": key, "UploadId": _named(made, "UploadId")}
        try:
            sent = self._send_parts(upload, chain([first], parts))
            self._put("complete_multipart_upload", **upload, MultipartUpload={"Parts": sent})
        except BaseException:
            # What this leaves, the bucket's lifecycle removes.
            with suppress(MediaGone, MediaUnavailable):
                self._call(0, "abort_multipart_upload", **upload)
            raise

    def tag(self, key: str, version_id: str, name: str) -> str | None:
        """A tag of that version, None without it. Raises `MediaGone` and `MediaUnavailable`."""
        response = self._call(0, "get_object_tagging", Key=key, VersionId=version_id)
        tags = {each["Key"]: each["Value"] for each in response.get("TagSet", ())}
        return tags.get(name)

    def delete_below(self, prefix: str) -> bool:
        """Deletes every version of every object whose key begins so, 10,000 at most; returns
        whether that was all. Raises `MediaUnavailable`."""
        for _ in range(MAX_ROUNDS):
            page = self._call(0, "list_object_versions", Prefix=prefix, MaxKeys=DELETED_TOGETHER)
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if not found:
                return True
            versions = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            response = self._call(0, "delete_objects", Delete={"Objects": versions, "Quiet": True})
            if response.get("Errors"):
                raise MediaUnavailable("S3 did not delete everything")
        return False

    def _send_parts(
        self, upload: Mapping[str, str], parts: Iterator[bytes]
    ) -> list[dict[str, object]]:
        sent: list[dict[str, object]] = []
        for part in parts:
            number = len(sent) + 1
            if number > MAX_PARTS:
                raise MediaUnavailable("more parts than an object can have")
            made = self._call(
                0,
                "upload_part",
                **upload,
                PartNumber=number,
                Body=part,
                ChecksumAlgorithm="CRC32",
            )
            tags = {name: _named(made, name) for name in ("ETag", "ChecksumCRC32")}
            sent.append({"PartNumber": number, **tags})
        return sent

    def _put(self, operation: str, **parameters: Any) -> None:
        """What makes an object, if none has its key."""
        _named(self._call(0, operation, IfNoneMatch="*", **parameters), "ETag")

    def _clients(self) -> tuple[Any, Any]:
        with self._guard:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def _call(self, which: int, operation: str, **parameters: Any) -> Any:
        try:
            call = getattr(self._clients()[which], operation)
            return call(Bucket=self._bucket, **parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _GONE:
                raise MediaGone from error
            if code in _EXISTS and "IfNoneMatch" in parameters:
                raise MediaExists from error
            raise _unavailable(operation, error) from error
        except Exception as error:
            # Where something else responds in its place, botocore raises whatever its parser meets.
            raise _unavailable(operation, error) from error


def _named(response: Any, name: str) -> str:
    """What every response of S3's own says. Raises `MediaUnavailable` for another's."""
    text = response.get(name)
    if not isinstance(text, str) or not text:
        raise MediaUnavailable("something else responded in S3's place")
    return text


def _client(region: str, endpoint_url: str) -> Any:
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint_url else "virtual"},
    )
    url = endpoint_url or f"https://s3.{region}.amazonaws.com"
    return boto3.client("s3", region_name=region, endpoint_url=url, config=config)


def _unavailable(operation: str, error: Exception) -> MediaUnavailable:
    """Only the class of the error is logged: its text may contain a signed address."""
    code = type(error).__name__
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))[:100] or code
    log.error("media_bucket_failed", operation=operation, error=code)
    return MediaUnavailable(code)
