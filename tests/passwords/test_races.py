"""Links that are opened at the same time, erasure, and what DynamoDB itself decides."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.passwords.entities import InvalidCredentials, LinkInvalid
from service.passwords.hashing import Hashes
from service.passwords.throttle import TooManyTries
from service.users.entities import EmailAlreadyUsed
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import EMAIL, OTHER_PASSWORD, PASSWORD, People, cheap_hashes

AT_ONCE = 12


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(
        client, table_name, replacements={Hashes: cheap_hashes()}, password_response_seconds=0.0
    )


def at_once(*calls: Callable[[], object]) -> list[object]:
    """The results of all calls, or the errors that they raise."""

    def call(function: Callable[[], object]) -> object:
        try:
            return function()
        except (LinkInvalid, EmailAlreadyUsed, InvalidCredentials, TooManyTries) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_one_link_opened_many_times_makes_one_user(people: People, world: ServiceHarness) -> None:
    people.register()
    token = people.token()

    found = at_once(*[lambda: people.verify(token)] * AT_ONCE)

    verified = {str(each) for each in found if not isinstance(each, LinkInvalid)}
    assert len(verified) == 1
    assert world.count() == 1
    assert people.sign_in()
    assert world.audit().violations == ()


def test_two_links_of_one_address_make_one_user(people: People, world: ServiceHarness) -> None:
    people.register(password=PASSWORD, device="phone")
    people.register(password=OTHER_PASSWORD, device="tablet")
    first, second = [mail.fields["token"] for mail in people.mails()]

    found = at_once(lambda: people.verify(first), lambda: people.verify(second, OTHER_PASSWORD))

    assert sum(isinstance(each, EmailAlreadyUsed) for each in found) == 1
    assert world.count() == 1
    assert world.audit().violations == ()


def test_parallel_guesses_do_not_outrun_the_count(people: People) -> None:
    people.user()

    found = at_once(*[lambda: people.sign_in(password="not the password")] * 30)

    verified = sum(isinstance(each, InvalidCredentials) for each in found)
    assert 1 <= verified <= 6


def test_one_reset_link_opened_many_times_replaces_the_password_once(people: People) -> None:
    people.user()
    people.request_reset()
    token = people.token("password_reset")

    found = at_once(*[lambda: people.resets.reset(token, OTHER_PASSWORD)] * AT_ONCE)

    assert sum(each is None for each in found) == 1
    credentials = people.accounts.find(EMAIL)
    assert credentials is not None
    assert credentials.revision == 2


def test_erasure_leaves_nothing_by_which_anyone_could_sign_in(
    people: People, world: ServiceHarness
) -> None:
    verified = people.user()
    people.sign_in()

    for _ in range(2):
        people.accounts.erase(verified.user_id)

    assert not any(kind.startswith("PASSWORD/") for kind in people.kinds())
    assert "USER/PASSWORD" not in people.kinds()
    assert people.accounts.account(verified.user_id) is None
    with pytest.raises(InvalidCredentials):
        people.sign_in()


def test_erasure_takes_up_what_a_crash_has_left(people: People, world: ServiceHarness) -> None:
    verified = people.user()
    wire = world.wire()
    wire.plan("DeleteItem", "lost-request", skip=1)
    with pytest.raises(Exception, match="table"):
        people.accounts.erase(verified.user_id)
    wire.leave()
    assert "USER/PASSWORD" in people.kinds()

    people.accounts.erase(verified.user_id)

    assert "USER/PASSWORD" not in people.kinds()


@pytest.mark.parametrize("fault", ["lost-answer", "late", "lost-request"])
def test_a_lost_response_to_a_verification_is_settled(
    people: People, world: ServiceHarness, fault: str
) -> None:
    people.register()
    token = people.token()
    wire = world.wire()
    wire.plan("TransactWriteItems", fault)

    people.verify(token)

    wire.deliver_late()
    wire.leave()
    assert world.count() == 1
    assert people.sign_in()
    assert world.audit().violations == ()
