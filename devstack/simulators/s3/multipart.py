"""Objects that are sent in parts (Amazon S3 User Guide, "Uploading and copying objects using
multipart upload"): nothing is there before all of them are."""

import hashlib
import re
import threading
import uuid
from dataclasses import dataclass, field

from devstack.simulators.s3.errors import S3Error

MIN_PART_BYTES = 5 * 1024 * 1024
MAX_NUMBER = 10_000
MAX_OPEN = 100
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_NUMBER = re.compile(r"<PartNumber>(\d+)</PartNumber>")
_ETAG = re.compile(r"<ETag>(?:&quot;|\")?([0-9a-f]{32})(?:&quot;|\")?</ETag>")


@dataclass
class _Open:
    bucket: str
    key: str
    content_type: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Assembled:
    """A whole object."""

    content_type: str
    body: bytes


def etag(part: bytes) -> str:
    return hashlib.md5(part, usedforsecurity=False).hexdigest()


class MultipartUploads:
    """At most 100 at a time; beyond it, the oldest are dropped. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}

    def begin(self, bucket: str, key: str, content_type: str) -> str:
        """Returns the id of the upload."""
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._open[upload_id] = _Open(bucket, key, content_type)
            while len(self._open) > MAX_OPEN:
                self._open.pop(next(iter(self._open)))
        return upload_id

    def put(self, bucket: str, key: str, upload_id: str, number: str, part: bytes) -> str:
        """Keeps a part and returns its tag. Raises `S3Error`."""
        if not number.isdecimal() or not 1 <= int(number) <= MAX_NUMBER:
            raise S3Error(400, "InvalidArgument", "partNumber")
        with self._lock:
            self._found(bucket, key, upload_id).parts[int(number)] = part
        return etag(part)

    def assembled(self, bucket: str, key: str, upload_id: str, body: str) -> Assembled:
        """The object of the parts that the body lists, in their order. Raises `S3Error`."""
        listed = [(_NUMBER.search(each), _ETAG.search(each)) for each in _PART.findall(body)]
        with self._lock:
            upload = self._found(bucket, key, upload_id)
            parts = []
            for number, tag in listed:
                part = upload.parts.get(int(number[1])) if number else None
                if part is None or tag is None or tag[1] != etag(part):
                    raise S3Error(400, "InvalidPart")
                parts.append(part)
        numbers = [int(number[1]) for number, _ in listed if number]
        if not parts or numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder")
        if any(len(part) < MIN_PART_BYTES for part in parts[:-1]):
            raise S3Error(400, "EntityTooSmall")
        return Assembled(upload.content_type, b"".join(parts))

    def end(self, bucket: str, key: str, upload_id: str) -> None:
        """Forgets the upload and its parts. Raises `S3Error`."""
        with self._lock:
            self._found(bucket, key, upload_id)
            del self._open[upload_id]

    def count(self) -> int:
        """How many are open: their parts are billed until they end."""
        with self._lock:
            return len(self._open)

    def _found(self, bucket: str, key: str, upload_id: str) -> _Open:
        upload = self._open.get(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise S3Error(404, "NoSuchUpload")
        return upload
