"""S3 over HTTP, with addresses of the form `/s3/<bucket>/<key>`: forms, objects that are put whole
or in parts, HEAD and GET with ranges and versions, tags, and what deletes."""

import base64
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar
from xml.sax.saxutils import escape, unescape

from flask import Blueprint, request
from werkzeug.http import http_date
from werkzeug.wrappers import Response

from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Operations
from devstack.simulators.s3.errors import (
    S3Error,
    error_response,
    refusal,
    request_id,
    xml_response,
)
from devstack.simulators.s3.multipart import MultipartUploads, etag
from devstack.simulators.s3.object_store import ObjectStore, Version
from devstack.simulators.s3.policies import check_form
from devstack.simulators.s3.signatures import Keys, SignedRequest, check_request
from devstack.simulators.wire import Call, Endpoint, current_call, json_response
from service.core.clock import Clock

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_MAX_KEYS = 1000
_CHECKSUM = "x-amz-checksum-crc32"
# As botocore writes it.
_LISTED = re.compile("<Object><Key>([^<]*)</Key><VersionId>([^<]*)</VersionId></Object>")


@dataclass(frozen=True)
class Posted:
    """A form: the fields in front of the file, and the file (None: there is none)."""

    fields: dict[str, str]
    file: bytes | None


class S3:
    """One account. Buckets are there as soon as something is put into them."""

    name = "s3"
    faults: ClassVar[Operations] = {
        "post": RESPONSE_FAULTS,
        "put": RESPONSE_FAULTS,
        "parts": RESPONSE_FAULTS,
        "head": RESPONSE_FAULTS,
        "get": RESPONSE_FAULTS,
        "tags": RESPONSE_FAULTS,
        "list": RESPONSE_FAULTS,
        "delete": RESPONSE_FAULTS,
    }

    def __init__(self, injector: FaultInjector, clock: Clock, keys: Keys) -> None:
        self._injector = injector
        self._clock = clock
        self._keys = keys
        self._store = ObjectStore()
        self._multipart = MultipartUploads()

    def blueprint(self) -> Blueprint:
        """All routes, without the `/s3` prefix."""
        routes = Blueprint("s3", __name__)
        routes.get("/__objects")(self.objects)
        routes.post("/__objects/<bucket>/<path:key>/tags")(self.scan)
        bucket = "/<bucket>"
        for address in (bucket, f"{bucket}/"):
            routes.post(address, endpoint=f"post{len(address)}")(self.of_bucket)
            routes.get(address, endpoint=f"list{len(address)}")(self.versions)
        address = f"{bucket}/<path:key>"
        routes.add_url_rule(address, "object", self.of_object, methods=["GET", "DELETE"])
        routes.add_url_rule(address, "written", self.written, methods=["PUT", "POST"])
        return routes

    def objects(self) -> Response:
        """Everything that lies there: the vendor's own books."""
        shown = [
            {
                "bucket": each.bucket,
                "key": each.key,
                "versionId": each.version_id,
                "contentType": each.content_type,
                "size": len(each.body),
                "at": each.at,
            }
            for each in self._store.all()
        ]
        return json_response({"objects": shown, "openMultipartUploads": self._multipart.count()})

    def scan(self, bucket: str, key: str) -> Response:
        """Sets tags of the latest version, as a scan for malware does."""
        version = self._store.get(bucket, key)
        version.tags.update({str(name): str(text) for name, text in request.get_json().items()})
        return json_response({"tags": version.tags})

    def of_bucket(self, bucket: str) -> Response:
        if "delete" in request.args:
            return self._signed("delete", lambda call: self._delete_many(bucket, call.body))
        posted = _posted()
        call = replace(current_call(), body=b"")
        return self._injector.call(
            Endpoint(self.name, "post", error_response),
            call,
            lambda _: _responded(lambda: self._write(bucket, posted)),
        )

    def versions(self, bucket: str) -> Response:
        prefix = request.args.get("prefix", "")
        if "versions" not in request.args:
            return error_response(501, "NotImplemented")
        return self._signed("list", lambda _: self._listed(bucket, prefix))

    def of_object(self, bucket: str, key: str) -> Response:
        version_id = request.args.get("versionId", "")
        upload_id = request.args.get("uploadId", "")
        if request.method == "DELETE" and upload_id:
            return self._signed("parts", lambda _: self._aborted(bucket, key, upload_id))
        if request.method == "DELETE":
            return self._signed("delete", lambda _: self._deleted(bucket, key, version_id))
        if "tagging" in request.args:
            return self._signed("tags", lambda _: self._tags(bucket, key, version_id))
        operation = "head" if request.method == "HEAD" else "get"
        wanted = request.headers.get("Range", "")
        return self._signed(operation, lambda _: self._object(bucket, key, version_id, wanted))

    def written(self, bucket: str, key: str) -> Response:
        """An object, whole or as one of the steps by which it is sent in parts."""
        arguments = request.args
        upload_id, number = arguments.get("uploadId", ""), arguments.get("partNumber", "")
        kind = request.headers.get("Content-Type", "binary/octet-stream")
        is_new_only = request.headers.get("If-None-Match") == "*"
        if request.method == "POST" and "uploads" in arguments:
            return self._signed("parts", lambda _: self._begun(bucket, key, kind))
        if request.method == "POST" and upload_id:
            return self._signed(
                "parts",
                lambda call: self._completed(bucket, key, upload_id, call.body, is_new_only),
            )
        if request.method == "PUT" and upload_id:
            return self._signed(
                "parts", lambda call: self._part(bucket, key, upload_id, number, call)
            )
        if request.method == "PUT":
            return self._signed("put", lambda call: self._put(bucket, key, kind, call, is_new_only))
        return error_response(501, "NotImplemented")

    def _put(self, bucket: str, key: str, kind: str, call: Call, is_new_only: bool) -> Response:
        _check_sum(call)
        version = self._new(bucket, key, kind, call.body, is_new_only)
        return Response(status=200, headers=_headers(version, whole=False))

    def _new(self, bucket: str, key: str, kind: str, body: bytes, is_new_only: bool) -> Version:
        if is_new_only and any(each.key == key for each in self._store.below(bucket, key)):
            raise S3Error(412, "PreconditionFailed")
        return self._store.put(bucket, key, kind, body, self._clock.now())

    def _begun(self, bucket: str, key: str, kind: str) -> Response:
        upload_id = self._multipart.begin(bucket, key, kind)
        return xml_response(
            f"<InitiateMultipartUploadResult><Bucket>{escape(bucket)}</Bucket>"
            f"<Key>{escape(key)}</Key><UploadId>{upload_id}</UploadId>"
            "</InitiateMultipartUploadResult>"
        )

    def _part(self, bucket: str, key: str, upload_id: str, number: str, call: Call) -> Response:
        _check_sum(call)
        tag = self._multipart.put(bucket, key, upload_id, number, call.body)
        headers = request_id() | {"ETag": f'"{tag}"', _CHECKSUM: _sum_of(call.body)}
        return Response(status=200, headers=headers)

    def _completed(
        self, bucket: str, key: str, upload_id: str, body: bytes, is_new_only: bool
    ) -> Response:
        whole = self._multipart.assembled(bucket, key, upload_id, body.decode())
        version = self._new(bucket, key, whole.content_type, whole.body, is_new_only)
        self._multipart.end(bucket, key, upload_id)
        response = xml_response(
            f"<CompleteMultipartUploadResult><Key>{escape(key)}</Key>"
            f"<ETag>&quot;{etag(whole.body)}-1&quot;</ETag></CompleteMultipartUploadResult>"
        )
        response.headers["x-amz-version-id"] = version.version_id
        return response

    def _aborted(self, bucket: str, key: str, upload_id: str) -> Response:
        self._multipart.end(bucket, key, upload_id)
        return Response(status=204, headers=request_id())

    def _signed(self, operation: str, act: Callable[[Call], Response]) -> Response:
        call, signed, now = current_call(), _signed_request(), self._clock.now()

        def checked() -> Response:
            check_request(signed, self._keys, now)
            return act(call)

        endpoint = Endpoint(self.name, operation, error_response)
        # A file is not for the journal.
        shown = replace(call, body=b"") if operation in ("put", "parts") else call
        return self._injector.call(endpoint, shown, lambda _: _responded(checked))

    def _write(self, bucket: str, posted: Posted) -> Response:
        if posted.file is None:
            raise S3Error(400, "InvalidArgument", "POST requires exactly one file upload")
        now = self._clock.now()
        key, kind = check_form(posted.fields, bucket, len(posted.file), self._keys, now)
        version = self._store.put(bucket, key, kind, posted.file, now)
        return Response(status=204, headers=_headers(version, whole=False))

    def _object(self, bucket: str, key: str, version_id: str, wanted: str) -> Response:
        version = self._store.get(bucket, key, version_id)
        headers = _headers(version, whole=True)
        matched = _RANGE.fullmatch(wanted)
        if not matched:
            return Response(version.body, headers=headers, content_type=version.content_type)
        first, last = int(matched[1]), min(int(matched[2]), len(version.body) - 1)
        if first > last:
            raise S3Error(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(version.body)}"
        part = version.body[first : last + 1]
        return Response(part, 206, headers, content_type=version.content_type)

    def _tags(self, bucket: str, key: str, version_id: str) -> Response:
        tags = self._store.get(bucket, key, version_id).tags
        listed = "".join(
            f"<Tag><Key>{escape(name)}</Key><Value>{escape(text)}</Value></Tag>"
            for name, text in tags.items()
        )
        return xml_response(f"<Tagging><TagSet>{listed}</TagSet></Tagging>")

    def _listed(self, bucket: str, prefix: str) -> Response:
        found = self._store.below(bucket, prefix)
        listed = "".join(
            f"<Version><Key>{escape(each.key)}</Key><VersionId>{each.version_id}</VersionId>"
            "</Version>"
            for each in found[:_MAX_KEYS]
        )
        more = str(len(found) > _MAX_KEYS).lower()
        return xml_response(
            f"<ListVersionsResult><IsTruncated>{more}</IsTruncated>{listed}</ListVersionsResult>"
        )

    def _deleted(self, bucket: str, key: str, version_id: str) -> Response:
        if not version_id:
            raise S3Error(501, "NotImplemented", "Deletes without a version are not simulated")
        self._store.delete(bucket, key, version_id)
        return Response(status=204, headers=request_id())

    def _delete_many(self, bucket: str, body: bytes) -> Response:
        for each in _LISTED.finditer(body.decode()):
            self._store.delete(bucket, unescape(each[1]), each[2])
        return xml_response("<DeleteResult></DeleteResult>")


def _responded(act: Callable[[], Response]) -> Response:
    try:
        return act()
    except S3Error as error:
        return refusal(error)


def _sum_of(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()


def _check_sum(call: Call) -> None:
    """Raises `S3Error` for a body that is another than its sender has summed."""
    given = {name.lower(): text for name, text in call.headers.items()}.get(_CHECKSUM)
    if given is not None and given != _sum_of(call.body):
        raise S3Error(400, "BadDigest")


def _headers(version: Version, *, whole: bool) -> dict[str, str]:
    headers = request_id() | {
        "ETag": f'"{etag(version.body)}"',
        "x-amz-version-id": version.version_id,
    }
    if whole:
        headers |= {"Last-Modified": http_date(version.at // 1000), "Accept-Ranges": "bytes"}
    return headers


def _posted() -> Posted:
    """Only one file is taken, in the field `file`."""
    file = request.files.get("file")
    body = file.read() if file is not None and len(list(request.files.items(True))) == 1 else None
    return Posted(dict(request.form.items(True)), body)


def _signed_request() -> SignedRequest:
    raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or "")
    path = raw.partition("?")[0] or request.path
    query = request.query_string.decode("latin-1")
    return SignedRequest(request.method, path, query, dict(request.headers), request.get_data())
