"""Hashes of passwords: argon2id (RFC 9106), and bcrypt where an earlier system left it.

In a file of its own because a hash takes memory and a whole core for a while, and must stop neither
the process nor its other requests."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from service.core.errors import Unavailable
from service.core.fifo_gate import FifoGate, QueueFull, WaitedTooLong
from service.passwords.policy import normalized

# What bcrypt reads of a password. Today's library refuses longer ones; those of earlier systems cut
# them off without a word, and the hash stands for what was left.
BCRYPT_BYTES = 72
# A hash of cost 14 takes about a second; each further step doubles that.
MAX_BCRYPT_COST = 14
_BCRYPT = ("$2a$", "$2b$", "$2y$")
# 22 characters of salt and 31 of the hash. The last of each holds fewer bits than it could: with
# others set, the library takes the hash for damaged, or no password fits it.
_BCRYPT_FORM = re.compile(
    r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
)
_SALT_BYTES, _HASH_BYTES, _LANES = 16, 32, 1


class PasswordsBusy(Unavailable):
    """As many hashes as may are being computed, and others have waited too long."""

    code = "PASSWORDS_BUSY"
    summary = "Too many people are signing in with a password right now. Try again shortly."
    retry_after = 2


class RunNatively(Protocol):
    """Returns what a function returns that computes for long, as `run_natively` does; meanwhile the
    other requests of the process go on."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any: ...


@dataclass(frozen=True)
class HashCost:
    """The parameters of argon2id, and how many hashes are computed at once in this process. The
    memory that hashes take together is `memory_kibibytes * at_once`; whoever has waited for
    `wait_seconds` is refused."""

    memory_kibibytes: int
    iterations: int
    at_once: int
    max_waiting: int
    wait_seconds: float


@dataclass(frozen=True)
class Verification:
    """Whether the password fits. `outdated`: its hash is bcrypt's, or of other parameters, and is
    to be replaced by one of ours."""

    fits: bool
    outdated: bool = False


class Hashes:
    """Computes and verifies hashes, so many at once. `of_no_one` takes as long to verify as a hash
    of ours, and no password fits it. Every method raises `PasswordsBusy`."""

    def __init__(self, cost: HashCost, run: RunNatively) -> None:
        self._argon2 = PasswordHasher(
            time_cost=cost.iterations,
            memory_cost=cost.memory_kibibytes,
            parallelism=_LANES,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._run = run
        self._gate = FifoGate(cost.at_once, cost.max_waiting)
        self._wait_seconds = cost.wait_seconds
        self.of_no_one = _of_no_one(cost)

    def hash(self, password: str) -> str:
        """The argon2id hash of the normalised password, with a salt of its own."""
        with self._place():
            return str(self._run(self._argon2.hash, normalized(password)))

    def verify(self, password: str, stored: str | None) -> Verification:
        """Whether that hash is the password's. None takes as long as a hash of ours, and fits
        nothing."""
        with self._place():
            if stored is not None and stored.startswith(_BCRYPT):
                return Verification(self._run(_fits_bcrypt, password, stored), outdated=True)
            return self._verify_argon2(normalized(password), stored)

    def _verify_argon2(self, password: str, stored: str | None) -> Verification:
        try:
            self._run(self._argon2.verify, stored or self.of_no_one, password)
        except (VerificationError, InvalidHashError):
            return Verification(fits=False)
        if not stored:
            return Verification(fits=False)
        return Verification(fits=True, outdated=self._argon2.check_needs_rehash(stored))

    @contextmanager
    def _place(self) -> Iterator[None]:
        try:
            self._gate.enter(self._wait_seconds)
        except (QueueFull, WaitedTooLong):
            raise PasswordsBusy from None
        try:
            yield
        finally:
            self._gate.leave()


def _of_no_one(cost: HashCost) -> str:
    """What is verified where there is no hash: the form of ours, with a hash that no password has.
    Nothing is computed for it, for every process makes one."""
    salt, result = (
        base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES)
    )
    parameters = f"m={cost.memory_kibibytes},t={cost.iterations},p={_LANES}"
    return f"$argon2id$v=19${parameters}${salt}${result}"


def is_bcrypt(text: str) -> bool:
    """Whether the text is a hash of bcrypt's that can be verified, at a cost that a sign-in can
    bear. Nothing is computed."""
    found = _BCRYPT_FORM.fullmatch(text)
    return found is not None and 4 <= int(found[1]) <= MAX_BCRYPT_COST


def _fits_bcrypt(password: str, stored: str) -> bool:
    """As the earlier system did it: the password as it was sent, and at most its first 72 bytes.
    The hash of ours that replaces it stands for all of the password."""
    try:
        return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode())
    except ValueError:
        return False
