"""What holds for every request: access, parameters, idempotency keys, pages, expansion."""

from typing import Any

import pytest
import stripe

from devstack.simulators.stripe.simulator import LOCAL_KEY
from devstack.simulators.stripe.wire import API_VERSION, Reply, Request
from tests.devstack.simulators.stripe.test_checkout import opened
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount

HEADERS = {"authorization": f"Bearer {LOCAL_KEY}", "stripe-version": API_VERSION}


def send(account: StripeAccount, method: str, path: str, body: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return account.simulator.handle(Request(method, path, "", body, {**HEADERS, **named}))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Basic x"}, 401),
        ({"authorization": "Bearer sk_test_other"}, 401),
        ({"authorization": "Bearer sk_live_farebox"}, 401),
        ({"stripe_version": "2025-03-31.basil"}, 400),
    ],
)
def test_a_request_without_access_changes_nothing(
    account: StripeAccount, headers: dict[str, str], status: int
) -> None:
    reply = send(account, "POST", "/v1/customers", **headers)
    assert (reply.status, len(account.simulator.account.customers)) == (status, 0)
    assert reply.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/customers", "email[=x"),
        ("POST", "/v1/customers", "email=%ff"),
        ("POST", "/v1/customers", "metadata[a]=1&metadata=2"),
        ("POST", "/v1/customers", "email=1&email[a]=2"),
        ("POST", "/v1/customers", "a" + "[b]" * 20 + "=1"),
        ("POST", "/v1/customers", "metadata[a]=" + "x" * 501),
        ("POST", "/v1/customers", "email=nobody"),
        ("POST", "/v1/checkout/sessions", "line_items[1][price]=x&mode=payment"),
        ("POST", "/v1/payment_intents", "amount=-1&currency=usd"),
        ("POST", "/v1/payment_intents", "amount=49&currency=usd"),
        ("POST", "/v1/payment_intents", "amount=1.5&currency=usd"),
        ("POST", "/v1/payment_intents", "amount=100&currency=dollar"),
        ("POST", "/v1/payment_intents", "amount=100&currency=usd&confirm=yes"),
        ("PATCH", "/v1/customers", ""),
        ("GET", "/v1/gifts", ""),
    ],
)
def test_a_malformed_request_is_refused_with_stripes_error(
    account: StripeAccount, method: str, path: str, body: str
) -> None:
    reply = send(account, method, path, body)
    assert reply.status in (400, 404)
    assert '"type": "invalid_request_error"' in reply.body
    assert account.events() == []


def test_a_repeated_key_returns_the_first_reply(account: StripeAccount) -> None:
    first = send(account, "POST", "/v1/customers", "name=Ann", idempotency_key="k")
    again = send(account, "POST", "/v1/customers", "name=Ann", idempotency_key="k")
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Request-Id"] == first.headers["Request-Id"]
    assert account.types() == ["customer.created"]
    [event] = account.events()
    assert event["request"]["idempotency_key"] == "k"


def test_a_key_belongs_to_its_parameters(account: StripeAccount) -> None:
    client = account.client()
    client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "Bob"}, {"idempotency_key": "k"})
    assert len(client.v1.customers.list().data) == 1


def test_a_key_is_free_again_after_a_day(account: StripeAccount, clock: FakeClock) -> None:
    send(account, "POST", "/v1/customers", idempotency_key="k")
    clock.advance(24 * 3600)
    send(account, "POST", "/v1/customers", idempotency_key="k")
    assert len(account.events("customer.created")) == 2


def test_a_refused_request_stores_nothing_and_a_declined_one_does(account: StripeAccount) -> None:
    bad = send(account, "POST", "/v1/customers", "colour=red", idempotency_key="k")
    good = send(account, "POST", "/v1/customers", "name=Ann", idempotency_key="k")
    assert (bad.status, good.status) == (400, 200)
    body = (
        "amount=100&currency=usd&confirm=true&payment_method=pm_card_visa_chargeDeclined"
        "&payment_method_types[0]=card"
    )
    declined = send(account, "POST", "/v1/payment_intents", body, idempotency_key="d")
    again = send(account, "POST", "/v1/payment_intents", body, idempotency_key="d")
    assert (declined.status, again.body) == (402, declined.body)
    assert len(account.events("charge.failed")) == 1


def test_a_key_in_use_conflicts(account: StripeAccount) -> None:
    request = Request("POST", "/v1/customers", "", "", HEADERS | {"idempotency-key": "k"})
    api = account.simulator.api
    assert api.begin(request) is None
    conflict = api.handle(request)
    assert (conflict.status, "idempotency_key_in_use" in conflict.body) == (409, True)
    api.end(request, api.perform(request))
    assert api.handle(request).status == 200
    assert account.types() == ["customer.created"]


def test_a_list_is_paged_by_cursors_newest_first(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": str(number)}).id for number in range(5)]
    first = client.v1.customers.list({"limit": 2})
    assert ([each.id for each in first.data], first.has_more) == (made[:2:-1], True)
    rest = client.v1.customers.list({"limit": 3, "starting_after": made[3]})
    assert ([each.id for each in rest.data], rest.has_more) == (made[2::-1], False)
    before = client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert ([each.id for each in before.data], before.has_more) == ([made[2], made[1]], True)
    assert [each.id for each in first.auto_paging_iter()] == made[::-1]


def test_a_list_is_filtered_by_time(client: stripe.StripeClient, clock: FakeClock) -> None:
    made = []
    for _ in range(3):
        made.append(client.v1.customers.create())
        clock.advance(10)
    second = made[1].created
    for query, expected in (
        ({"gte": second}, 2),
        ({"gt": second}, 1),
        ({"lt": second}, 1),
        ({"lte": second, "gte": second}, 1),
        (second, 1),
    ):
        params: Any = {"created": query}
        assert len(client.v1.customers.list(params).data) == expected


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"starting_after": "cus_none"}, {"created": {"at": 1}}]
)
def test_a_wrong_page_is_refused(client: stripe.StripeClient, query: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.list(query)


def test_objects_are_expanded_four_levels_deep_and_no_further(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    account.controls.pay(opened(client).id)
    path = "data.payment_intent.latest_charge.balance_transaction.source"
    found: Any = client.v1.checkout.sessions.list({"expand": [path]}).data[0]
    assert found.payment_intent.latest_charge.balance_transaction.source.object == "charge"
    for wrong in (f"{path}.customer", "data.colour", "data.status"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.checkout.sessions.list({"expand": [wrong]})
        assert refused.value.param == "expand"
    plain = client.v1.checkout.sessions.list().data[0]
    assert isinstance(plain.payment_intent, str)


def test_metadata_is_merged_and_unset_by_key_or_as_a_whole(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    changed = client.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    cleared = client.v1.customers.update(customer.id, {"metadata": ""})
    assert cleared.metadata is not None
    assert cleared.metadata.to_dict() == {}


def test_events_are_kept_for_thirty_days_and_filtered_by_type(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    account.controls.pay(opened(client).id)
    types: Any = {"types": ["charge.*", "checkout.session.completed"]}
    found = [event.type for event in client.v1.events.list(types).data]
    assert found == ["checkout.session.completed", "charge.succeeded"]
    [event] = client.v1.events.list({"type": "charge.succeeded"}).data
    assert (event.api_version, event.livemode) == (API_VERSION, False)
    account.controls.clock(days=31)
    assert client.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.retrieve(event.id)


def test_a_reset_forgets_everything(account: StripeAccount, client: stripe.StripeClient) -> None:
    client.v1.customers.create()
    account.controls.clock(days=5)
    account.simulator.reset()
    assert client.v1.customers.list().data == []
    assert account.types() == []


@pytest.mark.parametrize(
    ("fault", "error", "made"),
    [
        ("status:429", stripe.RateLimitError, 0),
        ("status:500", stripe.APIError, 0),
        ("html:502", stripe.APIError, 0),
        ("reset", stripe.APIConnectionError, 0),
        ("lost-answer", stripe.APIConnectionError, 1),
        ("stored-error", stripe.APIError, 0),
    ],
)
def test_faults_meet_requests_in_process_too(
    account: StripeAccount, fault: str, error: type[stripe.StripeError], made: int
) -> None:
    client = account.client()
    key: Any = {"idempotency_key": "k"}
    account.http.arm("create_customer", fault)
    with pytest.raises(error):
        client.v1.customers.create({}, key)
    assert len(account.events("customer.created")) == made
    if fault == "stored-error":
        with pytest.raises(error):
            client.v1.customers.create({}, key)
    else:
        client.v1.customers.create({}, key)
        assert len(account.events("customer.created")) == 1
