"""The simulated Stripe's payment page in a real browser, hosted and in a frame of another page."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from devstack.simulators.stripe.simulator import LOCAL_KEY
from devstack.simulators.stripe.wire import API_VERSION
from tests.browser.chromium import Page
from tests.browser.pay_page import in_frame, pay, pay_in_frame
from tests.doubles.eventually import eventually

pytestmark = pytest.mark.browser

SHOP = """<!doctype html><title>Shop</title><h1>Shop</h1><div id="checkout"></div>
<script src="{stripe}/js"></script>
<script>
  const fetchClientSecret = async () => new URLSearchParams(location.search).get("secret");
  const onComplete = () => {{ window.completed = true; }};
  Stripe("pk_test_local").createEmbeddedCheckoutPage({{ fetchClientSecret, onComplete }})
    .then((checkout) => checkout.mount("#checkout"));
</script>"""


@contextmanager
def shop(simulators: str) -> Iterator[str]:
    """A page of some app, on an origin of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = "<h1>Back</h1>"
            if self.path.startswith("/?"):
                text = SHOP.format(stripe=f"{simulators}/stripe")
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def session_of(url: str, **params: Any) -> Any:
    client = stripe.StripeClient(
        LOCAL_KEY, stripe_version=API_VERSION, base_addresses={"api": f"{url}/stripe"}
    )
    line = {
        "price_data": {
            "currency": "usd",
            "unit_amount": 999,
            "product_data": {"name": "100 credits"},
        },
        "quantity": 1,
    }
    wanted: Any = {"mode": "payment", "line_items": [line], **params}
    return client, client.v1.checkout.sessions.create(wanted)


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_a_person_pays_on_the_hosted_page_after_a_declined_card(width: int, dark: bool) -> None:
    with (
        SimulatorServer(SimulatorSettings(port=0, stripe_webhook_secrets="")) as server,
        shop(server.url) as app,
        Page(width, dark=dark) as page,
    ):
        client, session = session_of(
            server.url, success_url=f"{app}/back?session={{CHECKOUT_SESSION_ID}}"
        )
        page.go(session.url)
        page.wait('document.querySelector("h1")?.textContent === "Pay 9.99 USD"')
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        pay(page, "4000000000009995")
        page.wait('document.getElementById("outcome").textContent.includes("insufficient funds")')
        assert page.violations() == []
        pay(page, "4242424242424242")
        page.wait(f'location.href === "{app}/back?session={session.id}"')
        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_person_pays_in_a_frame_and_confirms_at_the_bank() -> None:
    with (
        SimulatorServer(SimulatorSettings(port=0, stripe_webhook_secrets="")) as server,
        shop(server.url) as app,
        Page() as page,
    ):
        client, session = session_of(
            server.url,
            ui_mode="embedded_page",
            return_url=f"{app}/back?session={{CHECKOUT_SESSION_ID}}",
        )
        page.go(f"{app}/?secret={session.client_secret}")
        page.wait('document.querySelector("iframe")?.style.height')
        pay_in_frame(page, "4000002500003155")
        eventually(lambda: in_frame(page, 'document.getElementById("bank")?.hidden === false'))
        in_frame(page, 'document.querySelector("#bank button").click()')
        page.wait(f'location.href === "{app}/back?session={session.id}"')
        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
        assert [line for line in page.console if line.startswith("error")] == []
