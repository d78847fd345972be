"""What users hold of a user besides claims: removed when the user is erased, and exported.

Claims stay: they are keyed digests, and without them every erasure would bring new free credits."""

from contextlib import suppress

from service.core.clock import Clock, iso
from service.core.erasure import ErasureStep, ExportPart, StepOutcome
from service.storage.keys import user_item, user_partition
from service.storage.table import ConditionFailed, Table
from service.storage.writes import REPLACE, Delete
from service.users import keys
from service.users.directory import UserDirectory
from service.users.entities import ReviewDecision
from service.users.sharing import reviewed_write

PAGE = 100


class UserData:
    """The profile and the devices of a user."""

    def __init__(self, table: Table, directory: UserDirectory, clock: Clock) -> None:
        self._table = table
        self._directory = directory
        self._clock = clock

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (
            ErasureStep("profile", self.remove_profile),
            ErasureStep("devices", self.remove_devices),
            ErasureStep("review", self.withdraw_review),
        )

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("profile", self.profile), ExportPart("devices", self.devices))

    def remove_profile(self, user_id: str) -> StepOutcome:
        """Its item goes whole, and with it the address and the index entry of the address. Raises
        `StorageUnavailable`."""
        self._table.write(Delete(keys.profile(user_id), REPLACE))
        return StepOutcome.DONE

    def remove_devices(self, user_id: str) -> StepOutcome:
        """Raises `StorageUnavailable`."""
        more = True
        while more:
            page = self._table.query(user_partition(user_id), keys.DEVICE_PREFIX, limit=PAGE)
            for item in page.items:
                self._table.write(Delete(user_item(user_id, str(item["SK"])), REPLACE))
            more = page.more
        return StepOutcome.DONE

    def withdraw_review(self, user_id: str) -> StepOutcome:
        """No operator decides on someone who leaves. The item stays as a trace. Raises
        `StorageUnavailable`."""
        item = self._table.get(keys.review(user_id))
        if item is not None and "decision" not in item:
            write = reviewed_write(user_id, ReviewDecision.WITHDRAWN, self._clock.now())
            with suppress(ConditionFailed):
                self._table.write(write)
        return StepOutcome.DONE

    def profile(self, user_id: str) -> object:
        """Null once it is erased. Raises what `UserDirectory.profile` raises."""
        profile = self._directory.profile(user_id)
        if profile is None:
            return None
        return {
            "userId": profile.user_id,
            "issuer": profile.issuer,
            "email": profile.email,
            "createdAt": iso(profile.created_at),
        }

    def devices(self, user_id: str) -> object:
        """When each was first used: the fingerprint itself is not stored."""
        return [
            {
                "createdAt": iso(device.created_at),
                "releasedAt": None if device.released_at is None else iso(device.released_at),
            }
            for device in self._directory.devices(user_id)
        ]
