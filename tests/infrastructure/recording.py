"""Records at botocore and at the client of DynamoDB which AWS actions a process needs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import Outcome
from tests.infrastructure.permissions import Call

# IAM has no action for a transaction: each of its parts must be permitted.
PARTS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
READS = ("GetItem", "BatchGetItem", "Query", "Scan")
# What DynamoDB, Secrets Manager and S3 do with our key on behalf of the caller (AWS KMS key
# policies of the first two; Amazon S3, PutObject and GetObject).
FOR_READING = ("kms:Decrypt", "kms:DescribeKey")
FOR_WRITING = ("kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")
FOR_OBJECTS = {"GetObject": ("kms:Decrypt",), "PutObject": ("kms:Decrypt", "kms:GenerateDataKey")}
# The actions that IAM has for S3's calls on versions (Amazon S3, Required permissions for Amazon S3
# API operations), and whether they concern the bucket itself.
ON_VERSIONS = {
    "HeadObject": ("GetObject", False),
    "GetObject": ("GetObjectVersion", False),
    **dict.fromkeys(("PutObject", "CreateMultipartUpload", "UploadPart"), ("PutObject", False)),
    "CompleteMultipartUpload": ("PutObject", False),
    "AbortMultipartUpload": ("AbortMultipartUpload", False),
    "DeleteObjects": ("DeleteObjectVersion", False),
    "ListObjectVersions": ("ListBucketVersions", True),
}
UPLOADS = "uploads"


class Recorder:
    """Records the calls of the container named by `working`."""

    def __init__(self, named: Mapping[str, str]) -> None:
        """`named` maps the name of a secret or a bucket to its kind of resource."""
        self.calls: set[Call] = set()
        self._named = named
        self._container = ""

    @contextmanager
    def working(self, container: str) -> Iterator[None]:
        """Records, within the block, the calls of every client of DynamoDB and of every client of
        a new default session."""
        former, self._container = boto3.DEFAULT_SESSION, container
        boto3.setup_default_session()
        session: Any = boto3.DEFAULT_SESSION
        session.events.register("before-parameter-build", self._see)
        call, see = DynamoDb.call, self._see_dynamodb

        def noted(client: DynamoDb, operation: str, parameters: Mapping[str, Any]) -> Outcome:
            see(operation, parameters)
            return call(client, operation, parameters)

        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(DynamoDb, "call", noted)
                yield
        finally:
            boto3.DEFAULT_SESSION = former

    def _see_dynamodb(self, operation: str, parameters: Mapping[str, Any]) -> None:
        for action, index in _dynamodb(operation, parameters):
            named = "closed days" if _is_closed_day(parameters) else "table"
            self._add(f"dynamodb:{action}", "index" if index else named)
            self._add_key(FOR_READING if action in READS else FOR_READING + FOR_WRITING)

    def _see(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        if service == "kms":
            self._add(f"kms:{model.name}", self._named.get(params["KeyId"], "(something else)"))
            return
        if service == "sesv2":
            # SES checks the identity and the configuration set of each mail.
            for resource in ("mail identity", "mail configuration set"):
                self._add("ses:SendEmail", resource)
            return
        if service == "s3" and self._named.get(params["Bucket"]) == UPLOADS:
            self._see_upload(model.name, params)
            return
        name = params.get("Bucket" if service == "s3" else "SecretId", "")
        self._add(f"{service}:{model.name}", self._named.get(name, "(something else)"))
        self._add_key(FOR_OBJECTS[model.name] if service == "s3" else FOR_READING)

    def _see_upload(self, operation: str, params: Mapping[str, Any]) -> None:
        if operation == "CreateBucket":
            # What botocore takes for the model of a form: a browser writes by what it signs away.
            self._add("s3:PutObject", UPLOADS)
            self._add_key(FOR_OBJECTS["PutObject"])
            return
        action, is_of_bucket = ON_VERSIONS[operation]
        if operation == "GetObject" and "VersionId" not in params:
            action = operation
        kind = "uploads bucket" if is_of_bucket else _kind_of_file(params)
        self._add(f"s3:{action}", kind)
        if operation == "HeadObject":
            # Otherwise S3 does not say that a file is not there.
            self._add("s3:ListBucket", "uploads bucket")
        if action.startswith(("Get", "Put")):
            self._add_key(FOR_OBJECTS[action.removesuffix("Version")])

    def _add(self, action: str, resource: str) -> None:
        self.calls.add(Call(self._container, action, resource))

    def _add_key(self, actions: tuple[str, ...]) -> None:
        for action in actions:
            self._add(action, "key")


def _kind_of_file(params: Mapping[str, Any]) -> str:
    """A user's own file, or the copy of a video, by its key."""
    deleted = params.get("Delete", {}).get("Objects", [{}])
    key = str(params.get("Key") or deleted[0].get("Key"))
    return "videos" if key.startswith("videos/") else UPLOADS


def _is_closed_day(params: Mapping[str, Any]) -> bool:
    """Whether this puts an item into the one partition that the audit may write."""
    return bool(params.get("Item", {}).get("PK") == {"S": "ANALYTICS"})


def _dynamodb(operation: str, params: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The actions of one request, each with whether it reads an index."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        return [(PARTS[part], False) for item in params["TransactItems"] for part in item]
    return [(operation, "IndexName" in params)]
