"""The prices of the plans exist before anything is sold."""

import pytest
import stripe

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.stripe.seeds import read_plans
from tests.devstack.simulators.stack import Start
from tests.devstack.simulators.stripe.test_checkout import opened
from tests.devstack.simulators.stripe.test_routes import client_of
from tests.doubles.stripe_account import StripeAccount


def test_every_plan_can_be_subscribed_to_at_once(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    assert account.events() == []
    for plan_id, plan in read_plans().items():
        price = client.v1.prices.retrieve(plan["priceId"])
        assert (price.unit_amount, price.currency) == (plan["amountCents"], plan["currency"])
        assert [each.id for each in client.v1.prices.list({"lookup_keys": [plan_id]}).data] == [
            price.id
        ]
        lines = [{"price": price.id, "quantity": 1}]
        session = opened(client, mode="subscription", line_items=lines, payment_intent_data=None)
        assert account.controls.pay(session.id)["payment_status"] == "paid"
    account.simulator.reset()
    assert len(client.v1.prices.list().data) == len(read_plans())


def test_a_plan_may_have_another_price(start: Start) -> None:
    stack = start(stripe_plan_prices="pro:price_mine")
    assert client_of(stack).v1.prices.retrieve("price_mine").lookup_key == "pro"
    with pytest.raises(ValueError, match="plan:price pairs"):
        SimulatorSettings(stripe_plan_prices="pro")
