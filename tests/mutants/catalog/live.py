"""Live sessions: what their slices hold, what they relay, and what is charged."""

from tests.mutants.mutant import Mutant, mutant

BLOCKS = "tests/live/test_blocks.py"
DEAD = "tests/live/test_dead_relays.py"
EXTENSIONS = "tests/live/test_extensions.py"
RELAY = "tests/live/test_relay.py"
SLICES = "tests/live/test_slices.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "extension-not-part-of-what-the-job-holds",
        EXTENSIONS,
        "jobs.extensions:ExtensionTerms.after",
        "J.held + E.amount",
        "J.held",
    ),
    mutant(
        "settlement-of-a-hold-that-has-grown",
        EXTENSIONS,
        "jobs.store:_as_read",
        'R | ({"hardAt": J.hard_at} if J.is_open else {})',
        "R",
    ),
    mutant(
        "extension-of-a-hold-that-has-grown",
        EXTENSIONS,
        "jobs.extensions:_write",
        '{"status": J.status, "taskId": J.task_id, "hardAt": J.hard_at}',
        '{"status": J.status, "taskId": J.task_id}',
    ),
    mutant(
        "extension-beyond-the-plan-s-day",
        EXTENSIONS,
        "jobs.extensions:ExtensionTerms.affordable",
        "limits_in(snapshot, self.permission, self.limits)",
        "self.limits",
    ),
    mutant(
        "extension-refused-by-the-day-as-if-by-the-balance",
        EXTENSIONS,
        "jobs.extensions:ExtensionTerms.fitted",
        "check_day(W, A, N, L)",
        "pass",
    ),
    mutant(
        "extension-beyond-the-balance",
        SLICES,
        "live.slices:affordable_seconds",
        "cost_of(T, S + M) - H <= A",
        "True",
    ),
    mutant(
        "extension-of-a-second",
        SLICES,
        "live.slices:affordable_seconds",
        "L >= min(MIN_SECONDS, W)",
        "L >= 1",
    ),
    mutant(
        "extension-that-holds-too-little",
        SLICES,
        "live.slices:extension_of",
        "cost_of(T, S + M) - H",
        "cost_of(T, M)",
    ),
    mutant(
        "relays-beyond-what-is-held",
        SLICES,
        "live.slices:Meter.wait_seconds",
        "N >= self.until or A > self.seconds * self.bytes_per_second",
        "False",
    ),
    mutant(
        "relays-faster-than-it-is-spoken",
        SLICES,
        "live.slices:Meter.wait_seconds",
        "max(0.0, A / self.bytes_per_second - BURST_SECONDS - (N - self.began))",
        "0.0",
    ),
    mutant(
        "more-charged-than-the-vendor-reports",
        SLICES,
        "live.slices:charged_seconds",
        "min([R, *V])",
        "R",
    ),
    mutant(
        "seconds-rounded-up",
        SLICES,
        "live.slices:Meter.relayed_seconds",
        "self.relayed_bytes // self.bytes_per_second",
        "-(-self.relayed_bytes // self.bytes_per_second)",
    ),
    mutant(
        "charged-for-segments-without-a-word",
        DEAD,
        "live.work:LiveTranscribing._of_segments",
        "not S or not T.text",
        "not S",
    ),
    mutant(
        "worker-ends-a-session-that-goes-on",
        DEAD,
        "live.work:LiveTranscribing.verdict",
        "self._clock.now() >= J.hard_at",
        "True",
    ),
    mutant(
        "charged-although-the-vendor-returned-nothing",
        RELAY,
        "live.sessions:Session._settlement",
        "self._speech.is_empty and self._reported is None",
        "False",
    ),
    mutant(
        "loss-of-a-broken-session-not-counted",
        DEAD,
        "live.operations:Live.lose",
        "not S",
        "True",
    ),
    mutant(
        "loss-of-a-broken-session-charged",
        DEAD,
        "live.work:LiveTranscribing.lost",
        "replace(V, failure=failure)",
        "V",
    ),
    mutant(
        "counts-back-what-was-held-on-two-days",
        EXTENSIONS,
        "ledger.limits:with_unspent",
        "not A or D != {W.day}",
        "not A or day_of(held_at) != W.day",
    ),
    mutant(
        "block-sold-for-less-than-its-price",
        BLOCKS,
        "live.blocks:LiveBlocks.sold",
        "Charge(J.held, U, P)",
        "Charge(J.held - 1, U, P)",
    ),
    mutant(
        "block-forgotten-once-it-is-sold",
        BLOCKS,
        "ledger.limits:with_ended",
        "is_delivered and K in TIMED_KINDS",
        "False",
    ),
    mutant(
        "block-kept-although-it-was-returned",
        BLOCKS,
        "ledger.limits:with_ended",
        "is_delivered and K in TIMED_KINDS",
        "K in TIMED_KINDS",
    ),
    mutant(
        "block-next-to-what-it-excludes",
        BLOCKS,
        "jobs.holds:HoldTerms.propose",
        "check_alone(W, O, N)",
        "pass",
    ),
    mutant(
        "block-over-before-its-last-session",
        BLOCKS,
        "live.blocks:LiveBlocks.__init__",
        "float(B + R)",
        "float(B)",
    ),
    mutant(
        "block-handed-out-before-it-is-charged",
        BLOCKS,
        "live.block_sales:BlockSales._handed_out",
        "J.is_open",
        "False",
    ),
    mutant(
        "block-charged-for-a-token-of-no-use",
        BLOCKS,
        "live.block_sales:BlockSales._sold",
        "V is None or self._clock.now() >= E",
        "V is None",
    ),
)
