"""What a bulk grant may be, and what is left of its budget."""

from dataclasses import replace
from typing import Any

import pytest

from service.bulk_grants.entities import (
    MAX_LISTED_USERS,
    Audience,
    BudgetTooSmall,
    BulkGrantInvalid,
    grant_of,
    made,
    slices,
)
from service.core.amounts import SCALE
from service.ledger.grants import grant_key
from tests.bulk_grants.handout import NEW, TERMS

LISTED = replace(NEW, user_ids=("ann", "bob", "ann"))
EVERYONE = replace(NEW, budget=1000 * SCALE)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"user_ids": ()}, "names 1 to"),
        ({"user_ids": tuple(map(str, range(MAX_LISTED_USERS + 1)))}, "names 1 to"),
        ({"user_ids": ("ann#1",)}, "no user id"),
        ({"user_ids": None}, "needs a budget"),
        ({"terms": replace(TERMS, expires_at=5)}, "expires before"),
        ({"terms": replace(TERMS, amount=-1)}, "amount"),
    ],
)
def test_what_cannot_be_granted_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(BulkGrantInvalid, match=fault):
        made(replace(LISTED, **change), "bulk_1", 5)


def test_a_budget_below_what_the_list_costs_is_refused() -> None:
    with pytest.raises(BudgetTooSmall) as refusal:
        made(replace(LISTED, budget=4 * SCALE - 1), "bulk_1", 1)
    assert refusal.value.details == {"required": 4, "budget": 3.999}


def test_a_list_counts_each_user_once() -> None:
    bulk = made(LISTED, "bulk_1", 1)
    assert (bulk.audience, bulk.users, bulk.parts) == (Audience.LIST, 2, 1)
    assert bulk.budget == 4 * SCALE


def test_a_long_list_is_cut_into_parts() -> None:
    parts = slices([*map(str, range(600)), "5"])
    assert [len(part) for part in parts] == [250, 250, 100]
    assert [user for part in parts for user in part] == list(map(str, range(600)))


@pytest.mark.parametrize(("leased", "lease"), [(0, 31), (490, 1), (499, 1), (500, 0)])
def test_a_lease_shrinks_with_the_budget_and_never_exceeds_it(leased: int, lease: int) -> None:
    bulk = replace(made(EVERYONE, "bulk_1", 1), leased=leased)
    assert bulk.affordable == 500
    assert bulk.lease() == lease


def test_a_user_has_one_grant_of_each_bulk_grant() -> None:
    bulk, long_id = made(LISTED, "bulk_1", 1), "x" * 255
    names = {
        grant_key(grant_of(bulk, user, at)) for user in ("ann", "bob", long_id) for at in (1, 2)
    }
    assert len(names) == 3
    assert grant_of(bulk, long_id, 1).user_id == long_id
