"""The pages that people open: the payment page, hosted or in a frame, the customer portal,
receipts and invoices."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, send_file
from werkzeug.wrappers import Response

from devstack.simulators.control import ControlError, control_body
from devstack.simulators.stripe import intents, portal, subscriptions
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import ACTION
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.ids import client_secret
from devstack.simulators.stripe.renewals import ENDED, current_end
from devstack.simulators.stripe.simulator import StripeSimulator
from devstack.simulators.stripe.wire import Wire
from devstack.simulators.wire import json_response

STRIPE_JS = Path(__file__).parent / "static" / "stripe.js"
CARDS = (
    ("4242424242424242", "A card that works"),
    ("4000002500003155", "A card whose bank wants to know whether it is you"),
    ("4000000000009995", "A card without enough money"),
    ("4000000000000341", "A card that works once and fails afterwards"),
    ("4000000000000259", "A card whose payment is disputed afterwards"),
    ("4000000000005423", "A card that turns out to be stolen"),
    ("sepa_debit", "A bank debit, which takes seconds"),
)
_MESSAGES = {
    "complete": "Paid. Thank you.",
    "open": "The payment was declined. Nothing was charged.",
    ACTION: "Waiting for your bank.",
}
# Where developers serve their own pages, which may frame the payment page.
_FRAMES = "http://localhost:* http://127.0.0.1:*"


def money(cents: int, currency: str) -> str:
    """`12.34 USD`."""
    return f"{cents // 100}.{cents % 100:02d} {currency.upper()}"


class StripePages:
    """Routes without the `/stripe` prefix. `base` is the prefix with which the pages link."""

    def __init__(self, stripe: StripeSimulator, base: str = "/stripe") -> None:
        self._stripe = stripe
        self._base = base

    def add_to(self, routes: Blueprint) -> None:
        routes.get("/js")(self.script)
        routes.get("/pay/<session_id>")(self.pay_page)
        routes.post("/pay/<session_id>")(self.pay)
        routes.post("/pay/<session_id>/authenticate")(self.authenticate)
        routes.post("/confirm/<intent_id>")(self.confirm)
        routes.get("/portal/<portal_id>")(self.portal_page)
        routes.post("/portal/<portal_id>")(self.portal_action)
        routes.get("/invoices/<identifier>")(self.invoice)
        routes.get("/receipts/<identifier>")(self.receipt)

    def script(self) -> Response:
        """The local stand-in for Stripe.js."""
        return send_file(STRIPE_JS, "text/javascript", max_age=0)

    def pay_page(self, session_id: str) -> Response:
        embedded = "embedded" in request.args

        def page(account: Account) -> Response:
            session = account.sessions.find(session_id) or abort(404)
            customer = account.customers.find(session["customer"] or "") or {}
            return self._page(
                "stripe_pay.html",
                _FRAMES if embedded else "'none'",
                session=session,
                title=_title(session),
                lines=account.line_items[session_id],
                email=session["customer_email"] or customer.get("email") or "you@mail.example",
                embedded=embedded,
                cards=CARDS,
            )

        return self._stripe.api.locked(page)

    def pay(self, session_id: str) -> Response:
        """One attempt, from the page's script."""
        body = self._body(session_id)
        chosen = str(body.get("card", ""))
        method = {"method": chosen} if chosen == "sepa_debit" else {"card": chosen}
        email = str(body.get("email") or "you@mail.example")
        return self._done(
            session_id,
            lambda: self._stripe.controls.pay(session_id, email=email, **method),
        )

    def authenticate(self, session_id: str) -> Response:
        """The payer passes the bank's question, or not."""
        outcome = "succeeded" if self._body(session_id).get("passed") else "authentication_required"
        intent = self._stripe.account.session_intents.get(session_id) or abort(404)
        return self._done(session_id, lambda: self._stripe.controls.settle(intent, outcome))

    def confirm(self, intent_id: str) -> Response:
        """The payer confirms a payment of theirs, or not: what Stripe.js does with the client
        secret of a payment."""
        body = control_body()

        def act(account: Account) -> Response:
            intent = account.intents.find(intent_id) or abort(404)
            if body.get("secret") != intent["client_secret"]:
                raise ControlError("the client secret is wrong")
            try:
                method = str(body.get("method", ""))
                intents.respond_to_bank(account, intent, method, passed=bool(body.get("passed")))
            except StripeError as error:
                return json_response({"message": f"{error}"}, error.status)
            failed = intent["last_payment_error"]
            content = {"message": failed["message"]} if failed else {"status": intent["status"]}
            return json_response(content, 402 if failed else 200)

        return self._stripe.api.locked(act)

    def _body(self, session_id: str) -> Wire:
        """The JSON of the page's script; in a frame it must know the session's client secret."""
        session = self._stripe.account.sessions.find(session_id) or abort(404)
        body = dict(control_body())
        if session["ui_mode"] != "hosted_page" and body.get("secret") != client_secret(session_id):
            raise ControlError("the client secret is wrong")
        return body

    def _done(self, session_id: str, act: Callable[[], object]) -> Response:
        try:
            act()
        except StripeError as error:
            content = {"status": "open", "message": f"{error}", "redirect": None}
            return json_response(content, error.status)
        return self._stripe.api.locked(
            lambda account: json_response(_outcome(account, account.sessions.get(session_id)))
        )

    def portal_page(self, portal_id: str) -> Response:
        def page(account: Account) -> Response:
            opened = account.portals.find(portal_id) or abort(404)
            customer = account.customers.get(opened["customer"])
            settings = customer.get("invoice_settings", {})
            saved = account.methods.find(settings.get("default_payment_method") or "")
            card = (saved or {}).get("card")
            return self._page(
                "stripe_portal.html",
                "'none'",
                subscriptions=[
                    _shown(account, each)
                    for each in account.subscriptions.where(customer=opened["customer"])
                ],
                card=f"{card['brand']} ending in {card['last4']}" if card else "",
                cards=[pair for pair in CARDS if pair[0].isdigit()],
                return_url=opened["return_url"],
            )

        return self._stripe.api.locked(page)

    def portal_action(self, portal_id: str) -> Response:
        """A form of the portal's page."""

        def act(account: Account) -> None:
            opened = account.portals.find(portal_id) or abort(404)
            if request.form.get("action") == "card":
                customer = account.customers.get(opened["customer"])
                portal.set_card(account, customer, request.form.get("card", ""))
                return
            chosen = account.subscriptions.get(request.form.get("subscription", ""))
            if chosen["customer"] != opened["customer"]:
                abort(404)
            ends = request.form.get("action") == "cancel"
            subscriptions.update(account, chosen, {"cancel_at_period_end": ends})

        self._stripe.api.locked(act)
        return redirect(request.path, 303)

    def invoice(self, identifier: str) -> Response:
        def page(account: Account) -> Response:
            invoice = account.invoices.find(identifier) or abort(404)
            rows = [
                (line["description"], money(line["amount"], line["currency"]))
                for line in invoice["lines"]["data"]
            ]
            total = ("Total", money(invoice["total"], invoice["currency"]))
            title = f"Invoice {invoice['number'] or ''}, {invoice['status']}"
            return self._page("stripe_document.html", "'none'", title=title, rows=[*rows, total])

        return self._stripe.api.locked(page)

    def receipt(self, identifier: str) -> Response:
        def page(account: Account) -> Response:
            charge = account.charges.find(identifier) or abort(404)
            rows = [
                ("Paid", money(charge["amount"], charge["currency"])),
                ("Refunded", money(charge["amount_refunded"], charge["currency"])),
                ("Status", charge["status"]),
            ]
            return self._page("stripe_document.html", "'none'", title="Receipt", rows=rows)

        return self._stripe.api.locked(page)

    def _page(self, template: str, frames: str, **values: Any) -> Response:
        text = render_template(template, base=self._base, money=money, **values)
        response = make_response(text)
        response.headers["Content-Security-Policy"] = "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "connect-src 'self'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'self'",
                f"frame-ancestors {frames}",
            )
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _title(session: Wire) -> str:
    if session["mode"] == "setup":
        return "Save a card"
    return f"Pay {money(session['amount_total'], session['currency'])}"


def _outcome(account: Account, session: Wire) -> Wire:
    """What the page does next."""
    status = session["status"]
    intent = account.intents.find(account.session_intents.get(session["id"], ""))
    if status == "open" and intent is not None and intent["status"] == ACTION:
        status = ACTION
    message = _MESSAGES[status]
    if status == "open" and intent is not None and intent["last_payment_error"]:
        message = intent["last_payment_error"]["message"]
    leads_on = status == "complete" and session.get("redirect_on_completion", "always") == "always"
    target = session["success_url"] or session.get("return_url") or ""
    target = target.replace("{CHECKOUT_SESSION_ID}", session["id"])
    return {"status": status, "message": message, "redirect": target if leads_on else None}


def _shown(account: Account, subscription: Wire) -> Wire:
    item = subscription["items"]["data"][0]
    return {
        "id": subscription["id"],
        "name": account.products.get(item["price"]["product"])["name"],
        "cents": item["price"]["unit_amount"] * item["quantity"],
        "currency": subscription["currency"],
        "interval": item["price"]["recurring"]["interval"],
        "status": subscription["status"],
        "live": subscription["status"] not in ENDED,
        "ends": subscription["cancel_at_period_end"],
        "until": f"{datetime.fromtimestamp(current_end(subscription), UTC):%Y-%m-%d}",
    }
