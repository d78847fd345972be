"""What the ledger holds of a user, exported. An erasure leaves the entries as they are: they are
accounting records, under the user's id alone, and prove every balance. It is the wallet's closing
that ends the rest (`movements.close`)."""

from collections.abc import Iterator

from service.core.amounts import credits_number
from service.core.clock import iso
from service.core.erasure import ExportPart
from service.ledger.entities import Entry
from service.ledger.operations import Ledger
from service.ledger.schemas import credits_body


class LedgerData:
    """The wallet and its entries."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("wallet", self.wallet), ExportPart("entries", self.entries))

    def wallet(self, user_id: str) -> object:
        """Raises `StorageUnavailable`."""
        balance = self._ledger.balance(user_id)
        wallet = balance.wallet
        if wallet is None:
            return None
        return {
            **credits_body(wallet, balance.at),
            "status": wallet.status.value,
            "debt": credits_number(wallet.debt),
            "lowBalance": credits_number(wallet.low_balance) or None,
            "createdAt": iso(wallet.created_at),
            "updatedAt": iso(wallet.updated_at),
        }

    def entries(self, user_id: str) -> Iterator[object]:
        """Every movement, oldest first: grants and redeemed codes by their source and name, jobs by
        their id, operators' corrections by their reason."""
        return map(_entry_body, self._ledger.entries(user_id))


def _entry_body(entry: Entry) -> dict[str, object]:
    return {
        "entryId": f"ent_{entry.version:012d}",
        "kind": entry.kind.value,
        "amount": credits_number(entry.amount),
        "credits": credits_number(entry.credits),
        "held": credits_number(entry.held),
        "ref": entry.ref,
        "at": iso(entry.at),
        "details": dict(entry.details),
    }
