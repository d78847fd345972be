"""The rules by which credits move, each with an id that tests carry as their marker:
`@pytest.mark.protocol("sent-once")`.

docs/reliability.md has the table of rules and tests; `make documents` writes it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One sentence that must hold."""

    id: str
    text: str


@dataclass(frozen=True)
class Part:
    """The rules of one part of a credit's way."""

    title: str
    rules: tuple[Rule, ...]


PARTS = (
    Part(
        "Writing a wallet",
        (
            Rule("one-transaction", "Wallet, entries and business object change together or not."),
            Rule("version-compared", "A wallet moves only from the version that was read."),
            Rule("refusal-writes-nothing", "A refused movement writes nothing."),
            Rule("no-hidden-retry", "No client repeats a write by itself."),
            Rule("conflict-retried", "Conflicts and throttles are tried again, from a new read."),
            Rule("busy-means-unwritten", "`WALLET_BUSY` is returned only if nothing was written."),
            Rule("lost-response", "A lost response is read up before anything is written again."),
            Rule("doubt-kept", "While an attempt may still land, no refusal is final."),
            Rule("fresh-token", "Every transaction has a request token of its own."),
            Rule("foreign-response", "A response that is not DynamoDB's proves nothing."),
            Rule("fair-lock", "Requests for one wallet take turns in their order, in bounds."),
            Rule("damage-freezes", "An entry beyond the wallet's version freezes the wallet."),
            Rule("named-fields", "A write changes only the attributes that it names."),
            Rule("time-forward", "Time never runs backwards along a ledger."),
            Rule("one-snapshot", "A refusal rests on wallet and key as read at one moment."),
            Rule("chained-mac", "Each entry's MAC covers all of it and the entry before."),
        ),
    ),
    Part(
        "A paid request",
        (
            Rule("form-first", "What is malformed is refused before anything is read or written."),
            Rule("replay-before-settings", "A known key is answered before price or credits."),
            Rule("refused-before-hold", "Every other refusal comes before the hold."),
            Rule("hold-first", "The credits are held, with the job, before anything is sent."),
            Rule("only-the-holder-sends", "Only the request that made the hold sends, once."),
            Rule("window", "Nothing is sent after the job's time to submit."),
            Rule("never-sent-again", "What may have been sent is never sent again."),
            Rule("second-try-proved", "A second try follows only a definite refusal."),
            Rule("second-try-differs", "A token that was refused is followed by another."),
            Rule("never-sent-proved", "Never sent: no connection or handshake came about."),
            Rule("no-redirect", "A redirect is not followed."),
            Rule("worker-never-sends", "The worker sends no request for a job."),
            Rule("record-exactly", "A task is recorded only for exactly the job that was sent."),
            Rule("record-after-release", "A task that comes to light after a release is watched."),
            Rule("response-from-store", "The response shows the job as it is stored."),
            Rule("accepted", "Accepted: 200 with the job, also under the same key."),
            Rule("indeterminate", "What proves nothing is neither a failure nor sent again."),
            Rule("rejected", "A rejected picture or text returns the credits and ends the key."),
            Rule("ours-not-theirs", "Only what is about picture or content blames the user."),
            Rule("busy", "A busy provider returns the credits and leaves the key open."),
            Rule("unavailable", "Our keys, settings and addresses refused: the key stays open."),
            Rule("proxy-4xx", "A 4xx that is not the provider's counts after one query by our id."),
            Rule("unknown-hold", "A hold of unknown outcome names the job it may have made."),
            Rule("job-named", "Every error after the hold names the job."),
            Rule(
                "key-reused", "A key with another body is refused, names its job, changes nothing."
            ),
            Rule("whole-body-compared", "The whole request is compared, the device aside."),
            Rule("successor", "Only a job that was never taken is followed under its key."),
            Rule("key-per-user", "A key belongs to its user and its kind of work."),
            Rule("times-checked", "Settings whose times do not fit together stop the start."),
        ),
    ),
    Part(
        "Worker, callback, late response",
        (
            Rule("exact-settlement", "A settlement needs exactly the status and task it read."),
            Rule("capture-with-result", "Captured only in the write that stores a checked result."),
            Rule("unusable-result", "A success without a usable result is not charged."),
            Rule("failure-releases", "A failed task returns the credits."),
            Rule("polls-spread", "A running job is queried less and less often."),
            Rule("found-by-our-id", "A lost task is found by our id and charged once."),
            Rule("early-not-found", "Not found during the time to submit counts for nothing."),
            Rule("two-not-founds", "Two definite not-founds apart and a quarantine release a job."),
            Rule("errors-never-count", "Errors and silence never count as not found."),
            Rule("own-task", "Another job's task is not believed, by whichever id it came."),
            Rule("one-deadline", "One deadline bounds connection, head and body of each call."),
            Rule("no-slowest", "A sweep does not wait for its slowest job."),
            Rule("hard-limit", "At the hard limit one fresh look settles or releases the job."),
            Rule("silence-waits", "While nothing responds at the hard limit, the job waits."),
            Rule("watched", "A job released as unresolved is watched, and the watch ends."),
            Rule("house-loss", "A late delivery is handed over uncharged and counted."),
            Rule("callback-polls", "A callback only starts a query; its body is not believed."),
            Rule("callback-authentic", "A callback needs its token, and a signature where set."),
            Rule("callback-bounded", "A storm of callbacks causes few queries."),
        ),
    ),
    Part(
        "Lots",
        (
            Rule("burn-order", "Lots are spent by kind, then end, then age."),
            Rule("spendable-before-end", "Credits are spent strictly before their end."),
            Rule("expiry-grace", "A lot is written off only after the grace."),
            Rule("returns-to-lot", "Released credits return to their own lot."),
            Rule("life-kept", "Credits whose lot ended while held keep the life they had."),
            Rule("debt-first", "A release or grant pays debt first."),
            Rule("merge-in-favour", "Beyond the limit, lots of one kind merge and lose nothing."),
            Rule("equal-lots-merge", "Lots of one kind, restriction and end are one."),
            Rule("restricted-lots", "A restricted lot pays for its operations alone."),
        ),
    ),
    Part(
        "Grants and corrections",
        (
            Rule("grant-once", "A grant under a business key is made once, by whomever."),
            Rule("grant-at-its-time", "A scheduled grant is made once, and not before its time."),
            Rule("grant-proved", "Each grant's item has its entry, and the reverse."),
            Rule("no-more-than-there", "An adjustment takes no more than is there."),
            Rule("corrections-replayed", "The audit replays what operators did to lots."),
        ),
    ),
    Part(
        "Money back",
        (
            Rule(
                "claw-back-order",
                "A claw-back takes the kind that was bought, what ends last first.",
            ),
            Rule("claw-back-debt", "What a claw-back cannot take is debt; nothing falls below 0."),
            Rule("claw-back-any-status", "Claw-backs work in any wallet status; debt stays."),
            Rule("claw-back-replayed", "The audit replays claw-backs and restorations."),
            Rule("restoration", "A restoration pays debt, then returns to the lots it came from."),
            Rule("restoration-life", "What returns after its lot's end has the life it had left."),
            Rule("restoration-newest-first", "What was clawed back last returns first."),
            Rule("payment-granted-once", "A payment is granted once, however often it is settled."),
            Rule("one-settlement", "The missing grant and the claw-back are one transaction."),
            Rule("facts-under-version", "Facts are written under the version read before them."),
            Rule("money-back-target", "What is clawed back follows from Stripe's present object."),
            Rule("credit-is-money-back", "Credit counts once, for the invoice that it credits."),
            Rule("parts-of-one-invoice", "An invoice paid in parts grants once, as a whole."),
            Rule("plan-changes", "A change of plan brings its share, and no toggling brings more."),
            Rule("fraud-warning", "A fraud warning counts as the whole until it is cleared."),
            Rule("refund-once", "An operator's refund is made once, and recorded before."),
            Rule("payment-conflict", "A grant's name of another payment alarms and moves nothing."),
            Rule("purchase-sealed", "A purchase that this service did not write is not settled."),
            Rule("purchase-proved", "Purchases, grants and entries prove one another."),
        ),
    ),
    Part(
        "Sign-up",
        (
            Rule("limit-before-device", "The limit is checked before the device."),
            Rule("claim-decides", "The claim decides, whatever the index shows."),
            Rule("known-user-wins", "A wallet that is found wins over every refusal."),
            Rule("sign-up-once", "A sign-up happens once, whatever disturbs it."),
            Rule("exact-cap", "The cap on users is exact under any race."),
            Rule("anothers-claim", "A claim of another user refuses, and nothing is written."),
            Rule("claim-at-capture", "A known user's new device is claimed with a first capture."),
            Rule("refused-claims-nothing", "A request that is not charged claims nothing."),
            Rule("device-limit", "A user claims at most twenty devices."),
            Rule("lost-claim-settles", "A claim lost in the race does not stop the capture."),
            Rule("one-welcome", "A returning identity gets no second welcome."),
            Rule("every-pepper", "Claims are looked up under every pepper."),
        ),
    ),
    Part(
        "What it costs",
        (
            Rule("fifteen-units", "A finished job costs 15 write units, 17 with a key."),
            Rule("three-calls", "A known user's request takes three calls."),
            Rule("small-items", "Jobs and wallets stay below a kilobyte."),
            Rule("sign-up-cost", "A sign-up costs at most 24 units, a new device 5."),
            Rule("watch-cost", "A look without result costs 3 units, a watch 8 and 2."),
            Rule("no-scan", "No request and no sweep scans the table."),
        ),
    ),
    Part(
        "Audit",
        (
            Rule("gapless", "Entries are gapless, and their balances the wallet's."),
            Rule("forgery-found", "A rewritten entry is found, although the sums fit."),
            Rule("truncation-found", "A ledger that was cut is found."),
            Rule("lots-replayed", "Lots are replayed from the entries."),
            Rule("job-matches", "Each job matches its entries, its index and its MAC."),
            Rule("key-matches", "Each idempotency key stands for its job."),
            Rule("claims-match", "Users, claims and the count match each other."),
            Rule("in-flight", "What moves while it is read is no violation."),
        ),
    ),
)
RULES = {rule.id: rule for part in PARTS for rule in part.rules}
