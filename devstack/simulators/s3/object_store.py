"""The objects of all buckets, every version of them, in memory."""

import threading
import uuid
from dataclasses import dataclass, field

from devstack.simulators.s3.errors import S3Error

MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Version:
    """One version of one object. `at` is in epoch milliseconds."""

    bucket: str
    key: str
    version_id: str
    content_type: str
    at: int
    body: bytes = field(repr=False)
    tags: dict[str, str] = field(default_factory=dict)


class ObjectStore:
    """Keeps 512 MB; beyond it, the oldest versions are dropped. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: list[Version] = []

    def put(self, bucket: str, key: str, content_type: str, body: bytes, at: int) -> Version:
        version = Version(bucket, key, uuid.uuid4().hex, content_type, at, body)
        with self._lock:
            self._versions.append(version)
            kept = sum(len(each.body) for each in self._versions)
            while kept > MAX_BYTES:
                kept -= len(self._versions.pop(0).body)
        return version

    def get(self, bucket: str, key: str, version_id: str = "") -> Version:
        """That version, or the latest. Raises `S3Error`."""
        found = [each for each in self.below(bucket, key) if each.key == key]
        if version_id:
            found = [each for each in found if each.version_id == version_id]
        if not found:
            raise S3Error(404, "NoSuchVersion" if version_id else "NoSuchKey")
        return found[-1]

    def below(self, bucket: str, prefix: str) -> list[Version]:
        """Oldest first."""
        with self._lock:
            return [
                each
                for each in self._versions
                if each.bucket == bucket and each.key.startswith(prefix)
            ]

    def delete(self, bucket: str, key: str, version_id: str) -> None:
        """That version; nothing where there is none, as S3 has it."""
        with self._lock:
            self._versions = [
                each
                for each in self._versions
                if (each.bucket, each.key, each.version_id) != (bucket, key, version_id)
            ]

    def all(self) -> list[Version]:
        with self._lock:
            return list(self._versions)
