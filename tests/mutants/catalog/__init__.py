"""Named changes that break a rule of how credits move, and the tests that must notice each.

Patterns are described in `tests.mutants.rewriting`."""

from tests.mutants.catalog import (
    admin,
    amounts,
    audit,
    campaigns,
    connections,
    costs,
    erasure,
    grants,
    history,
    identity,
    jobs,
    ledger,
    limits,
    mails,
    passwords,
    prices,
    providers,
    responses,
    sessions,
    settlement,
    storage,
    users,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *ledger.MUTANTS,
    *limits.MUTANTS,
    *passwords.MUTANTS,
    *grants.MUTANTS,
    *amounts.MUTANTS,
    *users.MUTANTS,
    *sessions.MUTANTS,
    *erasure.MUTANTS,
    *identity.MUTANTS,
    *jobs.MUTANTS,
    *settlement.MUTANTS,
    *providers.MUTANTS,
    *storage.MUTANTS,
    *responses.MUTANTS,
    *connections.MUTANTS,
    *audit.MUTANTS,
    *costs.MUTANTS,
    *history.MUTANTS,
    *prices.MUTANTS,
    *campaigns.MUTANTS,
    *admin.MUTANTS,
    *mails.MUTANTS,
)
