"""What each user receives of a campaign: how much, as which kind of lot, and how long it lasts.

In a file of its own because promo codes and bulk grants share it, and no wallet is needed for
it."""

from dataclasses import dataclass

from service.core.amounts import Amount, amount_of, credits_of
from service.core.clock import from_iso, iso
from service.ledger.lots import LotKind
from service.ledger.restrictions import RESTRICTIONS
from service.storage.codec import Item, Value, whole_number

DAY_MILLISECONDS = 24 * 3600 * 1000
MAX_LIFE_DAYS = 3660
MAX_GRANT = amount_of(1_000_000)


@dataclass(frozen=True)
class GrantTerms:
    """One grant of a campaign. The lot expires at `expires_at` (milliseconds), or `life_days` after
    the grant, or never; at most one of the two is set. `restriction` limits what the credits can be
    spent on ("": anything)."""

    amount: Amount
    kind: LotKind
    expires_at: int | None = None
    life_days: int | None = None
    restriction: str = ""

    def expiry(self, now: int) -> int | None:
        """When a lot that is granted at that moment expires."""
        if self.life_days is not None:
            return now + self.life_days * DAY_MILLISECONDS
        return self.expires_at

    def faults(self) -> list[str]:
        """What is wrong with them; empty for terms under which credits can be granted."""
        checks = {
            "the amount is not from 0.001 to 1,000,000 credits": not 0 < self.amount <= MAX_GRANT,
            f"there is no restriction {self.restriction}": self.restriction
            not in ("", *RESTRICTIONS),
            "a lot has one expiry": self.expires_at is not None and self.life_days is not None,
            "a lot lives from 1 to 3660 days": self.life_days is not None
            and not 1 <= self.life_days <= MAX_LIFE_DAYS,
        }
        return [fault for fault, found in checks.items() if found]


def terms_item(terms: GrantTerms) -> dict[str, Value]:
    """The attributes in which an item keeps its terms."""
    return {
        "amount": credits_of(terms.amount),
        "kind": terms.kind,
        "lotExpiresAt": None if terms.expires_at is None else iso(terms.expires_at),
        "lotLifeDays": terms.life_days,
        "restriction": terms.restriction or None,
    }


def terms_from(item: Item) -> GrantTerms:
    """The inverse. Raises `KeyError`, `TypeError` or `ValueError` for other items."""
    expires_at, life_days = item.get("lotExpiresAt"), item.get("lotLifeDays")
    return GrantTerms(
        amount_of(item["amount"]),  # type: ignore[arg-type]
        LotKind(str(item["kind"])),
        None if expires_at is None else from_iso(str(expires_at)),
        None if life_days is None else whole_number(life_days),
        str(item.get("restriction", "")),
    )
