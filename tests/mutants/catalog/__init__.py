"""Named changes that break a rule of how credits move, and the tests that must notice each.

Patterns are described in `tests.mutants.rewriting`."""

from tests.mutants.catalog import (
    audit,
    costs,
    jobs,
    ledger,
    providers,
    settlement,
    storage,
    users,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *ledger.MUTANTS,
    *users.MUTANTS,
    *jobs.MUTANTS,
    *settlement.MUTANTS,
    *providers.MUTANTS,
    *storage.MUTANTS,
    *audit.MUTANTS,
    *costs.MUTANTS,
)
