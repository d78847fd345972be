"""The routes about notifications, and the hook that reports refused requests."""

from flask import Blueprint, Flask, Response, g

from service.core.principal import Principal
from service.ledger.entities import UserNotFound
from service.ledger.low_balance import LowBalance
from service.notifications.mail_preferences import MailPreferences
from service.notifications.refusals import Refusals
from service.notifications.schemas import (
    AlertsInputSchema,
    AlertsSchema,
    PreferencesInputSchema,
    PreferencesSchema,
    alerts_body,
    preferences_body,
)
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

# 402 below /v1, where OpenAI's clients read it.
_REFUSED = (402, 403, 429)


def alerts_blueprint(low_balance: LowBalance) -> Blueprint:
    blueprint = Blueprint("alerts", __name__)
    schema = AlertsInputSchema()

    @blueprint.get("/me/alerts")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get what you are notified of",
            operation_id="getAlerts",
            description="Those that the signed-in user has chosen.",
            response=AlertsSchema,
            errors=(UserNotFound, StorageUnavailable),
        )
    )
    def get_alerts(principal: Principal) -> Response:
        return success(alerts_body(low_balance.get(principal.subject)))

    @blueprint.put("/me/alerts")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Set what you are notified of",
            operation_id="setAlerts",
            description="Replaces the whole setting. Each time the balance falls below the "
            "threshold is one notification.",
            body=AlertsInputSchema,
            response=AlertsSchema,
            errors=(UserNotFound, StorageUnavailable),
            example={"lowBalance": 5},
        )
    )
    def put_alerts(principal: Principal) -> Response:
        threshold = read_body(schema)["low_balance"] or 0
        low_balance.set(principal.subject, threshold)
        return success(alerts_body(threshold))

    return blueprint


def preferences_blueprint(preferences: MailPreferences) -> Blueprint:
    blueprint = Blueprint("notifications", __name__)
    schema = PreferencesInputSchema()

    @blueprint.get("/me/notifications")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get how you are notified",
            operation_id="getNotificationSettings",
            description="By mail, until the signed-in user switches that off.",
            response=PreferencesSchema,
            errors=(UserNotFound, StorageUnavailable),
        )
    )
    def get_preferences(principal: Principal) -> Response:
        return success(preferences_body(preferences.of_user(principal.subject)))

    @blueprint.put("/me/notifications")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Set how you are notified",
            operation_id="setNotificationSettings",
            description="Replaces the whole setting.",
            body=PreferencesInputSchema,
            response=PreferencesSchema,
            errors=(UserNotFound, StorageUnavailable),
            example={"mail": False},
        )
    )
    def put_preferences(principal: Principal) -> Response:
        mail: bool = read_body(schema)["mail"]
        preferences.set(principal.subject, mail=mail)
        return success(preferences_body(mail))

    return blueprint


def report_refusals(app: Flask, refusals: Refusals) -> None:
    """Has refused requests of signed-in users reported, once their response is made."""

    def report(response: Response) -> Response:
        principal, code = g.get("principal"), g.get("error_code")
        if response.status_code in _REFUSED and principal is not None and code:
            refusals.refused(principal.subject, code)
        return response

    app.after_request(report)
