"""How many credits follow the money that went back."""

from typing import Any

import pytest

from service.billing.money_back import WARNING_LIFE, Loss, loss_of, moved_cents, target_of
from service.billing.purchases import OUTSIDE, PaidPart, PaymentFacts, Purchase
from service.billing.stripe_objects import (
    CreditNote,
    Dispute,
    DisputeMovement,
    FraudWarning,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Refund,
)
from service.core.days import DAY
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind

NOW = 1_790_000_000_000


def purchase(**changes: Any) -> Purchase:
    facts: dict[str, Any] = {
        "payment_id": "pi_1",
        "user_id": "ann",
        "source": GrantSource.PURCHASE,
        "grant_id": "pi_1",
        "reference": "ord_1",
        "granted": 1_000,
        "kind": LotKind.PAID,
        "lot_expires_at": None,
        "paid_cents": 300,
        "currency": "usd",
    }
    return Purchase(**(facts | changes))


def refund(cents: int, status: str = "succeeded", currency: str = "usd") -> Refund:
    return Refund(
        id="re_1",
        status=status,
        amount_cents=cents,
        currency=currency,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        metadata={},
        created_at=NOW,
    )


def dispute(
    cents: int, *movements: int, status: str = "needs_response", currency: str = "usd"
) -> Dispute:
    return Dispute(
        id="du_1",
        status=status,
        reason="fraudulent",
        amount_cents=cents,
        currency=currency,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        movements=tuple(
            DisputeMovement(id=f"txn_{place}", amount_cents=each, currency="eur", kind="adjustment")
            for place, each in enumerate(movements)
        ),
        created_at=NOW,
        livemode=False,
    )


def warning(created_at: int = NOW) -> FraudWarning:
    return FraudWarning(
        id="issfr_1",
        kind="made_with_stolen_card",
        actionable=True,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        created_at=created_at,
        livemode=False,
    )


def note(
    cents: int,
    pre: int = 0,
    status: str = "issued",
    currency: str = "usd",
    refunds: dict[str, int] | None = None,
) -> CreditNote:
    return CreditNote(
        id="cn_1",
        status=status,
        amount_cents=cents,
        pre_payment_cents=pre,
        currency=currency,
        invoice_id="in_1",
        refunds=refunds or {},
        created_at=NOW,
        livemode=False,
    )


def line(cents: int, credited: str = "", before_tax: int | None = None) -> InvoiceLine:
    return InvoiceLine(
        id="il_1",
        amount_cents=cents if before_tax is None else before_tax,
        total_cents=cents,
        currency="usd",
        price_id="price_1",
        subscription_id="sub_1",
        quantity=1,
        is_proration=cents < 0,
        credited_invoice_id=credited,
        period_start_at=NOW,
        period_end_at=NOW + DAY,
    )


def invoice(
    *lines: InvoiceLine, invoice_id: str = "in_2", status: str = "paid", from_balance: int = 0
) -> Invoice:
    return Invoice(
        id=invoice_id,
        status=status,
        billing_reason="subscription_cycle",
        total_cents=sum(each.total_cents for each in lines),
        paid_cents=300,
        currency="usd",
        customer_id="cus_1",
        subscription_id="sub_1",
        payments=(
            InvoicePayment(
                id="inpay_1", status="paid", paid_cents=300, intent_id="pi_1", created_at=NOW
            ),
        ),
        all_payments=True,
        lines=lines,
        all_lines=True,
        from_balance_cents=from_balance,
        has_credit_notes=False,
        metadata={},
        notes={},
        created_at=NOW,
        livemode=False,
    )


FIRST = invoice(line(300), invoice_id="in_1")


def target(now: int = NOW, of: Purchase | None = None, **facts: Any) -> int:
    bought = of or purchase()
    return target_of(bought, loss_of(PaymentFacts(payment_id="pi_1", **facts), bought, now))


@pytest.mark.protocol("money-back-target")
@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({}, 0),
        ({"refunds": (refund(100),)}, 333),
        ({"refunds": (refund(1), refund(99))}, 333),
        ({"refunds": (refund(300),)}, 1_000),
        ({"refunds": (refund(299),)}, 996),
        ({"refunds": (refund(100, "pending"),)}, 333),
        ({"refunds": (refund(100, "requires_action"),)}, 333),
        ({"refunds": (refund(100, "failed"), refund(50, "canceled"))}, 0),
        ({"refunds": (refund(1, currency="eur"),)}, 1_000),
        ({"disputes": (dispute(150),)}, 0),
        ({"disputes": (dispute(150, -150),)}, 500),
        ({"disputes": (dispute(150, -150, 150),)}, 0),
        ({"disputes": (dispute(150, -150, 150, -150),)}, 500),
        ({"disputes": (dispute(150, -150, 75),)}, 250),
        ({"disputes": (dispute(150, -140, 139, status="won"),)}, 0),
        ({"disputes": (dispute(150, -150, status="lost"),)}, 500),
        ({"disputes": (dispute(1, -1, currency="eur"),)}, 1_000),
        ({"disputes": (dispute(1, -1, 1, currency="eur"),)}, 0),
        ({"refunds": (refund(200),), "disputes": (dispute(200, -200),)}, 1_000),
        ({"refunds": (refund(100),), "disputes": (dispute(100, -100),)}, 666),
    ],
)
def test_the_target_is_the_part_that_is_lost_rounded_down(
    facts: dict[str, Any], wanted: int
) -> None:
    assert target(**facts) == wanted


@pytest.mark.protocol("money-back-target")
@pytest.mark.parametrize("overlap", [1, 300, 10**6])
def test_no_target_is_negative(overlap: int) -> None:
    """Whatever the cents of a stored purchase are: a negative one would give credits away."""
    assert target_of(purchase(), Loss(overlap_cents=overlap)) == 0


@pytest.mark.protocol("money-back-target")
def test_of_what_cost_nothing_nothing_is_lost() -> None:
    free = purchase(paid_cents=0)
    assert target(of=free, refunds=(refund(5),), warnings=(warning(),)) == 0


@pytest.mark.protocol("credit-is-money-back")
@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"later_invoices": (invoice(line(-150, "in_1")),)}, 500),
        ({"later_invoices": (invoice(line(-150, "in_1"), line(900)),)}, 500),
        ({"later_invoices": (invoice(line(-150, "in_1", before_tax=-120)),)}, 500),
        ({"later_invoices": (invoice(line(-75, "in_1")), invoice(line(-75, "in_1")))}, 500),
        ({"later_invoices": (invoice(line(-75, "in_1"), line(-75, "in_1")),)}, 500),
        ({"later_invoices": (invoice(line(-600, "in_1")),)}, 1_000),
        ({"later_invoices": (invoice(line(-150, "in_9")),)}, 0),
        ({"later_invoices": (invoice(line(-150)),)}, 0),
        ({"later_invoices": (invoice(line(-150, "in_1"), invoice_id="in_1"),)}, 0),
        ({"later_invoices": (invoice(line(-150, "in_1"), status="open"),)}, 500),
        ({"later_invoices": (invoice(line(-150, "in_1"), status="uncollectible"),)}, 500),
        ({"later_invoices": (invoice(line(-150, "in_1"), status="draft"),)}, 0),
        ({"later_invoices": (invoice(line(-150, "in_1"), status="void"),)}, 0),
        ({"credit_notes": (note(150),)}, 500),
        ({"credit_notes": (note(100), note(50))}, 500),
        ({"credit_notes": (note(150, status="void"),)}, 0),
        ({"credit_notes": (note(1, currency="eur"),)}, 1_000),
        ({"credit_notes": (note(150, refunds={"re_1": 150}),), "refunds": (refund(150),)}, 500),
        ({"credit_notes": (note(150, refunds={"re_1": 50}),), "refunds": (refund(50),)}, 500),
        (
            {
                "credit_notes": (note(150, refunds={"re_1": 150}),),
                "refunds": (refund(150, "failed"),),
            },
            0,
        ),
        ({"credit_notes": (note(150, refunds={"re_other": 150}),)}, 500),
        (
            {
                "credit_notes": (note(90),),
                "refunds": (refund(90),),
                "later_invoices": (invoice(line(-90, "in_1")),),
            },
            900,
        ),
        ({"credit_notes": (note(200),), "disputes": (dispute(300, -300),)}, 1_000),
    ],
)
def test_credit_counts_as_a_refund_does(facts: dict[str, Any], wanted: int) -> None:
    assert target(**facts, invoice=FIRST) == wanted


@pytest.mark.protocol("credit-is-money-back")
@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"invoice": FIRST}, 0),
        ({}, 0),
        ({"invoice": invoice(line(900), invoice_id="in_1", from_balance=600)}, 600),
        ({"invoice": invoice(line(900), line(-600, "in_0"), invoice_id="in_1")}, 600),
        ({"invoice": invoice(line(900), line(-600, "in_1"), invoice_id="in_1")}, 0),
        ({"invoice": invoice(line(900), line(-600), invoice_id="in_1")}, 0),
        (
            {
                "invoice": invoice(
                    line(150), line(-810, "in_0"), invoice_id="in_1", from_balance=-660
                )
            },
            150,
        ),
        ({"invoice": invoice(line(300), invoice_id="in_1", from_balance=-100)}, 0),
        ({"invoice": FIRST, "credit_notes": (note(200, pre=200),)}, 200),
        ({"invoice": FIRST, "credit_notes": (note(200, pre=200, status="void"),)}, 0),
    ],
)
def test_what_credit_has_paid_of_an_invoice_is_a_part_of_its_worth(
    facts: dict[str, Any], wanted: int
) -> None:
    assert moved_cents(PaymentFacts(payment_id="pi_1", **facts)) == wanted


@pytest.mark.protocol("credit-is-money-back")
@pytest.mark.parametrize(
    ("paid", "moved", "facts", "wanted"),
    [
        (300, 600, {"refunds": (refund(300),)}, 333),
        (300, 600, {"refunds": (refund(300),), "disputes": (dispute(300, -300),)}, 333),
        (300, 600, {"warnings": (warning(),)}, 333),
        (300, 600, {"credit_notes": (note(450),)}, 500),
        (300, 600, {"credit_notes": (note(900),), "refunds": (refund(300),)}, 1_000),
        (0, 900, {"later_invoices": (invoice(line(-300, "in_1")),)}, 333),
        (0, 900, {"later_invoices": (invoice(line(-900, "in_1")),)}, 1_000),
    ],
)
def test_what_was_paid_with_credit_is_lost_with_credit_only(
    paid: int, moved: int, facts: dict[str, Any], wanted: int
) -> None:
    bought = purchase(paid_cents=paid, moved_cents=moved)
    assert target(of=bought, **facts, invoice=FIRST) == wanted


def part(cents: int, payment_id: str = "pi_2", **back: Any) -> PaidPart:
    return PaidPart(payment_id=payment_id, paid_cents=cents, **back)


@pytest.mark.protocol("parts-of-one-invoice")
@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"others": (part(200),)}, 0),
        ({"others": (part(200, refunds=(refund(60),)),)}, 200),
        ({"others": (part(200, refunds=(refund(200),)),)}, 666),
        ({"refunds": (refund(100),), "others": (part(200, refunds=(refund(50),)),)}, 500),
        # Nothing of one payment is lost with another.
        (
            {"refunds": (refund(100),), "disputes": (dispute(100, -100),), "others": (part(200),)},
            333,
        ),
        ({"warnings": (warning(),), "refunds": (refund(50),), "others": (part(200),)}, 333),
        ({"others": (part(200, warnings=(warning(),), refunds=(refund(200),)),)}, 666),
        ({"others": (part(200, refunds=(refund(1, currency="eur"),)),)}, 666),
        ({"others": (part(200, disputes=(dispute(1, -1, currency="eur"),)),)}, 666),
        ({"refunds": (refund(50),), "others": (part(250, OUTSIDE),)}, 166),
    ],
)
def test_money_back_of_any_part_is_lost_of_the_whole(facts: dict[str, Any], wanted: int) -> None:
    assert target(**facts, invoice=FIRST) == wanted


@pytest.mark.protocol("credit-is-money-back")
def test_a_credit_notes_refund_of_any_part_counts_as_that_refund() -> None:
    noted = note(60, refunds={"re_1": 60})
    others = (part(200, refunds=(refund(60),)),)
    assert target(invoice=FIRST, credit_notes=(noted,), others=others) == 200


@pytest.mark.protocol("fraud-warning")
def test_the_time_to_settle_again_is_when_the_first_parts_warning_may_end() -> None:
    others = (part(200, warnings=(warning(NOW - DAY),)),)
    facts = PaymentFacts(payment_id="pi_1", warnings=(warning(),), others=others)
    assert loss_of(facts, purchase(), NOW).recheck_at == NOW - DAY + WARNING_LIFE


@pytest.mark.protocol("fraud-warning")
@pytest.mark.parametrize(
    ("age", "disputes", "wanted"),
    [
        (0, (), 1_000),
        (WARNING_LIFE - 1, (), 1_000),
        (WARNING_LIFE, (), 0),
        (WARNING_LIFE, (dispute(150, -150),), 1_000),
        (WARNING_LIFE, (dispute(150, -150, status="lost"),), 500),
        (WARNING_LIFE, (dispute(150, -150, 150, status="won"),), 0),
    ],
)
def test_a_warning_is_the_whole_for_120_days_and_while_a_dispute_is_under_way(
    age: int, disputes: tuple[Dispute, ...], wanted: int
) -> None:
    assert target(NOW + age, warnings=(warning(),), disputes=disputes) == wanted


@pytest.mark.protocol("fraud-warning")
def test_a_warning_that_an_operator_has_cleared_does_not_count() -> None:
    cleared = purchase(cleared=("issfr_1",))
    assert target(of=cleared, warnings=(warning(),)) == 0
    assert target(of=purchase(cleared=("issfr_2",)), warnings=(warning(),)) == 1_000


def test_the_time_to_settle_again_is_when_a_warning_may_end() -> None:
    facts = PaymentFacts(payment_id="pi_1", warnings=(warning(), warning(NOW - DAY)))
    assert loss_of(facts, purchase(), NOW).recheck_at == NOW + WARNING_LIFE
    disputed = PaymentFacts(payment_id="pi_1", warnings=(warning(),), disputes=(dispute(1, -1),))
    late = NOW + WARNING_LIFE + 5
    assert loss_of(disputed, purchase(), late).recheck_at == late + DAY
    assert loss_of(PaymentFacts(payment_id="pi_1"), purchase(), NOW).recheck_at is None
