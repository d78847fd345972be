"""Which events a user learns of by mail, and whether they want to.

In a file of its own because events are for the house, and few of them are for their user."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from service.core.mailboxes import InvalidAddress, address_of
from service.notifications.entities import Event, EventType
from service.notifications.mail import MailBox
from service.notifications.mail_entities import Mail, MailTemplate
from service.notifications.mail_preferences import MailPreferences
from service.storage.data_keys import DataErased

log = structlog.get_logger()

_TO_CONFIRM = (
    "Your bank wants you to confirm the payment of your automatic top-up. Nothing was charged yet: "
    "open the page below within 7 days, and confirm it there."
)
_NOT_PAID = (
    "The payment of your automatic top-up failed. Nothing was charged: check your saved payment "
    "method, or buy credits yourself."
)
_STILL_ON = "Automatic top-up stays on, and is tried again when your credits run low."
_NOW_OFF = "Automatic top-up is now switched off. You can switch it on again in your settings."


class AlertMails:
    """Makes mails of low balances, of credits that will expire or were taken back, and of
    top-ups that failed, once each."""

    def __init__(
        self,
        box: MailBox,
        preferences: MailPreferences,
        email_of: Callable[[str], str | None],
    ) -> None:
        """`email_of` returns the verified address of a user, None where there is none: a mail to
        another would reach a stranger. It raises
        `StorageUnavailable`, `DataKeyUnavailable` and `DataUnreadable`."""
        self._box = box
        self._preferences = preferences
        self._email_of = email_of

    def publish(self, happened: Event) -> None:
        """A handler of the outbox. Raises what `MailBox.put_once` and `email_of` raise: the event
        is due again."""
        found = _mail_of(happened)
        if found is None or not self._preferences.wants_mail(happened.user_id):
            return
        template, fields = found
        try:
            to = address_of(self._email_of(happened.user_id) or "").text
            mail_id = f"alert-{happened.event_id}"
            self._box.put_once(Mail(mail_id, happened.user_id, to, template, fields))
        except InvalidAddress:
            log.debug("alert_has_no_address", event_id=happened.event_id)
        except DataErased:
            log.debug("alert_of_an_erased_user", event_id=happened.event_id)


def _mail_of(happened: Event) -> tuple[MailTemplate, Mapping[str, str]] | None:
    """Amounts stay as the event has them, digit for digit. Pure."""
    content: Any = json.loads(happened.body, parse_float=str, parse_int=str)
    data = content["data"]
    match happened.type:
        case EventType.CREDITS_LOW:
            fields = {"credits": data["credits"], "threshold": data["threshold"]}
            return MailTemplate.LOW_BALANCE, fields
        case EventType.CREDITS_EXPIRING:
            fields = {"credits": data["credits"], "expires_at": data["expiresAt"]}
            return MailTemplate.CREDITS_EXPIRING, fields
        case EventType.TOP_UP_FAILED:
            return MailTemplate.TOP_UP_FAILED, {
                "what_happened": _TO_CONFIRM if data["actionRequired"] else _NOT_PAID,
                "what_follows": _STILL_ON if data["enabled"] else _NOW_OFF,
            }
        case EventType.CREDITS_CLAWED_BACK:
            return MailTemplate.CREDITS_CLAWED_BACK, {
                "credits": data["amount"],
                "what_follows": _after_claw_back(data["debt"]),
            }
        case _:
            return None


def _after_claw_back(debt: str) -> str:
    if debt == "0":
        return "All other credits stay yours."
    return (
        f"You had spent some of them, so you owe {debt} credits: the next credits that you buy or "
        "receive pay them first."
    )
