"""Whether an address is known shows in no work that the service does: neither in its calls to the
table, nor in its hashes, nor in how long it holds the response back."""

import pytest

from service.core.mailboxes import address_of
from service.passwords.hashing import Hashes
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness, order
from tests.passwords.people import CAFE, EMAIL, HOME, OTHER_PASSWORD, PASSWORD, People
from tests.passwords.work import CountedHashes, Work, work_of

GOOGLE, UNVERIFIED, UNKNOWN = "gil@example.com", "waiting@example.org", "nobody@example.org"
SPELLING = "an.n@gmail.com"
WRONG = "not the password"
VERIFY = "verify $argon2id$v=19$m=8,t=1,"


@pytest.fixture
def hashes() -> CountedHashes:
    return CountedHashes()


@pytest.fixture
def world(hashes: CountedHashes) -> ServiceHarness:
    return ServiceHarness(None, "Memory", connected=memory_client(), replacements={Hashes: hashes})


@pytest.fixture
def people(world: ServiceHarness) -> People:
    """One with a password, whose network is known; one with Google; one who has only registered;
    and one who has verified another spelling of the mailbox."""
    people = People(world)
    people.user()
    people.sign_in(network=HOME)
    people.user("ann@gmail.com", device="watch")
    world.users.sign_up(order("gil").principal, world.users.digests("laptop"))
    people.register(UNVERIFIED, device="tablet")
    return people


def test_sign_ins_that_fail_do_the_same(
    people: People, world: ServiceHarness, hashes: CountedHashes
) -> None:
    def sign_in(email: str, network: str) -> Work:
        return work_of(world, hashes, lambda: people.sign_in(email, WRONG, network))

    networks = {"known": (EMAIL, HOME), "new": (EMAIL, CAFE)}
    others = {email: (email, CAFE) for email in (GOOGLE, UNVERIFIED, UNKNOWN, SPELLING)}
    found = {name: sign_in(*who) for name, who in (networks | others).items()}

    assert len(set(found.values())) == 1, found
    reads, writes = ("GetItem", 1), ("UpdateItem", 1)
    calls = (reads, *2 * (reads, writes))
    assert found["new"] == Work(calls, (VERIFY,), 0.5, "INVALID_CREDENTIALS")


def test_sign_ins_that_have_to_wait_do_the_same(
    people: People, world: ServiceHarness, hashes: CountedHashes
) -> None:
    found = []
    for email in (EMAIL, GOOGLE, UNVERIFIED, UNKNOWN):
        tries = [
            work_of(world, hashes, lambda email=email: people.sign_in(email, WRONG, CAFE))
            for _ in range(8)
        ]
        found.append(tries)

    assert found[0] == found[1] == found[2] == found[3]
    assert found[0][-1].code == "TOO_MANY_TRIES"
    assert found[0][-1].hashes == ()


def test_registrations_do_the_same(
    people: People, world: ServiceHarness, hashes: CountedHashes
) -> None:
    found = {
        email: work_of(
            world,
            hashes,
            lambda email=email: people.passwords.register(
                address_of(email), OTHER_PASSWORD, "another device"
            ),
        )
        for email in (EMAIL, GOOGLE, UNVERIFIED, UNKNOWN, SPELLING)
    }

    assert len(set(found.values())) == 1, found
    work = found[EMAIL]
    assert (work.hashes, work.seconds, work.code) == (("hash",), 0.5, "OK")
    assert work.calls[-1] == ("TransactWriteItems", 2)


def test_requests_for_a_reset_do_the_same(
    people: People, world: ServiceHarness, hashes: CountedHashes
) -> None:
    found = {
        email: work_of(world, hashes, lambda email=email: people.resets.request(address_of(email)))
        for email in (EMAIL, GOOGLE, UNVERIFIED, UNKNOWN, SPELLING)
    }

    assert len(set(found.values())) == 1, found
    work = found[EMAIL]
    assert (work.hashes, work.seconds, work.code) == ((), 0.5, "OK")
    assert work.calls[-1] == ("TransactWriteItems", 2)


def test_a_wrong_password_verifies_no_address_with_the_same_work(
    people: People, world: ServiceHarness, hashes: CountedHashes
) -> None:
    """Whether or not the address has found its owner since."""
    people.register("eve@example.org", device="one")
    taken = people.token()
    people.register("eve@example.org", OTHER_PASSWORD, device="two")
    people.verify(password=OTHER_PASSWORD)
    people.register("new@example.org", device="three")

    found = [
        work_of(world, hashes, lambda token=token: people.verify(token, WRONG))
        for token in (taken, people.token())
    ]

    assert found[0] == found[1]
    assert found[0].code == "REGISTRATION_PASSWORD_WRONG"
    assert found[0].hashes == (VERIFY,)


def test_links_that_do_not_work_do_the_same(
    people: People, world: ServiceHarness, hashes: CountedHashes
) -> None:
    """Used, expired and unknown ones."""
    people.register("eve@example.org", device="one")
    used = people.token()
    people.verify(used)
    people.register("late@example.org", device="two")
    late = people.token()
    world.clock.advance(86_400)

    verified = {
        work_of(world, hashes, lambda token=token: people.verify(token, PASSWORD))
        for token in (used, late, "x" * 43)
    }
    replaced = {
        work_of(world, hashes, lambda token=token: people.resets.reset(token, OTHER_PASSWORD))
        for token in (used, late, "x" * 43)
    }

    assert verified == replaced == {Work((("GetItem", 1),), (), 0.0, "LINK_INVALID")}
