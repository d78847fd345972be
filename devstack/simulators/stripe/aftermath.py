"""What some test cards cause after a payment that succeeded."""

from devstack.simulators.stripe import disputes
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import Behavior
from devstack.simulators.stripe.wire import Wire

DELAY_SECONDS = 2


def follow(account: Account, charge: Wire, known: Behavior) -> None:
    """Schedules the dispute, the inquiry or the warning that belongs to the card, if any."""

    def act() -> None:
        if known.afterwards == "warning":
            disputes.warn(account, charge, fraud_type="made_with_stolen_card")
        elif charge["amount_refunded"] < charge["amount"]:
            inquiry = known.afterwards == "inquiry"
            disputes.open_dispute(account, charge, charge["amount"], inquiry=inquiry)

    if known.afterwards:
        account.clock.schedule(account.now() + DELAY_SECONDS, act)
