"""The books of the crowd name every credit that is not where the responses said."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from requests import Response

from service.core.amounts import SCALE
from service.ledger.entities import Wallet
from tests.crowd.books import Books

WALLET = Wallet(
    "ann", granted=15 * SCALE, captured=2 * SCALE, removed=1 * SCALE, credits=12 * SCALE
)
JOBS = {
    "job_1": {"status": "SUCCEEDED", "credits": {"captured": 2}},
    "job_2": {"status": "FAILED", "credits": {"captured": 0}},
}


@pytest.fixture
def books() -> Books:
    books = Books(10 * SCALE)
    books.adjusted("ann", 5 * SCALE)
    books.adjusted("ann", -1 * SCALE)
    books.ordered("ann", "job_1", 2 * SCALE)
    books.ordered("ann", "job_2", 3 * SCALE)
    return books


def test_what_agrees_has_no_fault(books: Books) -> None:
    assert list(books.faults("ann", WALLET, JOBS)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"granted": 16 * SCALE},
        {"granted": 15 * SCALE - 1},
        {"removed": 0},
        {"held": 1},
        {"captured": 3 * SCALE},
    ],
)
def test_a_credit_lost_or_doubled_is_named(books: Books, change: dict[str, Any]) -> None:
    assert list(books.faults("ann", replace(WALLET, **change), JOBS))


@pytest.mark.parametrize(
    "jobs",
    [
        {"job_1": JOBS["job_1"]},
        JOBS | {"job_3": JOBS["job_2"]},
        JOBS | {"job_2": {"status": "SUCCEEDED", "credits": {"captured": 3}}},
        JOBS | {"job_1": {"status": "SUCCEEDED", "credits": {"captured": Decimal("1.999")}}},
    ],
)
def test_a_job_lost_or_charged_otherwise_is_named(books: Books, jobs: dict[str, Any]) -> None:
    assert list(books.faults("ann", WALLET, jobs))


def test_an_unexpected_status_and_a_second_price_are_kept(books: Books) -> None:
    response = Response()
    response.status_code = 500
    books.note("GET /credits", response, (200,))
    books.ordered("ann", "job_1", 1)
    assert len(books.strange) == 2
