"""Signing in with a password."""

from dataclasses import replace

import bcrypt
import pytest
from structlog.testing import capture_logs

from service.erasure.operations import Erasures
from service.ledger.entities import AccountClosing, AccountDisabled
from service.passwords import keys, store
from service.passwords.entities import InvalidCredentials
from service.passwords.throttle import TooManyTries
from service.storage.writes import Update, When
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import CAFE, EMAIL, HOME, OTHER_PASSWORD, PASSWORD, People

WRONG = "not the password"


def refused(people: People, **attempt: str) -> type[Exception]:
    with pytest.raises((InvalidCredentials, TooManyTries)) as refusal:
        people.sign_in(**attempt)
    return refusal.type


def test_the_right_password_signs_in_and_that_is_recorded(
    people: People, world: ServiceHarness
) -> None:
    verified = people.user()
    world.clock.advance(60)

    principal = people.sign_in()

    assert (principal.subject, principal.email) == (verified.user_id, EMAIL)
    assert principal.email_verified
    assert principal.authenticated_at == world.clock.now()
    account = people.accounts.account(verified.user_id)
    assert account is not None
    assert account.last_login_at == world.clock.now()


def test_a_disabled_user_does_not_sign_in_and_only_the_password_shows_it(
    people: People, world: ServiceHarness
) -> None:
    user_id = people.user().user_id
    path = f"/admin/users/{user_id}/disable"
    assert AdminApi(world).post(path, {"reason": "Sells the videos."})[0] == 200
    before = people.accounts.account(user_id)
    with pytest.raises(AccountDisabled):
        people.sign_in()
    assert people.accounts.account(user_id) == before
    with pytest.raises(InvalidCredentials):
        people.sign_in(EMAIL, WRONG)


def test_no_one_signs_in_while_their_account_is_being_erased(
    people: People, world: ServiceHarness
) -> None:
    user_id = people.user().user_id
    world.parts.get(Erasures).request(user_id, "req_01kb7r3v6q8f2x0m4n5p6q7r8s")
    before = people.accounts.account(user_id)
    with pytest.raises(AccountClosing):
        people.sign_in()
    assert people.accounts.account(user_id) == before
    with pytest.raises(InvalidCredentials):
        people.sign_in(EMAIL, WRONG)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, WRONG),
        (EMAIL, PASSWORD.upper()),
        (EMAIL, f"{PASSWORD} "),
        ("nobody@example.org", PASSWORD),
        ("unverified@example.org", PASSWORD),
    ],
)
def test_every_failure_is_the_same_and_changes_no_account(
    people: People, world: ServiceHarness, email: str, password: str
) -> None:
    people.user()
    people.register("unverified@example.org", device="tablet")
    before = [item for item in world.items() if not item["PK"]["S"].startswith("TRIES#")]

    with pytest.raises(InvalidCredentials) as refusal:
        people.sign_in(email, password)

    assert refusal.value.details == {}
    assert refusal.value.message == InvalidCredentials.summary
    after = [item for item in world.items() if not item["PK"]["S"].startswith("TRIES#")]
    assert after == before


def test_guessing_from_one_network_is_slowed_down_and_others_are_not(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    for _ in range(4):
        assert refused(people, password=WRONG, network=CAFE) is InvalidCredentials
    assert refused(people, password=WRONG, network=CAFE) is InvalidCredentials

    assert refused(people, network=CAFE) is TooManyTries
    assert people.sign_in(network=HOME)


def test_an_unknown_address_is_slowed_down_in_the_same_way(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    found = []
    for email in (EMAIL, "nobody@example.org"):
        kinds = []
        for _ in range(8):
            kinds.append(refused(people, email=email, password=WRONG, network=CAFE).__name__)
        found.append(kinds)

    assert found[0] == found[1]
    assert "TooManyTries" in found[0]


def test_a_success_starts_the_count_anew(people: People, world: ServiceHarness) -> None:
    people.user()
    for _ in range(3):
        for _ in range(3):
            assert refused(people, password=WRONG) is InvalidCredentials
        assert people.sign_in()


def test_guessing_from_many_networks_is_slowed_down_but_not_where_the_owner_has_been(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    people.sign_in(network=HOME)
    kinds = set()
    for number in range(60):
        kinds.add(refused(people, password=WRONG, network=f"203.0.113.{number}"))

    assert kinds == {InvalidCredentials, TooManyTries}
    assert refused(people, network=CAFE) is TooManyTries
    assert people.sign_in(network=HOME)


def test_the_owner_is_never_locked_out_by_mail(people: People, world: ServiceHarness) -> None:
    people.user()
    for number in range(60):
        refused(people, password=WRONG, network=f"203.0.113.{number}")

    people.request_reset()
    people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)


def test_a_whole_ipv6_network_counts_as_one(people: People, world: ServiceHarness) -> None:
    people.user()
    kinds = []
    for number in range(8):
        kinds.append(refused(people, password=WRONG, network=f"2001:db8:1:2::{number}"))

    assert kinds[-1] is TooManyTries


def earlier_hash(people: People, world: ServiceHarness, password: bytes) -> None:
    """Replaces Ann's hash by one that an earlier system has left."""
    found = people.accounts.find(EMAIL)
    assert found is not None
    text = bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()
    sealed = people.accounts.seal_hash(found.digest, text)
    key = keys.credentials(found.digest)
    world.table.write(Update(key, When(equals={"PK": key.pk}), set={"sealed": sealed}))


def test_a_hash_of_an_earlier_system_is_replaced_at_the_first_sign_in(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    earlier_hash(people, world, b"old horse battery")
    assert refused(people) is InvalidCredentials

    people.sign_in(password="old horse battery")

    found = people.accounts.find(EMAIL)
    assert found is not None
    assert (people.accounts.open_hash(found) or "").startswith("$argon2id$")
    assert people.sign_in(password="old horse battery")


def test_after_that_all_of_a_long_password_counts(people: People, world: ServiceHarness) -> None:
    people.user()
    earlier_hash(people, world, b"x" * 72)

    people.sign_in(password="x" * 72 + "tail")

    assert refused(people, password="x" * 72) is InvalidCredentials
    assert people.sign_in(password="x" * 72 + "tail")


def test_a_password_that_is_replaced_meanwhile_signs_no_one_in(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    found = people.accounts.find(EMAIL)
    assert found is not None
    stale = replace(found, revision=found.revision - 1)
    key = keys.credentials(found.digest)
    assert store.login_write(stale, (), None, 0).when.equals["revision"] == 0
    world.table.write(Update(key, When(), set={"revision": 7}))

    with pytest.raises(InvalidCredentials):
        people.sign_ins._record(found, "network", None, world.clock.now())


def test_a_hash_that_was_copied_from_another_account_signs_no_one_in(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    people.user("eve@example.org", OTHER_PASSWORD, "tablet")
    ann, eve = people.accounts.find(EMAIL), people.accounts.find("eve@example.org")
    assert ann is not None
    assert eve is not None
    key = keys.credentials(ann.digest)
    world.table.write(Update(key, When(), set={"sealed": eve.sealed}))

    assert refused(people, password=OTHER_PASSWORD) is InvalidCredentials


def test_failures_are_logged_so_that_they_can_be_counted_and_name_no_one(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    with capture_logs() as lines:
        refused(people, password=WRONG, network=CAFE)
        refused(people, email=EMAIL.upper(), password=WRONG, network=HOME)
        refused(people, email="nobody@example.org", password=WRONG, network=CAFE)
        for _ in range(5):
            refused(people, password=WRONG, network=CAFE)

    failures = [line for line in lines if line["event"] == "password_sign_in_failed"]
    mailboxes = [line["mailbox"] for line in failures]
    networks = [line["network"] for line in failures]
    assert mailboxes[0] == mailboxes[1] != mailboxes[2]
    assert networks[0] == networks[2] != networks[1]
    assert [line["reason"] for line in failures][-2:] == ["refused", "waiting"]
    stored = str(world.items())
    assert not any(digest in stored for digest in mailboxes + networks)
    for private in (EMAIL, "nobody", WRONG, CAFE, HOME):
        assert private not in str(lines).casefold()


def test_the_table_knows_no_address_and_no_network(people: People, world: ServiceHarness) -> None:
    people.user()
    people.sign_in()

    stored = str(world.items())
    assert EMAIL not in stored
    assert HOME not in stored
