"""Whoever is erased learns of the end by mail, and the address is kept no longer than for that."""

from typing import Any

import pytest

from service.core.settings import Url
from service.erasure import keys, store
from service.ledger.entities import WalletStatus
from service.notifications.mail_entities import MailAttempt, MailResult
from service.providers.base import TaskStatus
from service.storage.codec import decode_item
from service.storage.writes import Update, When
from tests.admin.admin_api import AdminApi
from tests.doubles.people import CAT, cognito, google
from tests.doubles.service_harness import ServiceHarness
from tests.erasure.lives import REQUEST, dump, erased, erasures
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import NotifyingHarness

SENDER: dict[str, Any] = {
    "mail_from": "no-reply@example.com",
    "app_url": Url("https://app.example.com"),
}


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    world = NotifyingHarness(memory, memory.name, **SENDER)
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    return world


def content(world: ServiceHarness, sk: str) -> list[Any]:
    return [decode_item(item) for item in world.items() if item["SK"]["S"].startswith(sk)]


@pytest.mark.parametrize("by_operator", [False, True])
def test_the_mail_is_sent_once_the_account_is_closed(
    world: NotifyingHarness, by_operator: bool
) -> None:
    job_id = world.submit("ann", "phone").job.job_id
    if by_operator:
        api = AdminApi(world)
        assert api.post("/admin/users/ann/erasure", {"reason": "Wrote to us."})[0] in (200, 202)
    else:
        erasures(world).request("ann", REQUEST)
    world.work_until(5)
    assert (world.postbox.mails, world.wallet("ann").status) == ([], WalletStatus.CLOSING)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(600)
    assert world.wallet("ann").status is WalletStatus.CLOSED
    (sent,) = world.postbox.mails
    assert (sent.to, sent.subject) == ("ann@example.com", "Farebox: Your account has been deleted")
    assert [item.get("content") for item in content(world, "MAIL#")] == [None]
    assert "notice" not in str(content(world, "ERASURE"))
    assert "ann@example.com" not in dump(world)
    assert world.audit().violations == ()


def test_an_address_that_no_one_has_verified_receives_nothing(world: NotifyingHarness) -> None:
    who = cognito(CAT, "stranger@gmail.com", verified=False)
    world.users.sign_up(who, world.users.digests("laptop"))
    erasures(world).request(CAT, REQUEST)
    assert "notice" not in str(content(world, "ERASURE"))


def test_without_a_sender_no_address_is_kept(memory: MemoryBehind) -> None:
    world = NotifyingHarness(memory, memory.name)
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    erased(world)
    assert (content(world, "MAIL#"), world.postbox.mails) == ([], [])


def test_a_mail_that_no_one_accepts_is_given_up_with_its_address(world: NotifyingHarness) -> None:
    world.postbox.planned = [MailAttempt(MailResult.REFUSED, "MessageRejected")]
    erased(world)
    (item,) = content(world, "MAIL#")
    assert (item["state"], item.get("content")) == ("dead", None)
    (letter,) = world.dead_letters.all()
    world.redrive(letter)
    world.settle()
    assert len(world.postbox.mails) == 1


def test_an_address_that_outlives_the_erasure_is_found(world: NotifyingHarness) -> None:
    erased(world)
    world.table.write(Update(keys.erasure("ann"), When(), set={store.NOTICE: b"sealed"}))
    assert [each.what for each in world.audit().violations] == [
        "has ended, and still holds an address"
    ]
