"""The credits of a trial: once per person and once per card.

In a file of its own because it alone moves credits: claims and grant are one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from service.core.keyring import Pepper
from service.entitlements import keys, store
from service.entitlements.entities import Trial, TrialOutcome
from service.ledger.grants import (
    Grant,
    GrantSource,
    grant_key,
    grant_of,
    grant_proposal,
    record_from,
)
from service.ledger.lots import LotKind
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.storage.keys import Key
from service.users.entities import digests, identity_digests

log = structlog.get_logger()


class Trials:
    """Grants trials."""

    def __init__(self, ledger: Ledger, peppers: Sequence[Pepper]) -> None:
        self._ledger = ledger
        self._peppers = tuple(peppers)

    def grant(self, trial: Trial) -> TrialOutcome:
        """Grants the trial's credits unless its person or its card has had a trial before, whatever
        the other's account was. The same trial again grants nothing.

        Raises `UserNotFound` and what `Ledger.move` raises; nothing was written then, but for
        `OutcomeUnknown`."""
        attempt = _Attempt(trial, self._claims(trial))
        moved = self._ledger.move(
            trial.user_id, attempt.propose, attempt.was_committed, related=attempt.related
        )
        if moved.movement is not None or attempt.was_committed(moved.snapshot):
            return TrialOutcome.GRANTED
        if not attempt.is_worth_granting(moved.at):
            return TrialOutcome.NOTHING
        log.info("trial_used_before", subscription_id=trial.subscription_id)
        return TrialOutcome.USED_BEFORE

    def had_one(self, user_id: str) -> bool:
        """Whether the person has had a trial, under this account or an earlier one."""
        person = identity_digests(self._peppers, user_id).all
        claims = tuple(map(keys.trial, person))
        snapshot = self._ledger.read_snapshot(user_id, claims)
        return any(snapshot.item(claim) is not None for claim in claims)

    def _claims(self, trial: Trial) -> tuple[Key, ...]:
        """Under every pepper: a process that knows fewer must meet one that it knows."""
        person = identity_digests(self._peppers, trial.user_id).all
        card = digests(self._peppers, "card", trial.card_fingerprint).all
        return (*map(keys.trial, person), *map(keys.card, card))


@dataclass(frozen=True)
class _Attempt:
    trial: Trial
    claims: tuple[Key, ...]

    @property
    def related(self) -> tuple[Key, ...]:
        return (grant_key(self.grant), *self.claims)

    @property
    def grant(self) -> Grant:
        trial = self.trial
        return Grant(
            source=GrantSource.TRIAL,
            grant_id=trial.subscription_id,
            user_id=trial.user_id,
            amount=trial.amount,
            kind=LotKind.SUBSCRIPTION,
            expires_at=trial.ends_at,
        )

    def is_worth_granting(self, now: int) -> bool:
        return self.trial.ends_at > now

    def was_committed(self, snapshot: Snapshot) -> bool:
        """Whether the subscription's trial was granted, whatever its plan brought then. Raises
        `GrantConflict` where it was another user's."""
        item = snapshot.item(grant_key(self.grant))
        if item is None:
            return False
        as_made = replace(self.grant, amount=record_from(item).grant.amount)
        return grant_of(snapshot, as_made) is not None

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """Nothing for a trial that was granted, is over, or whose person or card is known."""
        if self.was_committed(snapshot) or not self.is_worth_granting(now):
            return None
        if any(snapshot.item(claim) is not None for claim in self.claims):
            return None
        granted = grant_proposal(snapshot, self.grant, now)
        trial = self.trial
        claimed = [
            ConditionalWrite(store.claim_write(key, trial.user_id, trial.subscription_id, now))
            for key in self.claims
        ]
        return Proposal(granted.movement, (*granted.writes, *claimed))
