"""Mails are sent at least once, by one process at a time, and say nothing in clear where they are
stored."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.notifications.entities import RETRY_MILLISECONDS, State
from service.notifications.mail import MailTemplate, mail_write
from service.notifications.mail_entities import (
    MailAttempt,
    MailResult,
    OutgoingMail,
)
from service.notifications.mail_limits import MAX_MAILS
from service.notifications.mail_sending import ERASED, LEASE_MILLISECONDS, LIMITED
from service.storage.data_keys import DataErased
from service.storage.keys import HOUSE, data_key
from tests.doubles.clock import FakeClock
from tests.notifications.conftest import Postbox
from tests.notifications.mailing import ADDRESS, TOKEN, MailHarness, hits, mail, stored

FAILED = MailAttempt(MailResult.FAILED, "ReadTimeoutError")
REFUSED = MailAttempt(MailResult.REFUSED, "MessageRejected")
DAY = 86_400


@pytest.fixture
def world() -> MailHarness:
    world = MailHarness()
    world.finish()
    return world


@pytest.mark.parametrize("template", MailTemplate)
def test_every_template_is_sent_and_then_forgotten(
    world: MailHarness, template: MailTemplate
) -> None:
    assert world.mail_box.put_once(mail(template=template))
    assert stored(world).mail.content is not None
    assert world.audit().violations == ()
    world.settle()
    [sent] = world.postbox.mails
    assert (sent.to, sent.mail_id) == (ADDRESS, "m1")
    after = stored(world)
    assert (after.progress.state, after.mail.content) == (State.DELIVERED, None)
    assert (after.sent_id, after.ended_at) == ("ses-1", world.clock.now())
    assert world.audit().violations == ()


def test_the_same_business_key_is_one_mail(world: MailHarness) -> None:
    assert [world.mail_box.put_once(mail()) for _ in range(2)] == [True, False]
    world.settle()
    assert not world.mail_box.put_once(mail())
    world.settle()
    assert len(world.postbox.mails) == 1


def test_a_mail_of_a_transaction_is_queued_with_it(world: MailHarness) -> None:
    sealed = world.mail_box.seal(mail())
    assert hits(world) == []
    world.table.transact([mail_write(sealed, world.clock.now())])
    world.settle()
    assert [each.to for each in world.postbox.mails] == [ADDRESS]


@pytest.mark.parametrize("template", [MailTemplate.PASSWORD_RESET, MailTemplate.PASSWORD_CHANGED])
def test_neither_the_address_nor_a_field_lies_in_the_table_in_clear(
    world: MailHarness, template: MailTemplate
) -> None:
    world.postbox.planned = [FAILED]
    with capture_logs() as logs:
        world.mail_box.put_once(mail(template=template))
        world.settle()
    text = f"{world.items()} {logs}"
    assert ADDRESS not in text
    assert TOKEN not in text
    assert TOKEN not in repr(world.postbox.mails[0])


def test_what_a_stranger_may_cause_makes_no_data_key(world: MailHarness) -> None:
    """A registration that is never confirmed leaves nothing behind, and takes as long as one of an
    address that has an account."""
    for number, template in enumerate((MailTemplate.VERIFY_EMAIL, MailTemplate.ACCOUNT_EXISTS)):
        world.mail_box.put_once(mail(f"m{number}", template, user_id="usr_new"))
    assert world.table.get(data_key("usr_new")) is None
    assert world.table.get(data_key(HOUSE)) is not None
    world.settle()
    assert len(world.postbox.mails) == 2
    assert world.audit().violations == ()


@pytest.mark.parametrize("times", [1, 2])
def test_an_unknown_outcome_is_tried_again_under_the_same_id(
    world: MailHarness, times: int
) -> None:
    world.postbox.planned = [FAILED] * times
    world.mail_box.put_once(mail())
    world.settle()
    assert stored(world).error == "ReadTimeoutError"
    assert world.audit().violations == ()
    world.send_until(60)
    assert [each.mail_id for each in world.postbox.mails] == ["m1"] * (times + 1)
    assert len(set(world.postbox.mails)) == 1
    assert (stored(world).progress.state, stored(world).error) == (State.DELIVERED, "")


def test_a_refusal_is_a_dead_letter_at_once_and_can_be_redriven(world: MailHarness) -> None:
    world.postbox.planned = [REFUSED]
    world.mail_box.put_once(mail())
    with capture_logs() as logs:
        world.settle()
    assert [each["why"] for each in logs if each["event"] == "mail_dead_letter"] == [
        "MessageRejected"
    ]
    world.send_until(DAY)
    assert len(world.postbox.mails) == 1
    assert world.audit().violations == ()
    [letter] = world.dead_letters.all()
    assert (letter.user_id, letter.event_id, letter.type) == ("ann", "m1", "mail.password_changed")
    assert (letter.error, letter.endpoint_id) == ("MessageRejected", None)
    world.redrive(letter)
    world.redrive(letter)
    world.settle()
    assert len(world.postbox.mails) == 2
    assert world.dead_letters.all() == ()
    assert (stored(world).progress.state, stored(world).mail.content) == (State.DELIVERED, None)
    assert world.audit().violations == ()


def test_what_fails_for_three_days_is_a_dead_letter(world: MailHarness) -> None:
    world.postbox.planned = [FAILED] * 100
    world.mail_box.put_once(mail())
    world.send_until(RETRY_MILLISECONDS / 1000 - 60)
    assert stored(world).progress.state is State.PENDING
    world.send_until(120)
    assert stored(world).progress.state is State.DEAD
    assert 10 < len(world.postbox.mails) < 30
    tried = len(world.postbox.mails)
    world.send_until(DAY)
    assert len(world.postbox.mails) == tried


def test_a_mail_is_not_tried_for_longer_than_its_link_works(world: MailHarness) -> None:
    world.postbox.planned = [FAILED] * 100
    until = world.clock.now() + 3_600_000
    short = replace(mail(template=MailTemplate.PASSWORD_RESET), useful_until=until)
    world.mail_box.put_once(short)
    world.send_until(3700)
    assert stored(world).progress.state is State.DEAD


def test_two_processes_that_find_the_same_mail_send_it_once(world: MailHarness) -> None:
    other = MailHarness(world, world.postbox)
    world.mail_box.put_once(mail())
    [hit] = hits(world)
    assert [world.sending.dispatch(hit), other.sending.dispatch(hit)] == [True, False]
    assert len(world.postbox.mails) == 1


def test_a_process_that_is_overtaken_after_it_has_read_a_mail_does_not_send_it(
    world: MailHarness,
) -> None:
    class Overtaken(FakeClock):
        """Another process sends the mail when this one is about to claim it."""

        calls = -100

        def now(self) -> int:
            self.calls += 1
            if self.calls == 2:
                assert world.sending.dispatch(hit)
            return world.clock.now()

    clock = Overtaken()
    other = MailHarness(world, world.postbox, clock=clock)
    world.mail_box.put_once(mail())
    [hit] = hits(world)
    clock.calls = 0
    assert not other.sending.dispatch(hit)
    assert clock.calls == 2
    assert len(world.postbox.mails) == 1


def test_a_process_that_dies_between_sending_and_recording_sends_the_same_mail_again(
    world: MailHarness,
) -> None:
    class Died(BaseException):
        pass

    class Dying(Postbox):
        def send(self, mail: OutgoingMail) -> MailAttempt:
            super().send(mail)
            raise Died

    dying = Dying()
    other = MailHarness(world, dying)
    world.mail_box.put_once(mail())
    with pytest.raises(Died):
        other.settle()
    world.settle()
    assert world.postbox.mails == []
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    world.settle()
    assert world.postbox.mails == dying.mails


def test_an_address_receives_five_mails_of_a_kind_in_any_hour(world: MailHarness) -> None:
    for number in range(MAX_MAILS + 2):
        user_id = f"usr_{number}"
        to = ADDRESS.upper() if number % 2 else ADDRESS
        world.mail_box.put_once(mail("m1", MailTemplate.VERIFY_EMAIL, to, user_id))
        world.settle()
        world.clock.advance(60)
    assert len(world.postbox.mails) == MAX_MAILS
    limited = stored(world, user_id=f"usr_{MAX_MAILS}")
    assert (limited.progress.state, limited.error) == (State.CANCELLED, LIMITED)
    assert limited.mail.content is None
    assert world.audit().violations == ()
    world.mail_box.put_once(mail("other", to="bob@mail.example"))
    world.settle()
    assert len(world.postbox.mails) == MAX_MAILS + 1
    world.clock.advance(3600 - 60 * (MAX_MAILS + 2))
    world.mail_box.put_once(mail("m1", MailTemplate.VERIFY_EMAIL, user_id="usr_late"))
    world.settle()
    assert len(world.postbox.mails) == MAX_MAILS + 2


def test_others_cannot_use_up_the_mails_that_reset_a_password(world: MailHarness) -> None:
    for number in range(MAX_MAILS + 2):
        world.mail_box.put_once(mail(f"exists-{number}", MailTemplate.ACCOUNT_EXISTS))
    world.mail_box.put_once(mail("reset", MailTemplate.PASSWORD_RESET))
    world.settle()
    assert "reset" in [each.mail_id for each in world.postbox.mails]


def test_a_mail_that_is_tried_again_does_not_count_against_itself(world: MailHarness) -> None:
    for number in range(MAX_MAILS - 1):
        world.mail_box.put_once(mail(f"before-{number}"))
    world.settle()
    world.postbox.planned = [FAILED]
    world.mail_box.put_once(mail())
    world.send_until(60)
    assert stored(world).progress.state is State.DELIVERED


def test_a_mail_that_is_tried_often_counts_once(world: MailHarness) -> None:
    world.postbox.planned = [FAILED] * (MAX_MAILS + 3)
    world.mail_box.put_once(mail())
    world.send_until(DAY)
    assert len(world.postbox.mails) == MAX_MAILS + 4
    assert stored(world).progress.state is State.DELIVERED


def test_a_mail_to_an_erased_user_is_not_sent(world: MailHarness) -> None:
    world.mail_box.put_once(mail())
    world.mail_box._data_keys.erase("ann")
    world.settle()
    assert world.postbox.mails == []
    assert (stored(world).progress.state, stored(world).error) == (State.CANCELLED, ERASED)
    with pytest.raises(DataErased):
        world.mail_box.put_once(mail("m2"))
    assert world.mail_box.put_once(mail("m3", MailTemplate.ACCOUNT_ERASED))
    world.settle()
    assert [each.mail_id for each in world.postbox.mails] == ["m3"]
    assert world.audit().violations == ()


def test_a_mail_that_cannot_be_opened_becomes_a_dead_letter(world: MailHarness) -> None:
    """Not one that is tried for ever, and none that keeps the others."""
    world.mail_box.put_once(mail())
    world.mail_box.put_once(mail("m2"))
    content = world.items_of("MAIL#m2")[0]["content"]
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "MAIL#ann"}, "SK": {"S": "MAIL#m1"}},
        UpdateExpression="SET content = :other",
        ExpressionAttributeValues={":other": content},
    )
    world.send_until(RETRY_MILLISECONDS / 1000 + 60)
    assert [each.mail_id for each in world.postbox.mails] == ["m2"]
    assert [each.event_id for each in world.dead_letters.all()] == ["m1"]


@pytest.mark.parametrize(
    "change",
    [
        {"mail_id": "evt_01kb7r3v6q8f2x0m4n5p6q7r8s"},
        {"mail_id": "a#b"},
        {"mail_id": ""},
        {"mail_id": "x" * 101},
        {"fields": {}},
        {"fields": {"changed_at": "2026-11-29T15:00:00.000Z", "more": "x"}},
        {"fields": {"changed_at": "x" * 2001}},
        {"to": "ann"},
        {"to": "ann@mail.example\r\nBcc: all@mail.example"},
        {"to": "ann@mail.example, bob@mail.example"},
        {"to": "Ann <ann@mail.example>"},
        {"to": "a@b@c.example"},
        {"to": f"{'a' * 250}@b.example"},
    ],
)
def test_a_mail_that_cannot_be_sent_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mail|needs"):
        replace(mail(), **change)
