"""The simulated Stripe against Stripe's own description of its API, and against stripe-mock."""

from typing import Any

import pytest
import stripe

from devstack.simulators.stripe.operations import OPERATIONS, Operation
from devstack.simulators.stripe.wire import API_VERSION
from tests.devstack.simulators.stripe.test_checkout import LINE, session_params
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount
from tests.stripe_mock.mock import Mock, description, operation_at
from tests.stripe_mock.schemas import differences, faults, parameters_of, schema_of
from tests.stripe_mock.world import START, objects, world

pytestmark = pytest.mark.go

# What the newest stripe-mock does not know yet: its document describes an older version.
DESCRIBED = "2026-08-26.dahlia"
NEWER = {"create_session.ui_mode: 'form'"}


@pytest.fixture(scope="module")
def everything() -> StripeAccount:
    return world()


def test_the_document_is_of_the_version_whose_differences_are_listed() -> None:
    assert description()["info"]["version"] == DESCRIBED
    assert API_VERSION.split(".")[0] >= DESCRIBED.split(".")[0]


def test_every_object_has_the_shape_that_stripe_describes(everything: StripeAccount) -> None:
    found = objects(everything)
    wrong = {
        fault
        for item in found
        if not item.get("deleted")
        for fault in faults(item, schema_of(item["object"]), item["object"])
    }
    assert wrong == set()
    assert len({item["object"] for item in found}) == 21


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_reads_its_parameters_as_stripe_describes(operation: Operation) -> None:
    described = operation_at(operation.path.pattern, operation.method)
    assert described is not None
    found = set(differences(operation.parameters, parameters_of(described), operation.name))
    assert found - NEWER == set()


def test_every_request_of_the_world_is_valid_for_stripe_mock(
    everything: StripeAccount, mock: Mock
) -> None:
    refused = []
    for request in everything.http.requests:
        status, body = mock.send(request)
        if status >= 300:
            refused.append((request.method, request.path, body))
    assert refused == []
    assert len(everything.http.requests) > 20


BAD: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("post", "/v1/checkout/sessions", session_params(ui_mode="embedded")),
    ("post", "/v1/checkout/sessions", session_params(colour="red")),
    ("post", "/v1/checkout/sessions", session_params(mode="gift")),
    ("post", "/v1/checkout/sessions", session_params(line_items=[LINE | {"quantity": "x"}])),
    ("post", "/v1/checkout/sessions", session_params(expires_at="tomorrow")),
    ("post", "/v1/checkout/sessions", session_params(automatic_tax={"enabled": "maybe"})),
    ("post", "/v1/checkout/sessions", session_params(invoice_creation={"colour": "red"})),
    ("post", "/v1/customers", {"colour": "red"}),
    ("post", "/v1/customers", {"metadata": "red"}),
    ("post", "/v1/prices", {"unit_amount": 1}),
    ("post", "/v1/payment_intents", {"currency": "usd"}),
    ("post", "/v1/payment_intents", {"amount": "x", "currency": "usd"}),
    ("post", "/v1/refunds", {"payment_intent": "pi_1", "reason": "remorse"}),
    ("post", "/v1/billing_portal/sessions", {"return_page": "https://app.example/"}),
    ("post", "/v1/credit_notes", {"amount": 1}),
    ("post", "/v1/credit_notes", {"invoice": "in_1", "amount": "x"}),
    ("post", "/v1/credit_notes", {"invoice": "in_1", "amount": 1, "reason": "remorse"}),
    ("get", "/v1/credit_notes", {"colour": "red"}),
    ("get", "/v1/events", {"colour": "red"}),
    ("get", "/v1/events", {"limit": "x"}),
    ("get", "/v1/subscriptions", {"status": "tired"}),
)


@pytest.mark.parametrize(("method", "path", "params"), BAD)
def test_what_stripe_mock_refuses_the_simulator_refuses_too(
    mock: Mock, method: Any, path: str, params: dict[str, Any]
) -> None:
    account = StripeAccount(FakeClock(START))
    with pytest.raises(stripe.InvalidRequestError):
        account.client().raw_request(method, path, **params)
    status, body = mock.send(account.http.requests[0])
    assert status == 400, body
