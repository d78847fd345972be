"""Hashes of passwords."""

import subprocess
import sys
import threading
from typing import Any

import bcrypt
import pytest

from service.passwords.hashing import (
    HashCost,
    Hashes,
    PasswordsBusy,
    Verification,
    is_bcrypt,
)
from service.web.native_threads import run_natively

CHEAP = HashCost(memory_kibibytes=8, iterations=1, at_once=2, max_waiting=1, wait_seconds=60.0)
PASSWORD = "seven tired otters"


def bcrypt_hash(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


@pytest.fixture
def hashes() -> Hashes:
    return Hashes(CHEAP, run_natively)


def test_a_hash_is_argon2id_with_the_configured_cost(hashes: Hashes) -> None:
    assert hashes.hash(PASSWORD).startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_a_hash_fits_its_password_alone(hashes: Hashes) -> None:
    stored = hashes.hash(PASSWORD)

    assert hashes.verify(PASSWORD, stored) == Verification(fits=True)
    assert hashes.verify(f"{PASSWORD} ", stored) == Verification(fits=False)
    assert hashes.verify(PASSWORD.upper(), stored) == Verification(fits=False)
    assert hashes.hash(PASSWORD) != stored


def test_the_last_of_1024_bytes_counts(hashes: Hashes) -> None:
    stored = hashes.hash("x" * 1023 + "y")

    assert hashes.verify("x" * 1023 + "y", stored).fits
    assert not hashes.verify("x" * 1023 + "z", stored).fits


def test_a_composed_password_fits_the_hash_of_the_decomposed_one(hashes: Hashes) -> None:
    assert hashes.verify("caf\u00e9", hashes.hash("cafe\u0301")).fits


@pytest.mark.parametrize("stored", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_where_there_is_no_hash_nothing_fits(hashes: Hashes, stored: str | None) -> None:
    assert hashes.verify("no password fits this hash", stored) == Verification(fits=False)


def test_a_missing_hash_costs_what_a_hash_costs() -> None:
    calls: list[str] = []

    def run(function: Any, *arguments: Any) -> Any:
        calls.append(function.__name__)
        return function(*arguments)

    Hashes(CHEAP, run).verify(PASSWORD, None)

    assert calls == ["verify"]


def test_a_hash_of_other_parameters_is_outdated(hashes: Hashes) -> None:
    stronger = HashCost(
        memory_kibibytes=16, iterations=2, at_once=1, max_waiting=0, wait_seconds=1.0
    )

    assert Hashes(stronger, run_natively).verify(PASSWORD, hashes.hash(PASSWORD)) == Verification(
        fits=True, outdated=True
    )


def test_a_hash_of_bcrypt_fits_and_is_outdated(hashes: Hashes) -> None:
    stored = bcrypt_hash(PASSWORD.encode())

    assert hashes.verify(PASSWORD, stored) == Verification(fits=True, outdated=True)
    assert not hashes.verify("another password", stored).fits
    assert hashes.verify(PASSWORD, stored.replace("$2b$", "$2y$", 1)).fits


def test_bcrypt_covers_72_bytes_as_it_did_in_the_earlier_system(hashes: Hashes) -> None:
    stored = bcrypt_hash(b"x" * 72)

    assert hashes.verify("x" * 73, stored).fits
    assert not hashes.verify("x" * 71, stored).fits
    # A character that is cut in the middle of its bytes.
    assert hashes.verify("é" * 40, bcrypt_hash(("é" * 36).encode())).fits


@pytest.mark.parametrize(
    "stored",
    [
        *("$2b$04$", "$2b$04$" + "!" * 53, "$2b$99$" + "a" * 53, "$2b$04$" + "." * 52),
        "$2b$04$" + "." * 21 + "z" + "." * 31,
    ],
)
def test_a_damaged_hash_of_bcrypt_fits_nothing(hashes: Hashes, stored: str) -> None:
    assert not hashes.verify("", stored).fits
    assert not is_bcrypt(stored)


def test_hashes_of_bcrypt_are_recognised(hashes: Hashes) -> None:
    assert all(is_bcrypt(bcrypt_hash(b"any")) for _ in range(20))
    assert all(is_bcrypt(f"$2{kind}$14$" + "." * 53) for kind in "aby")
    assert not is_bcrypt("$2b$15$" + "." * 53)
    assert not is_bcrypt("$2x$14$" + "." * 53)
    assert not is_bcrypt("$2b$04$" + "." * 52 + "z")
    assert not is_bcrypt(hashes.hash(PASSWORD))
    assert not is_bcrypt("plain text")


def test_only_so_many_hashes_are_computed_at_once() -> None:
    """Two are computed, one waits, and whoever comes then is refused."""
    entered, may_end = threading.Semaphore(0), threading.Event()

    def run(function: Any, *arguments: Any) -> Any:
        entered.release()
        may_end.wait(60)
        return function(*arguments)

    hashes = Hashes(CHEAP, run)
    threads = [threading.Thread(target=hashes.hash, args=(PASSWORD,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert all(entered.acquire(timeout=30) for _ in range(2))
    while not hashes._gate.waiting:
        threading.Event().wait(0.001)

    with pytest.raises(PasswordsBusy):
        hashes.hash(PASSWORD)

    may_end.set()
    for thread in threads:
        thread.join(60)
    assert hashes.hash(PASSWORD)


def test_who_has_waited_too_long_is_refused_and_the_place_is_free_afterwards() -> None:
    cost = HashCost(memory_kibibytes=8, iterations=1, at_once=1, max_waiting=5, wait_seconds=0.01)
    may_end, entered = threading.Event(), threading.Event()

    def run(function: Any, *arguments: Any) -> Any:
        entered.set()
        may_end.wait(60)
        return function(*arguments)

    hashes = Hashes(cost, run)
    thread = threading.Thread(target=hashes.hash, args=(PASSWORD,))
    thread.start()
    assert entered.wait(60)

    with pytest.raises(PasswordsBusy):
        hashes.verify(PASSWORD, None)

    may_end.set()
    thread.join(60)
    assert hashes.hash(PASSWORD)


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from service.passwords.hashing import HashCost, Hashes
from service.web.native_threads import run_natively

cost = HashCost(
    memory_kibibytes=65536, iterations=4, at_once=1, max_waiting=1, wait_seconds=5.0
)
hashing = gevent.spawn(Hashes(cost, run_natively).hash, "seven tired otters")
steps = 0
while not hashing.dead:
    gevent.sleep(0.001)
    steps += 1
print(hashing.get()[:10], steps)
"""


def test_other_greenlets_go_on_while_a_hash_is_computed() -> None:
    command = [sys.executable, "-W", "ignore", "-c", GREENLETS]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    form, steps = shown.split()
    assert form == "$argon2id$"
    assert int(steps) > 3
