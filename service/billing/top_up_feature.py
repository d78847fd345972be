"""The wiring of automatic top-up.

In a file of its own because that of billing is long."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Flask

from service.billing import keys, top_up_store
from service.billing.confirmations import Confirmations
from service.billing.customers import Customers
from service.billing.offers import Offers
from service.billing.order_records import OrderRecords
from service.billing.payments import Payments
from service.billing.stripe_client import Stripe
from service.billing.top_up_entities import TopUp
from service.billing.top_up_routes import buy_after_refusals, top_up_blueprint
from service.billing.top_up_schemas import top_up_body
from service.billing.top_up_sweeps import DueTopUps, TopUpTriggers
from service.billing.top_ups import TopUps
from service.catalog.operations import Catalog
from service.core.erasure import ErasurePhase, ErasureStep, ExportPart, StepOutcome
from service.core.sweep import Background, Sweep
from service.feature import Core, Parts
from service.ledger.low_balance import LowBalance
from service.ledger.operations import Ledger
from service.notifications.operations import Outbox
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.table import Table
from service.storage.writes import REPLACE, Delete


@dataclass(frozen=True)
class TopUpParts:
    """What automatic top-up contributes to billing."""

    top_ups: TopUps
    make_blueprint: Callable[[], Blueprint]
    hook: Callable[[Flask], None]
    sweeps: Callable[[Background], tuple[Sweep, ...]]
    erasure: ErasureStep
    export: ExportPart
    check: ItemCheck


def build_top_ups(
    core: Core,
    parts: Parts,
    stripe: Stripe,
    customers: Customers,
    offers: Offers,
    records: OrderRecords,
    payments: Payments,
    buy_page: str,
) -> TopUpParts:
    top_ups = TopUps(
        table=core.table,
        ledger=parts.get(Ledger),
        low_balance=parts.get(LowBalance),
        stripe=stripe,
        customers=customers,
        offers=offers,
        records=records,
        payments=payments,
        outbox=parts.get(Outbox),
        clock=core.clock,
        ids=core.ids,
        mac_key=core.keyring.mac_key,
        confirmations=Confirmations(stripe, payments, core.clock),
        buy_page=buy_page,
    )
    triggers = TopUpTriggers(top_ups, core.clock)
    if stripe.configured:
        parts.get(Outbox).register(triggers.publish)

    def hook(app: Flask) -> None:
        if stripe.configured:
            buy_after_refusals(app, triggers)

    def sweeps(background: Background) -> tuple[Sweep, ...]:
        if not stripe.configured:
            return ()
        return (DueTopUps(core.table, top_ups, core.clock, background.stopping),)

    return TopUpParts(
        top_ups=top_ups,
        make_blueprint=lambda: top_up_blueprint(top_ups, core.clock, parts.get(Catalog).max_hold),
        hook=hook,
        sweeps=sweeps,
        erasure=_erasure(core.table, top_ups),
        export=_export(top_ups),
        check=ItemCheck(keys.TOP_UP, _faults),
    )


def _export(top_ups: TopUps) -> ExportPart:
    def exported(user_id: str) -> object:
        found = top_ups.read(user_id)
        return top_up_body(found, found.month) if found else None

    return ExportPart("topUp", exported)


def _erasure(table: Table, top_ups: TopUps) -> ErasureStep:
    """Nothing more is bought for whoever leaves, nor can they pay what waited for their bank."""

    def run(user_id: str) -> StepOutcome:
        top_ups.withdraw(user_id)
        table.write(Delete(keys.top_up(user_id), REPLACE))
        return StepOutcome.DONE

    return ErasureStep("top_up", run, ErasurePhase.ACCESS)


def _faults(item: Item) -> list[str]:
    found = top_up_store.top_up_from(item)
    checks = {
        "is not due with a purchase under way": _is_lost(found),
        "is off for a reason and on": found.enabled and bool(found.off_reason),
        "its version is not one of ours": found.version < 1,
    }
    return [fault for fault, is_found in checks.items() if is_found]


def _is_lost(top_up: TopUp) -> bool:
    return bool(top_up.order_id) and top_up.due_at is None
