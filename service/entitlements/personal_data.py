"""What is kept of a user's subscription: removed when the user is erased, and exported.

Claims of trials stay: they are keyed digests, and without them every erasure would bring another
trial."""

from service.core.erasure import ErasureStep, ExportPart, StepOutcome
from service.entitlements import keys
from service.entitlements.operations import Entitlements
from service.entitlements.schemas import subscription_body
from service.storage.table import Table
from service.storage.writes import REPLACE, Delete


class EntitlementData:
    """The entitlement of a user."""

    def __init__(self, table: Table, entitlements: Entitlements) -> None:
        self._table = table
        self._entitlements = entitlements

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("entitlement", self.remove),)

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("subscription", self.exported),)

    def remove(self, user_id: str) -> StepOutcome:
        """Raises `StorageUnavailable`."""
        self._table.write(Delete(keys.entitlement(user_id), REPLACE))
        return StepOutcome.DONE

    def exported(self, user_id: str) -> object:
        """Raises `StorageUnavailable`."""
        return subscription_body(self._entitlements.of(user_id), self._entitlements.plans)
