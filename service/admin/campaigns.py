"""Operators' actions on promo codes and bulk grants. Each writes the record of the action in the
same transaction.

In a file of its own because both concern the house, and no single user's wallet."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from service.admin.entities import Action, CampaignAmountTooLarge
from service.admin.operations import Actions, Performed
from service.bulk_grants.entities import NewBulkGrant, Progress
from service.bulk_grants.operations import BulkGrants
from service.core.amounts import Amount, credits_text
from service.core.clock import iso
from service.ledger.grant_terms import GrantTerms
from service.promo_codes.entities import NewPromoCode, PromoCode
from service.promo_codes.operations import PromoCodes

PROMO_ID = "promoId"
BULK_ID = "bulkId"


@dataclass(frozen=True)
class MadePromo:
    """A promo code and its text, which is stored nowhere: only the same request returns it
    again."""

    performed: Performed
    promo: PromoCode
    text: str


@dataclass(frozen=True)
class ChangedPromo:
    """A promo code as it is after the action."""

    performed: Performed
    promo: PromoCode


@dataclass(frozen=True)
class ChangedBulkGrant:
    """A bulk grant as it is after the action."""

    performed: Performed
    progress: Progress


class Campaigns:
    """Every method raises `ActionKeyReused`, `LogDamaged` and what `Actions.perform` raises. The
    same idempotency key again changes nothing, and returns what was done. No user gets more than
    `max_amount` from one of them."""

    def __init__(
        self,
        actions: Actions,
        promo_codes: PromoCodes,
        bulk_grants: BulkGrants,
        max_amount: Amount,
    ) -> None:
        self._actions = actions
        self._max_amount = max_amount
        self._promo_codes = promo_codes
        self._bulk_grants = bulk_grants

    def make_promo(self, action: Action, new: NewPromoCode) -> MadePromo:
        """Raises `PromoInvalid`, `PromoTextUnusable`, `PromoExists` or `CampaignAmountTooLarge`."""
        self._check(new.terms)
        prepared = self._promo_codes.prepare(new)
        performed = self._actions.perform(
            action, lambda _: prepared.writes, outcome={PROMO_ID: prepared.promo.promo_id}
        )
        promo = self._promo_codes.find(performed.record.details[PROMO_ID])
        return MadePromo(performed, promo, prepared.text)

    def revoke_promo(self, action: Action, promo_id: str) -> ChangedPromo:
        """Raises `UnknownPromoId` or `PromoRevoked`."""
        promo = self._promo_codes.find(promo_id)
        revocation = self._promo_codes.revocation(promo)
        performed = self._actions.perform(action, lambda _: (revocation,))
        return ChangedPromo(performed, self._promo_codes.find(promo_id))

    def start_bulk_grant(self, action: Action, new: NewBulkGrant) -> ChangedBulkGrant:
        """Raises `BulkGrantInvalid`, `BudgetTooSmall` or `CampaignAmountTooLarge`."""
        self._check(new.terms)
        prepared = self._bulk_grants.prepare(new)
        performed = self._actions.perform(
            action, lambda _: prepared.writes, outcome={BULK_ID: prepared.bulk.bulk_id}
        )
        progress = self._bulk_grants.progress(performed.record.details[BULK_ID])
        return ChangedBulkGrant(performed, progress)

    def cancel_bulk_grant(self, action: Action, bulk_id: str) -> ChangedBulkGrant:
        """Raises `UnknownBulkGrant` or `BulkGrantEnded`."""
        performed = self._actions.perform(
            action, lambda _: (self._bulk_grants.cancellation(bulk_id),)
        )
        return ChangedBulkGrant(performed, self._bulk_grants.progress(bulk_id))

    def _check(self, terms: GrantTerms) -> None:
        if terms.amount > self._max_amount:
            raise CampaignAmountTooLarge(self._max_amount)


def promo_facts(new: NewPromoCode) -> dict[str, str]:
    """The request as the log has it, without the text of the code: only its hash, so that the same
    idempotency key cannot stand for another text."""
    facts = {
        "name": new.name,
        **_terms_facts(new.terms),
        "maxUses": str(new.max_uses),
        "maxUsesPerIdentity": str(new.max_uses_per_identity),
        "budget": "" if new.budget is None else credits_text(new.budget),
        "startsAt": "" if new.starts_at is None else iso(new.starts_at),
        "endsAt": "" if new.ends_at is None else iso(new.ends_at),
        "textHash": _hashed(f"{new.seed}\n{new.text}") if new.text else "",
    }
    return _present(facts)


def bulk_facts(new: NewBulkGrant) -> dict[str, str]:
    """The request as the log has it; of a list, the length and a hash."""
    users = new.user_ids
    facts = {
        "name": new.name,
        **_terms_facts(new.terms),
        "users": "all" if users is None else str(len(users)),
        "usersHash": "" if users is None else _hashed("\n".join(users)),
        "budget": "" if new.budget is None else credits_text(new.budget),
        "dryRun": "true" if new.dry_run else "",
    }
    return _present(facts)


def _terms_facts(terms: GrantTerms) -> dict[str, str]:
    return {
        "kind": terms.kind.value,
        "lotExpiresAt": "" if terms.expires_at is None else iso(terms.expires_at),
        "lotLifeDays": "" if terms.life_days is None else str(terms.life_days),
        "restriction": terms.restriction,
    }


def _present(facts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in facts.items() if text}


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
