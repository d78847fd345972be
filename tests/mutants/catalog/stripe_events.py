"""Stripe's events and subscriptions: nothing forged, nothing lost, each period granted once."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

SIGNATURES = "tests/billing/test_signatures.py"
WEBHOOKS = "tests/billing/test_webhooks.py"
INBOX = "tests/billing/test_inbox.py"
SWEEPS = "tests/billing/test_event_sweeps.py"
EVENTS = "tests/billing/test_events.py"
LIFE = "tests/billing/test_subscriptions.py"
ENTITLED = "tests/entitlements/test_operations.py"
STATES = "tests/entitlements/test_entities.py"
TRIALS = "tests/entitlements/test_trials.py"
SUBSCRIBERS = "tests/jobs/test_subscribers.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "webhook-with-any-signature",
        SIGNATURES,
        "billing.signatures:verify",
        """
        if not any(matches):
            raise WebhookRefused(RefusalReason.SIGNATURE)
        """,
        "",
    ),
    mutant(
        "webhook-signed-with-nothing",
        SIGNATURES,
        "billing.signatures:verify",
        "not secrets or not all(secrets)",
        "not secrets",
    ),
    mutant(
        "webhook-of-the-future",
        SIGNATURES,
        "billing.signatures:signed_at",
        "abs(now_seconds - at) > TOLERANCE_SECONDS",
        "now_seconds - at > TOLERANCE_SECONDS",
    ),
    mutant(
        "webhook-without-its-time",
        SIGNATURES,
        "billing.signatures:verify",
        'str(at).encode() + b"." + raw',
        "raw",
    ),
    mutant(
        "webhook-of-the-other-mode",
        WEBHOOKS,
        "billing.webhooks:Webhooks._verified",
        """
        if facts.livemode is not self._stripe.livemode:
            raise WebhookRefused(RefusalReason.LIVEMODE)
        """,
        "",
    ),
    mutant(
        "webhook-in-any-encoding",
        WEBHOOKS,
        "billing.event_routes:_is_plain_json",
        'is_json and E in ("", "identity") and C in ("utf-8", "utf8")',
        "is_json",
    ),
    mutant(
        "event-acknowledged-unread",
        INBOX,
        "billing.inbox:Inbox._stored",
        "return self._reread(event_id)",
        "return event",
    ),
    mutant(
        "event-lost-with-its-write",
        INBOX,
        "billing.inbox:Inbox._reread",
        """
        if stored is None:
            raise self._not_stored()
        """,
        "assert stored is not None",
    ),
    mutant(
        "unfinished-event-is-a-duplicate",
        INBOX,
        "billing.inbox:Inbox.receive",
        "stored.handling.state is not EventState.DONE",
        "stored.handling.attempts == 0",
    ),
    mutant(
        "event-claimed-by-everyone",
        INBOX,
        "billing.event_store:_change",
        "When(equals=guard)",
        ALWAYS,
    ),
    mutant(
        "event-done-before-it-is-dealt-with",
        INBOX,
        "billing.inbox:Inbox._failed",
        "stored.handling.failed(N, J, error, passes=passes)",
        "stored.handling.done()",
    ),
    mutant(
        "outage-kills-an-event",
        INBOX,
        "billing.events:Handling.failed",
        "self.attempts >= MAX_ATTEMPTS and not passes",
        "self.attempts >= MAX_ATTEMPTS",
    ),
    mutant(
        "poison-tried-for-ever",
        INBOX,
        "billing.events:Handling.failed",
        "self.attempts >= MAX_ATTEMPTS and not passes",
        "False",
    ),
    mutant(
        "missed-events-unheard",
        SWEEPS,
        "billing.event_sweeps:MissedEvents._fed",
        "missed += 1",
        "missed += 0",
    ),
    mutant(
        "list-walked-to-its-first-page",
        SWEEPS,
        "billing.event_sweeps:MissedEvents.run_once",
        "not after or pages >= MAX_PAGES",
        "True",
    ),
    mutant(
        "entitlement-over-any-version",
        ENTITLED,
        "entitlements.store:entitlement_write",
        "When(equals=V)",
        ALWAYS,
    ),
    mutant(
        "canceled-permits-all-the-same",
        STATES,
        "entitlements.entities",
        "frozenset(_RANKS[:3])",
        "frozenset(_RANKS[:4])",
    ),
    mutant(
        "trial-once-per-person-only",
        TRIALS,
        "entitlements.trials:Trials._claims",
        "(*map(keys.trial, person), *map(keys.card, card))",
        "(*map(keys.trial, person),)",
    ),
    mutant(
        "trial-once-per-card-only",
        TRIALS,
        "entitlements.trials:Trials._claims",
        "(*map(keys.trial, person), *map(keys.card, card))",
        "(*map(keys.card, card),)",
    ),
    mutant(
        "part-of-a-period-in-full",
        LIFE,
        "billing.plan_credits:_whole",
        "line.amount_cents >= plan.amount_cents",
        "True",
    ),
    mutant(
        "one-grant-for-all-periods",
        LIFE,
        "billing.plan_credits:_grant_id",
        'f"{line.subscription_id}:{line.period_start_at // SECOND}"',
        "line.subscription_id",
    ),
    mutant(
        "entitlement-of-an-erased-user",
        LIFE,
        "billing.subscriptions:Subscriptions._stored",
        """
        if not self._has_account(user_id):
            return ()
        """,
        "",
    ),
    mutant(
        "retried-hold-of-a-former-subscriber",
        SUBSCRIBERS,
        "jobs.holds:limits_in",
        "T = permission.check(snapshot.item(permission.key))",
        "return limits",
    ),
    mutant(
        "plan-without-its-operation",
        STATES,
        "entitlements.entities:terms_of",
        "plan is None or operation not in plan.operations",
        "plan is None",
    ),
    mutant(
        "refund-event-of-its-charge-only",
        EVENTS,
        "billing.events:object_of",
        "_ref(kind, content.get(field)) or _of_charge(content)",
        "_ref(kind, content.get(field))",
    ),
)
