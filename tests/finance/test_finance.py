"""The report of a month equals Stripe's books, and names every payment that does not match."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.billing import keys
from service.core.days import Day
from service.finance import keys as finance_keys
from service.finance.commands import finance
from service.finance.documents import MAX_DIFFERENCES, document_of, ranges_of
from service.finance.entities import Difference, Mismatch, Money, Month, Report
from service.finance.money import margins_of, micros_of
from service.finance.operations import Finance
from service.storage.writes import REPLACE, Delete, Put
from tests.admin.admin_api import AdminApi
from tests.billing.subscribers import Subscribing
from tests.finance.random_month import BEFORE, MONTH, RandomMonth, totals_of, totals_reported


@pytest.fixture(scope="module")
def made() -> RandomMonth:
    return RandomMonth(24, seed=4, users=4)


@pytest.fixture
def world(made: RandomMonth) -> Iterator[RandomMonth]:
    """What a test breaks is mended after it."""
    before = {
        str(item["PK"]["S"]): made.table.get(keys.purchase_in(item["PK"]["S"]))
        for item in made.items()
        if item["PK"]["S"].startswith(keys.PURCHASE_PREFIX)
    }
    yield made
    for pk, item in before.items():
        assert item is not None
        made.table.write(
            Put(
                keys.purchase_in(pk),
                {k: v for k, v in item.items() if k not in ("PK", "SK")},
                REPLACE,
            )
        )


@pytest.mark.sample
def test_a_random_month_equals_the_books_of_stripe() -> None:
    world = RandomMonth(60, seed=20261101)
    for month in (BEFORE, MONTH):
        report = world.report(month)
        assert report.differences == ()
        assert report.lines
        assert totals_reported(report) == totals_of(world.account, month)


def test_what_was_sold_is_what_closed_days_say_that_purchases_added(world: RandomMonth) -> None:
    report = world.report()
    found = report.credits
    assert report.matches
    assert found.sold + found.bonus + found.subscription == found.paid_for > 0
    assert found.debt == 0
    wallets = [world.wallet(name) for name in (*world._names, "ann", "bob")]
    assert sum(found.liability.values()) == sum(each.credits for each in wallets)


def test_a_payment_without_a_purchase_is_named(world: RandomMonth) -> None:
    payment_id = one_charged(world)
    world.table.write(Delete(keys.purchase(payment_id), REPLACE))
    [difference] = world.report().differences
    assert (difference.payment_id, difference.mismatch) == (payment_id, Mismatch.NOT_GRANTED)


def test_a_refund_that_was_not_followed_is_named() -> None:
    """It was made in the month after that of its purchase."""
    world, later = RandomMonth(4, seed=5, users=2), Month.from_text("2026-12")
    payment_id = one_charged(world)
    world.account.controls.refund(payment_id, 7)
    [refund] = world.report(later).differences
    assert (refund.payment_id, refund.mismatch) == (payment_id, Mismatch.REFUND)
    assert (refund.at_stripe, refund.here) == ("7", "0")
    world.settle(payment_id)
    assert world.report(later).differences == ()


@pytest.mark.parametrize("by_note", [True, False])
def test_credit_that_was_not_followed_is_named(by_note: bool) -> None:
    """No line of Stripe's says that an invoice was credited."""
    world = Subscribing(lower=True)
    subscription = world.subscribe()
    world.deliver_all("invoice.paid")
    invoice = world.latest_invoice(subscription)
    world.pass_days(15)
    if by_note:
        world.credit_note(invoice, 90, credit_amount=90)
    else:
        world.change(subscription, world.lower_price_id)
    month = Month.from_text(f"{datetime.fromtimestamp(world.clock.now() / 1000, UTC):%Y-%m}")
    report = world.parts.get(Finance).make
    [difference] = report(month).differences
    assert (difference.mismatch, difference.here) == (Mismatch.CREDIT, "0")
    world.deliver_all("credit_note.created", "invoice.finalized")
    assert report(month).differences == ()


@pytest.mark.parametrize(
    ("field", "value", "mismatch"),
    [("amount_captured", 1, Mismatch.AMOUNT), ("currency", "eur", Mismatch.CURRENCY)],
)
def test_a_charge_that_differs_is_named(
    world: RandomMonth, field: str, value: Any, mismatch: Mismatch
) -> None:
    payment_id = one_charged(world)
    charge = world._charge_of(payment_id)
    true = charge[field]
    charge[field] = value
    try:
        assert mismatch in {each.mismatch for each in world.report().differences}
    finally:
        charge[field] = true


def test_a_purchase_whose_payment_stripe_does_not_have_is_named(world: RandomMonth) -> None:
    payment_id = one_charged(world)
    intents = world.money_account.intents
    intents.get(payment_id)["status"] = "canceled"
    movement = movement_of(world, payment_id)
    true, movement["created"] = movement["created"], 0
    try:
        [difference] = world.report().differences
    finally:
        intents.get(payment_id)["status"], movement["created"] = "succeeded", true
    assert (difference.payment_id, difference.mismatch) == (payment_id, Mismatch.NOT_AT_STRIPE)


def test_a_payment_of_someone_else_is_listed_apart() -> None:
    world = RandomMonth(4, seed=5, users=2)
    world.account.client().v1.payment_intents.create(
        {
            "amount": 700,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "payment_method_types": ["card"],
            "confirm": True,
        }
    )
    report = world.report(Month.from_text("2026-12"))
    assert report.differences == ()
    assert report.not_ours == {"usd": Money(charged=700, fees=50)}
    assert report.money == {}
    assert {each.result for each in report.lines} == {"not ours"}


def test_days_that_no_audit_has_closed_are_missing(world: RandomMonth) -> None:
    report = world.report(Month.from_text("2026-12"))
    assert report.missing[0] == Day(2026, 12, 1)
    assert not report.matches


def test_the_files_have_a_line_for_each_transaction_and_the_sums_of_the_report(
    world: RandomMonth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, "--csv", str(tmp_path)) == 0
    assert "everything matches" in capsys.readouterr().out
    with (tmp_path / "finance-2026-11-lines.csv").open(newline="") as file:
        *rows, last = csv.DictReader(file)
    report = world.report()
    assert [row["transactionId"] for row in rows] == [each.transaction.id for each in report.lines]
    assert last["transactionId"] == "SUM"
    assert int(last["netCents"]) == report.money["usd"].net
    assert int(last["feeCents"]) == report.money["usd"].fees
    assert all(row["userId"] and row["reference"] for row in rows)


def test_the_files_can_be_printed_and_taken_from_the_output(
    world: RandomMonth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, "--csv", str(tmp_path)) == 0
    capsys.readouterr()
    assert run(world, "--csv", "-") == 0
    printed = ("a line of a log\n" + capsys.readouterr().out + "another\n").splitlines()
    taken: dict[str, list[str]] = {}
    for line in printed[: printed.index("# end")]:
        if line.startswith("# finance-"):
            taken[line[2:]] = []
        elif taken:
            taken[[*taken][-1]].append(line)
    assert {each.name: each.read_text().splitlines() for each in tmp_path.iterdir()} == taken


def test_the_command_exits_1_and_names_what_differs(
    world: RandomMonth, capsys: pytest.CaptureFixture[str]
) -> None:
    payment_id = one_charged(world)
    world.table.write(Delete(keys.purchase(payment_id), REPLACE))
    assert run(world) == 1
    out = capsys.readouterr().out
    assert payment_id in out
    assert "paid at Stripe, nothing granted" in out
    assert out.splitlines()[-1].endswith("transactions, DIFFERENCES: 1")


def test_a_month_that_only_waits_for_an_audit_is_not_said_to_differ(
    world: RandomMonth, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, "--month", "2026-12") == 1
    *_, days, verdict = capsys.readouterr().out.splitlines()
    assert days.split(maxsplit=1) == ["missing", "2026-12-01 to 2026-12-31"]
    assert verdict.endswith("all match; DAYS NOT CLOSED: 31, so the credits are too low")


def test_missing_days_are_printed_as_ranges() -> None:
    days = [Day(2026, 11, 1), Day(2026, 11, 30), Day(2026, 12, 1), Day(2026, 12, 3)]
    assert ranges_of(days) == ["2026-11-01", "2026-11-30 to 2026-12-01", "2026-12-03"]


def test_a_month_begins_with_the_credits_that_the_one_before_has_left(made: RandomMonth) -> None:
    before, month = made.report(BEFORE).credits, made.report(MONTH).credits
    assert sum(before.liability.values()) > 0
    came = month.paid_for + month.granted_free + month.restored + month.adjusted
    went = month.spent + month.expired + month.clawed_back
    assert sum(before.liability.values()) + came - went == sum(month.liability.values())


def test_a_damaged_purchase_stops_the_report(
    world: RandomMonth, capsys: pytest.CaptureFixture[str]
) -> None:
    key = keys.purchase(one_charged(world))
    item = dict(world.table.get(key) or {})
    edited = {name: each for name, each in item.items() if name not in ("PK", "SK")}
    world.table.write(Put(key, {**edited, "paidCents": 1}, REPLACE))
    assert run(world) == 2
    assert "is damaged" in capsys.readouterr().err


def test_the_route_returns_the_last_report_and_makes_none(world: RandomMonth) -> None:
    api = AdminApi(world)
    assert api.get("/admin/finance?month=2026-09")[0] == 404
    report = world.report()
    status, body = api.get("/admin/finance?month=2026-11")
    assert (status, body["data"]) == (200, document_of(report))
    assert world.audit().violations == ()


@pytest.mark.parametrize("query", ["", "?month=2026-13", "?month=11-2026", "?month=2026-11-01"])
def test_a_month_that_is_none_is_refused(world: RandomMonth, query: str) -> None:
    assert AdminApi(world).get(f"/admin/finance{query}")[0] == 400


def test_an_edited_report_is_not_shown(world: RandomMonth) -> None:
    world.report()
    [item] = [
        each
        for each in world.items()
        if each["PK"]["S"] == "FINANCE" and "2026-11" in each["SK"]["S"]
    ]
    edited = {"report": item["report"]["S"].replace("usd", "eur"), "mac": item["mac"]["S"]}
    world.table.write(Put(finance_keys.report(str(MONTH)), edited, REPLACE))
    try:
        assert AdminApi(world).get("/admin/finance?month=2026-11")[0] == 409
        assert [each.item for each in world.audit().violations] == ["FINANCE/MONTH#2026-11"]
    finally:
        world.report()


def test_months_are_utc_and_end_with_their_last_day() -> None:
    assert Month.from_text("2028-02").last == Day(2028, 2, 29)
    assert Month.from_text("2026-12").last == Day(2026, 12, 31)
    assert str(MONTH) == "2026-11"


def test_the_margin_counts_each_currency_by_its_own_decimals() -> None:
    assert [micros_of(5, currency) for currency in ("usd", "jpy", "kwd", "isk")] == [
        50_000,
        5_000_000,
        5_000,
        50_000,
    ]
    margins = margins_of({"usd": Money(charged=100, fees=1)}, {"USD": 200_000, "JPY": 3})
    assert margins == {"jpy": -3, "usd": 790_000}


def test_a_stored_report_names_a_limited_number_of_differences(world: RandomMonth) -> None:
    report = world.report()
    many = tuple(
        Difference(f"pi_{number}", Mismatch.NOT_GRANTED) for number in range(MAX_DIFFERENCES + 1)
    )
    document = document_of(Report(**{**vars(report), "differences": many}))
    assert len(document["differences"]) == MAX_DIFFERENCES
    assert document["differenceCount"] == MAX_DIFFERENCES + 1


def one_charged(world: RandomMonth) -> str:
    """A payment of the month that nothing has happened to since."""
    report = world.report()
    counts: dict[str, int] = {}
    for line in report.lines:
        counts[line.payment_id] = counts.get(line.payment_id, 0) + 1
    return next(
        each
        for each, count in counts.items()
        if count == 1
        and movement_of(world, each)["reporting_category"] == "charge"
        and world.money_account.disputes.where(payment_intent=each) in ([], ())
    )


def movement_of(world: RandomMonth, payment_id: str) -> Any:
    [charge] = [
        each
        for each in world.money_account.charges.where(payment_intent=payment_id)
        if each["status"] == "succeeded"
    ]
    return world.money_account.balance.get(charge["balance_transaction"])


def run(world: RandomMonth, *more: str) -> int:
    """The command over the world's own parts."""
    words = ["--month", "2026-11", *more]
    code = finance.main(words, "finance", standalone_mode=False, obj=lambda: world.parts)
    return int(code)
