"""A user learns of a low balance and of credits that will expire by mail, unless they have switched
that off; an export shows their mails, and an erasure cancels them."""

from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.erasure import ErasurePhase, StepOutcome
from service.core.settings import Url
from service.ledger.entities import UserNotFound
from service.notifications import keys
from service.notifications.entities import Event, EventType, State, event
from service.notifications.mail import MailTemplate
from service.notifications.mail_entities import MailAttempt, MailResult
from service.notifications.mail_preferences import MailPreferences
from tests.doubles.people import CAT, cognito, google
from tests.notifications.mailing import MailHarness, mail, stored

FAILED = MailAttempt(MailResult.FAILED, "ReadTimeoutError")


@pytest.fixture
def world() -> MailHarness:
    world = MailHarness(mail_from="no-reply@example.com", app_url=Url("https://app.example.com"))
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    world.finish()
    return world


@pytest.fixture
def preferences(world: MailHarness) -> MailPreferences:
    return MailPreferences(world.table, world.ledger)


def expiring(world: MailHarness, user_id: str = "ann") -> Event:
    data = {"credits": 0.125, "expiresAt": "2026-12-03T00:00:00.000Z"}
    one = event(EventType.CREDITS_EXPIRING, user_id, "1", world.clock.now(), data)
    world.outbox.put_once(one)
    return one


def test_a_low_balance_is_mailed_to_the_address_of_the_sign_up(world: MailHarness) -> None:
    world.low_balance.set("ann", 2 * SCALE)
    world.finish()
    world.hand_on()
    [sent] = world.postbox.mails
    assert sent.to == "ann@example.com"
    assert "You have 1 credit left, less than the 2 that you set" in " ".join(sent.text.split())


def test_an_address_that_no_one_has_verified_receives_nothing(world: MailHarness) -> None:
    """It may be a stranger's."""
    who = cognito(CAT, "stranger@gmail.com", verified=False)
    world.users.sign_up(who, world.users.digests("laptop"))
    expiring(world, CAT)
    world.hand_on()
    assert world.postbox.mails == []
    world.users.resolve(cognito(CAT, "cat@gmail.com"))
    expiring(world, CAT)
    world.hand_on()
    assert world.postbox.mails == []


def test_credits_that_will_expire_are_mailed_once_however_often_it_is_handed_on(
    world: MailHarness,
) -> None:
    one = expiring(world)
    world.hand_on()
    for handler in world.outbox._handlers:
        handler(one)
    world.hand_on()
    [sent] = world.postbox.mails
    assert "0.125 of your credits expire on 3 December 2026" in sent.text
    assert sent.mail_id == f"alert-{one.event_id}"
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    ("needs_buyer", "enabled", "words"),
    [
        (True, True, "bank wants you to confirm"),
        (False, True, "check your saved payment method"),
        (False, False, "switched off"),
    ],
)
def test_a_top_up_that_failed_is_mailed_with_what_to_do(
    world: MailHarness, needs_buyer: bool, enabled: bool, words: str
) -> None:
    data = {"actionRequired": needs_buyer, "enabled": enabled, "reason": "declined"}
    world.outbox.put_once(event(EventType.TOP_UP_FAILED, "ann", "1", world.clock.now(), data))
    world.hand_on()
    [sent] = world.postbox.mails
    assert words in sent.text
    assert sent.text.count("/billing") == 1
    assert ("switched off" in sent.text) is not enabled


@pytest.mark.parametrize(
    ("debt", "words"), [("0", "All other credits stay yours"), ("0.5", "you owe 0.5 credits")]
)
def test_credits_that_were_taken_back_are_mailed_with_what_is_owed(
    world: MailHarness, debt: str, words: str
) -> None:
    data = {"amount": 110.125, "debt": float(debt) if "." in debt else int(debt)}
    world.outbox.put_once(event(EventType.CREDITS_CLAWED_BACK, "ann", "1", world.clock.now(), data))
    world.hand_on()
    [sent] = world.postbox.mails
    assert "110.125 credits" in sent.text
    assert words in sent.text


def test_other_events_are_for_the_house_alone(world: MailHarness) -> None:
    mailed = (
        *(EventType.CREDITS_LOW, EventType.CREDITS_EXPIRING, EventType.TOP_UP_FAILED),
        EventType.CREDITS_CLAWED_BACK,
    )
    for kind in EventType:
        if kind not in mailed:
            world.outbox.put_once(event(kind, "ann", "1", world.clock.now(), {}))
    world.hand_on()
    assert world.postbox.mails == []


def test_a_user_switches_mails_off_and_on(world: MailHarness, preferences: MailPreferences) -> None:
    assert preferences.of_user("ann")
    preferences.set("ann", mail=False)
    assert not preferences.of_user("ann")
    expiring(world)
    world.hand_on()
    assert world.postbox.mails == []
    assert world.mail_box.put_once(mail())
    world.hand_on()
    assert [each.mail_id for each in world.postbox.mails] == ["m1"]
    preferences.set("ann", mail=True)
    assert preferences.of_user("ann")
    assert world.audit().violations == ()


def test_who_has_no_account_has_no_preferences(
    world: MailHarness, preferences: MailPreferences
) -> None:
    before = world.items()
    with pytest.raises(UserNotFound):
        preferences.set("bob", mail=False)
    with pytest.raises(UserNotFound):
        preferences.of_user("bob")
    assert world.items() == before


@pytest.mark.parametrize("address", [None, "no address"])
def test_who_has_no_address_receives_none(world: MailHarness, address: str | None) -> None:
    change: dict[str, Any] = {"Key": {"PK": {"S": "USER#ann"}, "SK": {"S": "PROFILE"}}}
    if address is None:
        change["UpdateExpression"] = "REMOVE email"
    else:
        change["UpdateExpression"] = "SET email = :email"
        change["ExpressionAttributeValues"] = {":email": {"S": address}}
    world.client.update_item(TableName="Memory", **change)
    one = expiring(world)
    world.hand_on()
    assert world.postbox.mails == []
    assert world.table.get(keys.mail("ann", f"alert-{one.event_id}")) is None


def test_an_erased_user_receives_none(world: MailHarness) -> None:
    world.mail_box._data_keys.erase("ann")
    expiring(world)
    world.hand_on()
    assert world.postbox.mails == []
    assert world.dead_letters.all() == ()


def test_without_a_sender_no_alert_becomes_a_mail() -> None:
    world = MailHarness()
    world.finish()
    expiring(world)
    world.hand_on()
    assert world.postbox.mails == []
    assert world.items_of("MAIL#") == []


def test_an_erasure_cancels_what_has_not_been_sent_but_for_its_own_report(
    world: MailHarness,
) -> None:
    step = next(each for each in world.parts.erasure_steps() if each.name == "mails")
    assert step.phase is ErasurePhase.REMOVE
    world.postbox.planned = [FAILED] * 3
    for number in range(60):
        world.mail_box.put_once(mail(f"m{number:02d}"))
    world.mail_box.put_once(mail("last", MailTemplate.ACCOUNT_ERASED))
    world.mail_box.put_once(mail("others", user_id="bob"))
    assert [step.run("ann"), step.run("ann")] == [StepOutcome.DONE] * 2
    world.settle()
    assert {stored(world, f"m{number:02d}").progress.state for number in range(60)} == {
        State.CANCELLED
    }
    assert {each.mail_id for each in world.postbox.mails} == {"last", "others"}
    held = [item for item in world.items_of("MAIL#m") if "content" in item]
    assert held == []


def test_an_export_shows_every_mail_and_the_settings(world: MailHarness) -> None:
    parts = {part.name: part for part in world.parts.export_parts()}
    for number in range(60):
        world.mail_box.put_once(mail(f"m{number:02d}"))
    shown: Any = parts["mails"].read("ann")
    first, *others = list(shown)
    assert len(others) == 59
    assert (first["template"], first["state"], first["endedAt"]) == (
        "password_changed",
        "pending",
        None,
    )
    assert parts["notificationSettings"].read("ann") == {"mail": True}
