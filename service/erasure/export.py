"""Everything held on one user, as one document. In a file of its own because it only reads, and
knows nothing of erasures."""

from collections.abc import Callable, Iterator, Sequence

from service.core.clock import Clock, iso
from service.core.erasure import ExportPart
from service.ledger.entities import UserNotFound, WalletStatus
from service.ledger.operations import Ledger

FORMAT = 1


class Export:
    """Reads the part of each feature, one after the other, while the document is sent."""

    def __init__(
        self, ledger: Ledger, clock: Clock, parts: Callable[[], Sequence[ExportPart]]
    ) -> None:
        """`parts` are read with each export: features that are built later register theirs as
        well."""
        self._ledger = ledger
        self._clock = clock
        self._parts = parts

    def members(self, user_id: str) -> Iterator[tuple[str, object]]:
        """The members of the document, by name. Raises `UserNotFound`, `StorageUnavailable`, and
        what the parts raise."""
        wallet = self._ledger.balance(user_id).wallet
        if wallet is None or wallet.status is WalletStatus.CLOSED:
            raise UserNotFound
        return self._read(user_id)

    def _read(self, user_id: str) -> Iterator[tuple[str, object]]:
        yield "format", FORMAT
        yield "exportedAt", iso(self._clock.now())
        yield "userId", user_id
        for part in self._parts():
            yield part.name, part.read(user_id)
