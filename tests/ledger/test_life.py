"""The ledger under any order of movements (`tests.ledger.life`)."""

from hypothesis import settings

from tests.ledger.life import LedgerLife

LedgerLife.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLedgerLife = LedgerLife.TestCase
