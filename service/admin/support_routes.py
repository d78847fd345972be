"""Routes for whoever helps users: find one, read what happened, settle a job, release a device."""

from collections.abc import Callable

import structlog
from flask import Blueprint, Response

from service.admin.entities import Action, LogDamaged
from service.admin.lookup import Lookup
from service.admin.routes import (
    ACTION_ERRORS,
    ACTION_HEADERS,
    PRIVATE_ERRORS,
    action_of,
    performed_response,
    require_user_id,
)
from service.admin.schemas import ActionSchema, PerformedSchema
from service.admin.support import JOB_ID, SettledJob, Support
from service.admin.support_schemas import (
    AdminJobSchema,
    DeviceReleaseRequestSchema,
    EmailQuerySchema,
    FoundUsersSchema,
    SettledJobSchema,
    TimelineQuerySchema,
    TimelineSchema,
    UserSchema,
    UserSearchRequestSchema,
    found_body,
    job_body,
    timeline_body,
    user_body,
)
from service.admin.timeline import Timeline
from service.core.errors import FareboxError
from service.core.principal import Operator
from service.jobs.entities import JobNotFound, ReleaseNotAllowed
from service.ledger.entities import TooManyWaiting, UserNotFound, WalletBusy, WalletFrozen
from service.storage.cursor import PageTokenInvalid
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.users.entities import DeviceAlreadyReleased, DeviceNotFound, FingerprintRequired
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_FIND = (
    "By a user's id, the e-mail address of the sign-up, a device's fingerprint, or a job's id. "
    "Everybody who has a device is found, its owner first. An address that has changed since the "
    "sign-up is not known. A request's id and a provider's task id have no index: the log lines "
    "of a request name its job, and the command `farebox find` reads the whole table for a task."
)
_RESOLVE = (
    "Queries the provider now, and settles what can be settled, as the worker does: safe at any "
    "time. Recorded also where nothing could be settled."
)
_RELEASE = (
    "Releases a job past its hard limit that nothing settles. The provider is queried once more, "
    "and a certain outcome is settled as usual. Otherwise nothing is charged, and a late result is "
    "given to the user and counted as house loss."
)
_RELEASE_DEVICE = (
    "Lets others sign up with a device that this user has, such as one that was sold. The user "
    "keeps working with it. Release it for each user who has it (search by `device`)."
)
_MOVE_ERRORS: tuple[type[FareboxError], ...] = (
    UserNotFound,
    JobNotFound,
    WalletFrozen,
    WalletBusy,
    TooManyWaiting,
    *ACTION_ERRORS,
)

log = structlog.get_logger()


def support_blueprint(lookup: Lookup, timeline: Timeline, support: Support) -> Blueprint:
    blueprint = Blueprint("support", __name__)
    _add_search(blueprint, lookup)
    _add_user(blueprint, lookup)
    _add_timeline(blueprint, timeline)
    _add_job(blueprint, lookup)
    _add_job_action(blueprint, "resolve", _RESOLVE, (), support.resolve_job)
    _add_job_action(blueprint, "release", _RELEASE, (ReleaseNotAllowed,), support.release_job)
    _add_device_release(blueprint, support)
    return blueprint


def _add_search(blueprint: Blueprint, lookup: Lookup) -> None:
    schema = UserSearchRequestSchema()

    @blueprint.post("/admin/search")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Find a user",
            operation_id="searchUsers",
            description=_FIND,
            body=UserSearchRequestSchema,
            response=FoundUsersSchema,
            errors=(DataKeyUnavailable, DataUnreadable, StorageUnavailable),
            example={"by": "email", "value": "ann@example.com"},
        )
    )
    def post_search(operator: Operator) -> Response:
        del operator
        body = read_body(schema)
        return success({"users": [*map(found_body, lookup.find(body["by"], body["value"]))]})


def _add_user(blueprint: Blueprint, lookup: Lookup) -> None:
    query_schema = EmailQuerySchema()

    @blueprint.get("/admin/users/<user_id>")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Get a user",
            operation_id="getUser",
            description="Wallet, devices and newest jobs. The e-mail address is masked unless "
            "`showEmail` asks for it, which is logged with the operator's id.",
            query=EmailQuerySchema,
            response=UserSchema,
            errors=(UserNotFound, DataKeyUnavailable, DataUnreadable, StorageUnavailable),
        )
    )
    def get_user(operator: Operator, user_id: str) -> Response:
        show_email = read_query(query_schema)["show_email"]
        record = lookup.user(user_id)
        if show_email:
            log.info("email_shown", operator_id=operator.operator_id, user_id=user_id)
        return success(user_body(record, show_email=show_email))


def _add_timeline(blueprint: Blueprint, timeline: Timeline) -> None:
    query_schema = TimelineQuerySchema()

    @blueprint.get("/admin/users/<user_id>/timeline")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Read what happened to a user",
            operation_id="getUserTimeline",
            description="Entries of the ledger, jobs, devices, the sign-up and what operators did, "
            "in the order of time, newest first.",
            query=TimelineQuerySchema,
            response=TimelineSchema,
            errors=(
                UserNotFound,
                PageTokenInvalid,
                LogDamaged,
                *PRIVATE_ERRORS,
            ),
        )
    )
    def get_timeline(operator: Operator, user_id: str) -> Response:
        del operator
        require_user_id(user_id)
        query = read_query(query_schema)
        return success(timeline_body(timeline.page(user_id, query["limit"], query["next_token"])))


def _add_job(blueprint: Blueprint, lookup: Lookup) -> None:
    @blueprint.get("/admin/users/<user_id>/jobs/<job_id>")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Get a user's job",
            operation_id="getUserJob",
            description="The job as it is stored, with what the provider calls it.",
            response=AdminJobSchema,
            errors=(JobNotFound, StorageUnavailable),
        )
    )
    def get_user_job(operator: Operator, user_id: str, job_id: str) -> Response:
        del operator
        return success(job_body(lookup.job(user_id, job_id)))


def _add_job_action(
    blueprint: Blueprint,
    verb: str,
    description: str,
    errors: tuple[type[FareboxError], ...],
    act: Callable[[Action, str, str], SettledJob],
) -> None:
    schema = ActionSchema()

    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary=f"{verb.capitalize()} a job by hand",
            operation_id=f"{verb}UserJob",
            description=description,
            body=ActionSchema,
            response=SettledJobSchema,
            errors=(*errors, *_MOVE_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_job_action(operator: Operator, user_id: str, job_id: str) -> Response:
        facts = {JOB_ID: job_id}
        action = action_of(operator, f"{verb}_job", user_id, read_body(schema), facts=facts)
        settled = act(action, user_id, job_id)
        return performed_response(settled.performed, job=job_body(settled.job))

    rule = f"/admin/users/<user_id>/jobs/<job_id>/{verb}"
    blueprint.add_url_rule(rule, f"post_{verb}_job", post_job_action, methods=["POST"])


def _add_device_release(blueprint: Blueprint, support: Support) -> None:
    schema = DeviceReleaseRequestSchema()

    @blueprint.post("/admin/users/<user_id>/devices/<device>/release")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Release a user's device for others",
            operation_id="releaseUserDevice",
            description=_RELEASE_DEVICE,
            body=DeviceReleaseRequestSchema,
            response=PerformedSchema,
            errors=(
                UserNotFound,
                DeviceNotFound,
                DeviceAlreadyReleased,
                FingerprintRequired,
                *ACTION_ERRORS,
            ),
            headers=ACTION_HEADERS,
        )
    )
    def post_device_release(operator: Operator, user_id: str, device: str) -> Response:
        body = read_body(schema)
        facts = {"device": device}
        action = action_of(operator, "release_device", user_id, body, facts=facts)
        return performed_response(
            support.release_device(action, user_id, device, body["fingerprint"])
        )
