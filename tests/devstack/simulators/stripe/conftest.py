import pytest
import stripe

from tests.devstack.simulators.stack import START
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def account(clock: FakeClock) -> StripeAccount:
    return StripeAccount(clock)


@pytest.fixture
def client(account: StripeAccount) -> stripe.StripeClient:
    return account.client()
