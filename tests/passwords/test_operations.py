"""Registering, and verifying the address."""

from collections import Counter

import pytest

from service.core.amounts import SCALE
from service.passwords.entities import LinkInvalid, RegistrationPasswordWrong
from service.passwords.policy import PasswordRejected
from service.users.entities import DeviceAlreadyUsed, EmailAlreadyUsed, SystemLimitReached
from tests.doubles.service_harness import ServiceHarness, order
from tests.passwords.people import EMAIL, OTHER_PASSWORD, PASSWORD, People

DAY = 24 * 3600


def test_a_registration_mails_a_link_and_makes_no_one_a_user(
    people: People, world: ServiceHarness
) -> None:
    people.register()

    (mail,) = people.mails()
    assert (mail.template, mail.to) == ("verify_email", EMAIL)
    assert world.count() == 0
    assert not any("PASSWORD" in kind or "METADATA" in kind for kind in people.kinds())


def test_the_table_shows_neither_address_nor_password_nor_token(
    people: People, world: ServiceHarness
) -> None:
    people.register()
    token = people.token()

    stored = str(world.items())
    assert EMAIL not in stored
    assert token not in stored
    assert "argon2" not in stored


def test_a_weak_password_is_refused_and_nothing_is_written(
    people: People, world: ServiceHarness
) -> None:
    with pytest.raises(PasswordRejected):
        people.register(password="123456789987654321")

    assert world.items() == []


def test_verifying_makes_a_user_with_credits_and_a_password(
    people: People, world: ServiceHarness
) -> None:
    verified = people.user()

    assert verified.user_id.startswith("usr_")
    assert verified.address == EMAIL
    assert world.wallet(verified.user_id).credits == 3 * SCALE
    assert people.sign_in().subject == verified.user_id
    assert world.audit().violations == ()


def test_a_link_works_once(people: People, world: ServiceHarness) -> None:
    people.register()
    token = people.token()
    people.verify(token)
    before = world.items()

    with pytest.raises(LinkInvalid):
        people.verify(token)

    assert world.items() == before


@pytest.mark.parametrize("password", [OTHER_PASSWORD, "", PASSWORD + " "])
def test_the_owner_of_an_address_confirms_no_account_that_a_stranger_has_registered(
    people: People, world: ServiceHarness, password: str
) -> None:
    """The stranger knows the password and not the link, the owner the link and not the password."""
    people.register()
    before = world.items()

    with pytest.raises(RegistrationPasswordWrong):
        people.verify(password=password)

    assert world.items() == before
    assert people.verify().address == EMAIL


@pytest.mark.parametrize("token", ["", "x", "q3ZkX0v7bN5t2mJ8hR4cW6yL1sD9fGaEuKpQzVxTnBo"])
def test_an_unknown_token_verifies_nothing(
    people: People, world: ServiceHarness, token: str
) -> None:
    people.register()
    before = world.items()

    with pytest.raises(LinkInvalid):
        people.verify(token)

    assert world.items() == before


def test_a_link_is_valid_for_a_day_also_where_its_item_is_still_there(
    people: People, world: ServiceHarness
) -> None:
    people.register()
    people.register("bob@example.org", device="tablet")
    first, second = [mail.fields["token"] for mail in people.mails()]
    world.clock.advance(DAY - 1)
    people.verify(first)
    world.clock.advance(1)

    with pytest.raises(LinkInvalid):
        people.verify(second)


def test_the_token_of_a_reset_verifies_no_address(people: People) -> None:
    people.user()
    people.request_reset()

    with pytest.raises(LinkInvalid):
        people.verify(people.token("password_reset"))


def test_several_registrations_of_one_address_wait_and_the_verified_one_counts(
    people: People, world: ServiceHarness
) -> None:
    people.register(password=PASSWORD, device="squatter")
    people.register(password=OTHER_PASSWORD, device="phone")
    squatted, own = [mail.fields["token"] for mail in people.mails()]

    verified = people.verify(own, OTHER_PASSWORD)

    assert people.sign_in(password=OTHER_PASSWORD).subject == verified.user_id
    with pytest.raises(EmailAlreadyUsed):
        people.verify(squatted)
    assert world.count() == 1
    assert world.audit().violations == ()


def test_who_has_an_account_receives_that_by_mail_and_nothing_else_happens(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    before = people.kinds()

    people.register("Ann@Example.org", password=OTHER_PASSWORD)

    assert [mail.template for mail in people.mails()][1:] == ["account_exists"]
    added = Counter(people.kinds()) - Counter(before)
    assert sorted(kind.rpartition("/")[2] for kind in added.elements()) == ["MAIL", "REGISTRATION"]
    assert people.sign_in(password=PASSWORD)


def test_another_spelling_of_a_mailbox_is_the_same_account(people: People) -> None:
    people.user("a.nn+news@gmail.com")
    people.register("ANN@googlemail.com", password=OTHER_PASSWORD)

    assert [mail.template for mail in people.mails()][1:] == ["account_exists"]
    assert people.sign_in("ann@gmail.com")


def test_an_unverified_registration_does_not_hinder_the_owner(
    people: People, world: ServiceHarness
) -> None:
    """The owner signs in with Google, on the device that the squatter has named."""
    people.register("ann@example.com", device="phone")

    world.users.sign_up(order("ann").principal, world.users.digests("phone"))

    assert world.wallet("ann").credits == 3 * SCALE
    with pytest.raises((EmailAlreadyUsed, DeviceAlreadyUsed)):
        people.verify()
    assert world.count() == 1


def test_a_device_of_another_is_refused_and_the_link_stays_valid(
    people: People, world: ServiceHarness
) -> None:
    world.users.sign_up(order("bob").principal, world.users.digests("phone"))
    people.register()
    before = world.items()

    with pytest.raises(DeviceAlreadyUsed):
        people.verify()

    assert world.items() == before


def test_the_cap_on_users_refuses_and_the_link_stays_valid(people: People) -> None:
    for number in range(33):
        people.user(f"user-{number}@example.org", device=f"device-{number}")
    people.register("late@example.org", device="late")

    for _ in range(2):
        with pytest.raises(SystemLimitReached):
            people.verify()


def test_a_throwaway_mailbox_gets_an_account_without_credits(
    people: People, world: ServiceHarness
) -> None:
    verified = people.user("ann@mailinator.com")

    assert world.wallet(verified.user_id).credits == 0
