"""What may happen while a password is replaced: other sign-ins, another change, an outage. And who
returns after an erasure."""

from collections.abc import Callable

import pytest

from service.app import create_app
from service.core.principal import Principal
from service.erasure.operations import Erasures
from service.passwords.entities import InvalidCredentials, LinkInvalid
from service.sessions.operations import Sessions
from service.storage.table import StorageUnavailable
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import EMAIL, OTHER_PASSWORD, PASSWORD, People

THIRD_PASSWORD = "nine tired otters"


def open_session(world: ServiceHarness, user: Principal) -> str:
    sessions = world.parts.get(Sessions)
    return sessions.open(user.subject, user, "phone", world.clock.now()).session_id


def live(world: ServiceHarness, user: Principal) -> list[str]:
    return [each.session_id for each in world.parts.get(Sessions).live(user.subject)]


def meanwhile(world: ServiceHarness, act: Callable[[], object]) -> None:
    """Does that once, just before the next transaction is sent."""
    wire = world.wire()

    def before(operation: str) -> None:
        if operation == "TransactWriteItems":
            wire.leave()
            act()

    wire.before(before)


def erase(world: ServiceHarness, user_id: str) -> None:
    world.parts.get(Erasures).request(user_id, "request-1")
    world.work_until(120)
    assert world.wallet(user_id).status == "closed"


def test_a_reset_ends_the_session_that_the_old_password_opens_meanwhile(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    user = people.sign_in()
    people.request_reset()
    meanwhile(world, lambda: open_session(world, user))

    people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)

    assert live(world, user) == []


def test_a_reset_whose_response_is_lost_has_ended_the_sessions(
    people: People, world: ServiceHarness
) -> None:
    """The password may have been replaced, so nothing older may go on."""
    people.user()
    user = people.sign_in()
    open_session(world, user)
    people.request_reset()
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-answer", times=5)
    with pytest.raises(StorageUnavailable):
        people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)
    wire.leave()

    assert live(world, user) == []
    assert people.sign_in(password=OTHER_PASSWORD)


def test_a_change_keeps_the_session_that_requested_it_alone(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    user = people.sign_in()
    own, _ = open_session(world, user), open_session(world, user)
    signed_in = Principal(user.issuer, user.subject, EMAIL, session_id=own)

    people.resets.change(signed_in, PASSWORD, OTHER_PASSWORD)

    assert live(world, user) == [own]


def test_a_change_does_not_replace_a_password_that_is_newer(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    user = people.sign_in()
    people.request_reset()
    token = people.token("password_reset")
    meanwhile(world, lambda: people.resets.reset(token, OTHER_PASSWORD))

    with pytest.raises(InvalidCredentials):
        people.resets.change(user, PASSWORD, THIRD_PASSWORD)

    assert people.sign_in(password=OTHER_PASSWORD)
    with pytest.raises(InvalidCredentials):
        people.sign_in(password=THIRD_PASSWORD)


def test_of_two_links_at_once_one_replaces_the_password(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    people.request_reset()
    first = people.token("password_reset")
    people.request_reset()
    second = people.token("password_reset")
    meanwhile(world, lambda: people.resets.reset(second, OTHER_PASSWORD))

    with pytest.raises(LinkInvalid):
        people.resets.reset(first, THIRD_PASSWORD)

    assert people.sign_in(password=OTHER_PASSWORD)


def test_whoever_has_erased_their_account_returns_under_its_id_and_is_not_welcomed_again(
    people: People, world: ServiceHarness
) -> None:
    before = people.user()
    erase(world, before.user_id)
    with pytest.raises(InvalidCredentials):
        people.sign_in()

    people.register(password=OTHER_PASSWORD)
    after = people.verify(password=OTHER_PASSWORD)

    assert after.user_id == before.user_id
    assert people.sign_in(password=OTHER_PASSWORD).subject == before.user_id
    assert world.wallet(before.user_id).credits == 0
    assert world.audit().violations == ()


def test_nothing_is_mailed_about_an_account_that_was_erased(
    people: People, world: ServiceHarness
) -> None:
    verified = people.user()
    erase(world, verified.user_id)
    mails = len(people.mails())

    people.request_reset()

    assert len(people.mails()) == mails


def test_a_sign_in_with_the_password_of_before_leaves_no_session(
    people: People, world: ServiceHarness
) -> None:
    """Its session is stored once all that there are have been ended."""
    user_id = people.user().user_id
    people.request_reset()
    token, done = people.token("password_reset"), list[str]()

    def replace_password(operation: str) -> None:
        account = people.accounts.account(user_id) if operation == "PutItem" else None
        if account is not None and account.last_login_at is not None and not done:
            done.append(operation)
            people.resets.reset(token, OTHER_PASSWORD)

    world.wire().before(replace_password)
    client = create_app(world.parts).test_client()
    response = client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert (response.status_code, done) == (401, ["PutItem"])
    assert world.parts.get(Sessions).live(user_id) == []
    again = client.post("/auth/login", json={"email": EMAIL, "password": OTHER_PASSWORD})
    assert again.status_code == 200
    assert len(world.parts.get(Sessions).live(user_id)) == 1
