"""What commands print in columns can be copied into the next command."""

import pytest
from rich.table import Table

from service.admin.commands import print_performed, print_table
from service.admin.purchase_commands import print_purchases

_PURCHASE = {
    "paymentId": "pi_0VcSy1Yo00000I0VcSy1Yo00000I",
    "grantedAt": "2026-11-30T14:19:53.880Z",
    "reference": "sub_0VcSy1kZ00000i0VcSy1kZ:1796048394",
    "granted": 525,
    "clawedBack": 0,
    "paidCents": 4490,
    "currency": "usd",
    "refundedCents": 0,
    "disputedCents": 0,
    "movedCents": 0,
    "creditedCents": 0,
    "unfundedCents": 0,
    "warned": False,
}


def test_no_id_is_cut_short_however_many_columns_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ids = [f"{'x' * 30}{number}" for number in range(12)]
    table = Table(*ids, "reason")
    table.add_row(*ids, "Kling has raised its prices. " * 20)
    print_table(table)
    header, row = (line for line in capsys.readouterr().out.splitlines() if ids[0] in line)
    assert [name for name in ids if name not in header or name not in row] == []


def test_a_long_reason_is_continued_on_the_next_line(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("id", "reason")
    table.add_row("act_1", "a word " * 100)
    print_table(table)
    lines = capsys.readouterr().out.splitlines()
    assert {len(line) for line in lines} == {160}
    assert "".join(lines).count("word") == 100


def test_a_list_of_purchases_names_no_sum_that_is_zero_in_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refunded = {**_PURCHASE, "paymentId": "pi_2", "refundedCents": 4490, "clawedBack": 525}
    print_purchases([_PURCHASE, refunded])
    out = capsys.readouterr().out
    assert "refundedCents" in out
    assert "clawedBack" in out
    assert "disputedCents" not in out
    assert "warned" not in out
    print_purchases([_PURCHASE])
    out = capsys.readouterr().out
    assert "granted" in out
    assert "refundedCents" not in out
    assert all(str(_PURCHASE[name]) in out for name in ("paymentId", "reference", "grantedAt"))


def test_a_refund_says_in_words_what_the_purchase_is_worth_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    action = {"action": "refund", "number": 1}
    empty = {"otherCents": {}, "warned": False, "clearedWarnings": ["wrn_1"]}
    purchase = {"paymentId": "pi_1", "clawedBack": 116.926, **empty}
    print_performed({"action": action, "purchase": purchase, "refundId": "re_1"})
    assert capsys.readouterr().out == (
        "refund is action 1 of the log: purchase paymentId=pi_1 clawedBack=116.926, refundId re_1\n"
    )
