"""Wallets, entries, lots and `Ledger.move`."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, mutant

LEDGER = "tests/ledger"
MOVES = "tests/ledger/test_damage_in_doubt.py"
USERS = "tests/users"
SUBMISSION = "tests/jobs/test_operations.py"
REPLAYS = "tests/jobs/test_idempotency_keys.py"
FAULTS = "tests/jobs/test_submission_faults.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "disabled-user-passes-the-gate",
        "tests/admin/test_disabling.py",
        "ledger.account_gate:WalletGate.check",
        'bool(item.get("disabled", False))',
        "False",
    ),
    mutant(
        "disabled-user-spends",
        "tests/admin/test_disabling.py",
        "ledger.movements:hold",
        "check_enabled(disabled=wallet.disabled)",
        "pass",
    ),
    mutant(
        "disabled-flag-edited-unnoticed",
        "tests/admin/test_disabling.py",
        "ledger.checks:_status_fault",
        "wallet.disabled is not disabled_after(entries)",
        "False",
    ),
    mutant(
        "erasure-sheds-a-freeze",
        "tests/admin/test_disabling.py",
        "ledger.movements:begin_closing",
        "wallet.returns_frozen or wallet.status is WalletStatus.FROZEN",
        "False",
    ),
    mutant(
        "lost-freeze-unnoticed",
        "tests/admin/test_disabling.py",
        "ledger.checks:_status_fault",
        "returns_frozen_after(entries) and not wallet.returns_frozen",
        "False",
    ),
    breaks(
        "version-compared",
        "version-not-compared",
        "ledger.store:wallet_write",
        'When(equals={"version": X})',
        ALWAYS,
    ),
    mutant(
        "entry-overwritten",
        LEDGER,
        "ledger.store:entry_writes",
        "Put(K, E)",
        f"Put(K, E, {ALWAYS})",
    ),
    breaks("chained-mac", "mac-not-chained", "ledger.store:mac", "previous", '""'),
    mutant(
        "retry-without-re-read",
        REPLAYS,
        "ledger.operations:Ledger._until_settled",
        "snapshot = None",
        "snapshot = snapshot or self.read_snapshot(attempts.user_id, attempts.keys())",
    ),
    breaks(
        "doubt-kept",
        "refusal-in-doubt-is-final",
        "ledger.operations:Ledger._attempt",
        """
        if A.in_doubt:
            raise OutcomeUnknown from E
        """,
        "",
    ),
    mutant(
        "damage-in-doubt-raised-as-it-is",
        MOVES,
        "ledger.operations:Ledger._settled",
        "raise OutcomeUnknown from E",
        "raise",
    ),
    mutant(
        "unforeseen-end-of-a-write-not-doubted",
        MOVES,
        "ledger.operations:Ledger._commit",
        "isinstance(E, MaybeApplied) or not F",
        "isinstance(E, MaybeApplied)",
    ),
    breaks(
        "lost-response",
        "committed-attempt-not-noticed",
        "ledger.operations:_Attempts.were_committed",
        "self._was_committed(S)",
        "False",
    ),
    breaks(
        "busy-means-unwritten",
        "doubt-forgotten-at-the-deadline",
        "ledger.operations:Ledger._at_deadline",
        """
        if not A.in_doubt:
            raise E
        """,
        "raise E",
    ),
    breaks(
        "damage-freezes",
        "damage-written-over",
        "ledger.operations:Ledger._explained",
        "self._freeze(W, B, F)",
        "return StaleRead()",
    ),
    breaks(
        "one-snapshot",
        "key-read-before-the-wallet",
        "ledger.operations:Ledger._read_snapshot",
        "I, *O = self._table.get_together((W, *R))",
        """
        O = [self._table.get(key) for key in R]
        I = self._table.get(W)
        """,
    ),
    mutant(
        "spent-after-the-end",
        LEDGER,
        "ledger.lots:burn",
        "sorted((L for L in M if L.spendable(N)), key=K)",
        "sorted(M, key=K)",
    ),
    breaks(
        "life-kept",
        "released-into-an-ended-lot",
        "ledger.lots:put_back",
        "N >= expires_at",
        "N < 0",
    ),
    breaks(
        "debt-first",
        "debt-not-paid-by-a-release",
        "ledger.movements:release",
        "min(W.debt, A)",
        "0",
    ),
    breaks(
        "merge-in-favour",
        "expired-credits-merged-into-live-ones",
        "ledger.lots:tidy",
        "lambda lot: (lot.kind, lot.spendable(at))",
        "lambda lot: lot.kind",
    ),
    breaks(
        "merge-in-favour",
        "merged-lots-end-early",
        "ledger.lots:tidy",
        "earlier, later = min(P, key=K)",
        "later, earlier = min(P, key=K)",
    ),
    breaks(
        "refused-before-hold",
        "frozen-wallet-spends",
        "ledger.movements:hold",
        """
        if W.status is not WalletStatus.OPEN:
            raise WalletFrozen
        """,
        "",
    ),
    breaks(
        "one-welcome",
        "second-welcome",
        "ledger.movements:welcome",
        "grant(W, LotKind.FREE, 0, E, RETURN, N, K)",
        "grant(W, LotKind.FREE, amount, E, RETURN, N, K)",
    ),
    breaks(
        "one-transaction",
        "wallet-written-before-the-rest",
        "ledger.operations:Ledger._commit",
        "self._table.transact(W)",
        """
        for write in W:
            self._table.transact([write])
        """,
    ),
    breaks(
        "refusal-writes-nothing",
        "refusal-freezes-the-wallet",
        "ledger.operations:Ledger._attempt",
        """
        if A.in_doubt:
            raise OutcomeUnknown from E
        raise
        """,
        """
        self._table.write(store.freeze_write(current.wallet))
        raise
        """,
    ),
    breaks(
        "conflict-retried",
        "conflict-is-final",
        "ledger.operations:Ledger._attempt",
        """
        except (NotApplied, MaybeApplied) as error:
            return error
        """,
        """
        except MaybeApplied as error:
            return error
        """,
    ),
    breaks(
        "fair-lock",
        "last-in-first-out",
        "core.fifo_gate:FifoGate.leave",
        "self._queue.popleft()",
        "self._queue.pop()",
    ),
    breaks(
        "named-fields",
        "whole-wallet-written",
        "ledger.store:wallet_write",
        "{name: value for name, value in N if C}",
        "dict(N)",
    ),
    breaks(
        "time-forward",
        "time-runs-backwards",
        "ledger.posting:entry_time",
        "max(N, W.updated_at)",
        "N",
    ),
    breaks(
        "burn-order",
        "lots-burn-by-end-first",
        "ledger.lots:Lot.burn_order",
        "return K, E, R, N",
        "return E, K, R, N",
    ),
    breaks(
        "spendable-before-end",
        "spendable-at-the-end",
        "ledger.lots:Lot.spendable",
        "N < E",
        "N <= E",
    ),
    breaks(
        "expiry-grace",
        "written-off-without-grace",
        "ledger.lots:Lot.lapsed",
        "E + EXPIRY_GRACE",
        "E",
    ),
    breaks(
        "returns-to-lot",
        "release-makes-a-new-lot",
        "ledger.lots:put_back",
        "number, expires_at = P.number, P.expires_at",
        "number, expires_at = first_number + place, P.expires_at",
    ),
)
