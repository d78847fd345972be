"""Named changes that break the money protocol, and the tests that must notice each.

Patterns are described in `tests.mutants.rewriting`."""

from tests.mutants.catalog import jobs, ledger, providers, settlement, storage, users
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *ledger.MUTANTS,
    *users.MUTANTS,
    *jobs.MUTANTS,
    *settlement.MUTANTS,
    *providers.MUTANTS,
    *storage.MUTANTS,
)
