"""Finding a user by what they, a log line or a vendor names, and what is known of the user.

In a file of its own: it reads what several features keep, and writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.core.ids import is_id
from service.core.principal import is_subject
from service.jobs.entities import Job, JobNotFound
from service.jobs.search import JobSearch
from service.jobs.settlement import Settlement
from service.ledger.entities import UserNotFound, Wallet
from service.ledger.operations import Ledger
from service.users.directory import OwnedDevice, UserDirectory
from service.users.entities import Profile

NEWEST_JOBS = 5


class LookupKey(StrEnum):
    """What a user can be found by. Another key is one more member, and one more way in
    `Lookup._ids`."""

    ID = "id"
    EMAIL = "email"
    DEVICE = "device"
    JOB = "job"


@dataclass(frozen=True)
class FoundUser:
    """A user, who has a wallet; an erased one has no profile. `now` is the time at which lots are
    to be judged."""

    wallet: Wallet
    profile: Profile | None
    now: int


@dataclass(frozen=True)
class UserRecord:
    """What is known of one user, but for what happened when (`Timeline`)."""

    user: FoundUser
    devices: Sequence[OwnedDevice]
    newest_jobs: Sequence[Job]


class Lookup:
    """Each call makes a few reads, however many users there are."""

    def __init__(
        self,
        ledger: Ledger,
        directory: UserDirectory,
        search: JobSearch,
        settlement: Settlement,
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._search = search
        self._settlement = settlement

    def find(self, by: LookupKey, value: str) -> list[FoundUser]:
        """The users who are known by that, none for an unknown value; several share a device or,
        over different issuers, an e-mail address. What an index finds may lag by a second."""
        found = (self._user(user_id) for user_id in self._ids(by, value))
        return [user for user in found if user is not None]

    def user(self, user_id: str) -> UserRecord:
        """Raises `UserNotFound`."""
        user = self._user(user_id)
        if user is None:
            raise UserNotFound
        devices = self._directory.owned_devices(user_id)
        return UserRecord(user, devices, self._search.latest(user_id, NEWEST_JOBS))

    def job(self, user_id: str, job_id: str) -> Job:
        """Raises `JobNotFound`, for another user's job too."""
        if not is_subject(user_id) or not is_id("job", job_id):
            raise JobNotFound
        return self._settlement.read(user_id, job_id)

    def _ids(self, by: LookupKey, value: str) -> Sequence[str]:
        match by:
            case LookupKey.ID:
                return (value,)
            case LookupKey.EMAIL:
                return self._directory.with_email(value)
            case LookupKey.DEVICE:
                return self._directory.with_device(value)
            case LookupKey.JOB:
                payer = self._search.payer_of(value)
                return (payer,) if payer else ()

    def _user(self, user_id: str) -> FoundUser | None:
        if not is_subject(user_id):
            return None
        balance = self._ledger.balance(user_id)
        if balance.wallet is None:
            return None
        return FoundUser(balance.wallet, self._directory.profile(user_id), balance.at)
