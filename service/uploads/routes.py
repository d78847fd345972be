"""The routes of uploads: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.ledger.entities import AccountClosing, WalletBusy
from service.storage.table import StorageUnavailable
from service.uploads.entities import (
    TooManyOpenUploads,
    UploadDailyLimit,
    UploadNotFound,
    UploadNotScanned,
    UploadsNotConfigured,
    UploadsUnavailable,
    UploadTooBig,
    UploadUnusable,
)
from service.uploads.operations import Uploads
from service.uploads.schemas import (
    UploadFormSchema,
    UploadRequestSchema,
    UploadSchema,
    form_body,
    upload_body,
)
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

UPLOADS_PER_MINUTE = 60

POST_URL = Endpoint(
    access=Access.USER,
    summary="Begin to upload a file",
    operation_id="createUpload",
    scope=SessionScope.CREATE_JOBS,
    description="Returns a form to post one file with, straight to the storage: of exactly this "
    "type, of at most this size, for some minutes. Then complete the upload, or use it at once.",
    body=UploadRequestSchema,
    response=UploadFormSchema,
    caller_limit=UPLOADS_PER_MINUTE,
    errors=(
        *(UploadsNotConfigured, UploadTooBig, TooManyOpenUploads, UploadDailyLimit),
        *(AccountClosing, WalletBusy, UploadsUnavailable, StorageUnavailable),
    ),
    example={"filename": "astronaut.jpg", "contentType": "image/jpeg", "size": 482113},
)
COMPLETE = Endpoint(
    access=Access.USER,
    summary="Complete an upload",
    operation_id="completeUpload",
    scope=SessionScope.CREATE_JOBS,
    description="Checks the file that was received. From then on, exactly this version of it is "
    "used, whatever is posted later. Optional: the first paid request that names the upload does "
    "the same. Repeating it returns the same.",
    response=UploadSchema,
    caller_limit=UPLOADS_PER_MINUTE,
    errors=(
        *(UploadsNotConfigured, UploadNotFound, UploadUnusable, UploadNotScanned),
        *(UploadsUnavailable, StorageUnavailable),
    ),
)


def uploads_blueprint(uploads: Uploads) -> Blueprint:
    blueprint = Blueprint("uploads", __name__)
    request_schema = UploadRequestSchema()

    @blueprint.post("/upload/url")
    @endpoint(POST_URL)
    def post_upload_url(principal: Principal) -> Response:
        body = read_body(request_schema)
        begun = uploads.begin(principal.subject, body["content_type"], body["size"])
        return success(form_body(begun))

    @blueprint.post("/uploads/<upload_id>/complete")
    @endpoint(COMPLETE)
    def post_complete(principal: Principal, upload_id: str) -> Response:
        return success(upload_body(uploads.complete(principal.subject, upload_id)))

    return blueprint
