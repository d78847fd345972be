"""The wiring of Stripe's events, a part of the feature's own.

In a file of its own because it stands between what sells and what settles, and wires neither."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from service.billing.event_sweeps import DueEvents, MissedEvents, listed_events
from service.billing.inbox import MAX_INLINE, Inbox, Inline
from service.billing.reconciler import Reconciler
from service.billing.settings import BillingSettings
from service.billing.stripe_client import Stripe
from service.billing.webhooks import Webhooks
from service.core.sweep import Background, Sweep
from service.feature import Core, Parts

# How often it is found out whether it is time for the sweep of Stripe's list.
MISSED_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Events:
    """What receives Stripe's events, and what becomes of them."""

    reconciler: Reconciler
    inbox: Inbox
    webhooks: Webhooks
    sweeps: Callable[[Background], Sequence[Sweep]]
    close: Callable[[], None]


def build_events(core: Core, parts: Parts, stripe: Stripe) -> Events:
    """Stripe's events, which the reconciler's handlers deal with: to be registered afterwards."""
    # Threads are made as they are needed: none in a process that receives no webhooks.
    pool = ThreadPoolExecutor(MAX_INLINE, thread_name_prefix="stripe-events")
    inline = parts.replaced(Inline, Inline(pool, MAX_INLINE))
    reconciler = Reconciler()
    inbox = Inbox(
        core.table, core.clock, core.metrics, core.jitter, reconciler.reconcile, inline.run
    )

    def close() -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    return Events(
        reconciler=reconciler,
        inbox=inbox,
        webhooks=Webhooks(stripe, inbox, core.clock, core.metrics),
        sweeps=partial(_sweeps, core, stripe, inbox),
        close=close,
    )


def _sweeps(
    core: Core, stripe: Stripe, inbox: Inbox, background: Background
) -> tuple[DueEvents, MissedEvents]:
    settings = core.section(BillingSettings)
    due = DueEvents(
        inbox,
        core.clock,
        core.metrics,
        background.stopping,
        settings.stripe_events_interval_seconds,
    )
    missed = MissedEvents(
        core.table,
        inbox,
        partial(listed_events, stripe),
        core.clock,
        core.metrics,
        background.stopping,
        settings.stripe_sweep_interval_seconds,
        MISSED_PAUSE_SECONDS,
    )
    return due, missed
