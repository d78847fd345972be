"""What requests cost in DynamoDB: calls, units and sizes."""

from tests.mutants.mutant import Mutant, breaks

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "fifteen-units",
        "record-moves-the-next-query",
        "jobs.settlement:Settlement._recorded",
        "return recorded",
        "return self._wait(recorded, Wait(recorded.submit_until + 1))",
    ),
    breaks(
        "three-calls",
        "wallet-read-again-for-the-hold",
        "jobs.holds:Holds.take",
        "snapshot if P is None else None",
        "None",
    ),
    breaks(
        "small-items",
        "long-prefix-of-new-devices",
        "ledger.store:",
        'NEW_DEVICE = "+"',
        'NEW_DEVICE = "+new-device-of-this-user:"',
    ),
    breaks(
        "sign-up-cost",
        "claim-indexed",
        "users.store:_claim_writes",
        "return [Put(K, {'userId': U, 'at': T}, W) for key in free]",
        "return [Put(K, {**keys.email_index(U, 'd'), 'userId': U, 'at': T}, W) for key in free]",
    ),
    breaks(
        "watch-cost",
        "wait-written-twice",
        "jobs.endings:Endings._wait",
        "self._write(W)",
        """
        self._write(W)
        self._write(W)
        """,
    ),
    breaks(
        "no-scan",
        "sweep-scans",
        "jobs.sweeps:DueJobs.run_once",
        "now = self._clock.now()",
        """
        now = self._clock.now()
        self._table.scan(segment=0, segments=1, limit=1)
        """,
    ),
)
