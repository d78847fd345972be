"""Replacing a password."""

from dataclasses import replace

import pytest

from service.core.principal import Principal, SignInMethod
from service.passwords.entities import InvalidCredentials, LinkInvalid, NoPassword
from service.passwords.policy import PasswordRejected
from service.passwords.throttle import TooManyTries
from service.users.linking import Identities
from tests.doubles.service_harness import ServiceHarness, order
from tests.passwords.people import EMAIL, OTHER_PASSWORD, PASSWORD, People


def without_tries(world: ServiceHarness) -> list[dict[str, object]]:
    return [item for item in world.items() if not item["PK"]["S"].startswith("TRIES#")]


def test_a_mailed_link_replaces_the_password(people: People, world: ServiceHarness) -> None:
    people.user()
    people.request_reset()

    people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)

    assert people.sign_in(password=OTHER_PASSWORD)
    with pytest.raises(InvalidCredentials):
        people.sign_in(password=PASSWORD)
    templates = [mail.template for mail in people.mails()]
    assert templates == ["verify_email", "password_reset", "password_changed"]
    assert world.audit().violations == ()


def test_a_link_works_once(people: People, world: ServiceHarness) -> None:
    people.user()
    people.request_reset()
    token = people.token("password_reset")
    people.resets.reset(token, OTHER_PASSWORD)
    before = world.items()

    with pytest.raises(LinkInvalid):
        people.resets.reset(token, PASSWORD)

    assert world.items() == before


def test_a_link_is_valid_for_half_an_hour(people: People, world: ServiceHarness) -> None:
    people.user()
    people.request_reset()
    world.clock.advance(1800)
    before = world.items()

    with pytest.raises(LinkInvalid):
        people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)

    assert world.items() == before


def test_every_other_link_is_void_once_the_password_has_changed(people: People) -> None:
    people.user()
    people.request_reset()
    first = people.token("password_reset")
    people.request_reset()
    people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)

    with pytest.raises(LinkInvalid):
        people.resets.reset(first, PASSWORD)


def test_a_rejected_password_leaves_the_link_valid(people: People, world: ServiceHarness) -> None:
    people.user()
    people.request_reset()
    token = people.token("password_reset")
    before = world.items()

    with pytest.raises(PasswordRejected):
        people.resets.reset(token, "short")

    assert world.items() == before
    people.resets.reset(token, OTHER_PASSWORD)


@pytest.mark.parametrize("token", ["", "x", "q3ZkX0v7bN5t2mJ8hR4cW6yL1sD9fGaEuKpQzVxTnBo"])
def test_an_unknown_token_replaces_nothing(
    people: People, world: ServiceHarness, token: str
) -> None:
    people.user()
    before = world.items()

    with pytest.raises(LinkInvalid):
        people.resets.reset(token, OTHER_PASSWORD)

    assert world.items() == before


def test_the_token_of_a_registration_replaces_nothing(people: People) -> None:
    people.user()
    people.register("bob@example.org", device="tablet")

    with pytest.raises(LinkInvalid):
        people.resets.reset(people.token("verify_email"), OTHER_PASSWORD)


@pytest.mark.parametrize("email", ["nobody@example.org", "unverified@example.org"])
def test_no_one_else_receives_a_mail(people: People, email: str) -> None:
    people.user()
    people.register("unverified@example.org", device="tablet")
    mails = len(people.mails())

    people.request_reset(email)

    assert len(people.mails()) == mails


def test_only_the_very_address_that_was_verified_receives_a_link(people: People) -> None:
    """Its provider may deliver another spelling to someone else."""
    people.user("a.nn@gmail.com")
    people.request_reset("ann+x@gmail.com")
    assert [mail.template for mail in people.mails()] == ["verify_email"]

    people.request_reset("A.nn@Gmail.com")
    assert [mail.template for mail in people.mails()] == ["verify_email", "password_reset"]


def test_who_signs_in_with_google_receives_no_link_but_that_they_do(
    people: People, world: ServiceHarness
) -> None:
    """Whoever controls the mailbox alone must not become the Google user."""
    world.users.sign_up(order("ann").principal, world.users.digests("phone"))

    people.request_reset("ann@example.com")

    assert "password_reset" not in [mail.template for mail in people.mails()]


def test_who_knows_the_password_changes_it(people: People) -> None:
    people.user()
    principal = people.sign_in()

    people.resets.change(principal, PASSWORD, OTHER_PASSWORD)

    assert people.sign_in(password=OTHER_PASSWORD)
    assert people.mails()[-1].template == "password_changed"


def google(email: str) -> Principal:
    """Someone who has signed in with Google just now."""
    issuer = "https://accounts.google.com"
    return Principal(issuer, "110248495921238986420", email, True, SignInMethod.GOOGLE)


@pytest.mark.parametrize("way", ["change", "reset"])
def test_every_verified_address_learns_of_it_whichever_the_sign_in_had(
    people: People, world: ServiceHarness, way: str
) -> None:
    verified = people.user()
    world.parts.get(Identities).link(verified.user_id, google("ann@company.example"))
    signed_in = replace(google("ann@company.example"), subject=verified.user_id)

    if way == "change":
        people.resets.change(signed_in, PASSWORD, OTHER_PASSWORD)
    else:
        people.request_reset()
        people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)

    warned = [mail.to for mail in people.mails() if mail.template == "password_changed"]
    assert sorted(warned) == ["ann@company.example", EMAIL]
    assert world.audit().violations == ()


def test_an_address_that_was_unlinked_learns_nothing(people: People, world: ServiceHarness) -> None:
    verified = people.user()
    identities = world.parts.get(Identities)
    linked = identities.link(verified.user_id, google("ann@company.example"))[-1]
    identities.unlink(verified.user_id, linked.identity_id)

    people.resets.change(people.sign_in(), PASSWORD, OTHER_PASSWORD)

    warned = [mail.to for mail in people.mails() if mail.template == "password_changed"]
    assert warned == [EMAIL]


def test_a_linked_address_is_no_password_either(people: People, world: ServiceHarness) -> None:
    verified = people.user()
    world.parts.get(Identities).link(verified.user_id, google("ann@company.example"))
    before = without_tries(world)

    with pytest.raises(PasswordRejected):
        people.resets.change(people.sign_in(), PASSWORD, "ann@company.example")

    assert [mail.template for mail in people.mails()] == ["verify_email"]
    assert len(without_tries(world)) == len(before)


def test_a_stolen_session_does_not_change_it_and_cannot_guess(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    principal = people.sign_in()
    before = without_tries(world)

    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            people.resets.change(principal, "not the password", OTHER_PASSWORD)
    with pytest.raises(TooManyTries):
        people.resets.change(principal, PASSWORD, OTHER_PASSWORD)

    assert without_tries(world) == before


def test_a_weak_new_password_changes_nothing(people: People, world: ServiceHarness) -> None:
    people.user()
    principal = people.sign_in()
    before = without_tries(world)

    with pytest.raises(PasswordRejected):
        people.resets.change(principal, PASSWORD, EMAIL)

    assert without_tries(world) == before


def test_an_account_without_a_password_has_none_to_change(
    people: People, world: ServiceHarness
) -> None:
    principal = order("ann").principal
    world.users.sign_up(principal, world.users.digests("phone"))

    with pytest.raises(NoPassword):
        people.resets.change(principal, PASSWORD, OTHER_PASSWORD)
