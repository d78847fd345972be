"""What no line of the service may do with money."""

import re
from pathlib import Path

SERVICE = Path(__file__).parents[2] / "service"


def _sources() -> dict[str, str]:
    return {str(file.relative_to(SERVICE)): file.read_text() for file in SERVICE.rglob("*.py")}


def test_no_update_adds_to_an_attribute() -> None:
    """`ADD` is applied twice when a request is; the only increment is the count of users, inside
    the transactions of the sign-up and of the end of an account."""
    assert [place for place, text in _sources().items() if re.search(r"[\"']ADD ", text)] == []
    users = [place for place, text in _sources().items() if "increment=" in text]
    assert users == ["users/store.py"]


def test_only_the_ledger_writes_wallets_and_entries() -> None:
    writers = [
        place
        for place, text in _sources().items()
        if re.search(r"(Put|Update)\(\s*keys\.(wallet|entry)\(", text)
    ]
    assert writers == ["ledger/store.py"]


def test_only_the_ledger_sends_transactions_that_move_credits() -> None:
    """Operators' actions that move none, what a bulk grant could not grant, the claims of linked
    identities, the links that passwords are made and reset by, the use of a passkey, customers
    at Stripe, orders before their payment, and the end of an erasure that a restore has torn have
    their own; only the ledger writes wallets (above)."""
    senders = {place for place, text in _sources().items() if ".transact(" in text}
    assert senders == {
        *("admin/operations.py", "bulk_grants/part_runs.py", "ledger/operations.py"),
        *("users/linking.py", "erasure/operations.py", "billing/checkouts.py"),
        *("billing/customers.py", "billing/top_ups.py"),
        *("passkeys/operations.py", "passwords/operations.py", "passwords/resets.py"),
    }


def test_only_an_erasure_and_an_operators_repair_take_items_away() -> None:
    """No request deletes: the role of the web processes need not be allowed to."""
    deleting = {
        place
        for place, text in _sources().items()
        if re.search(r"\bDelete\(|delete_item|DeleteItem", text)
    }
    plans = {f"repair/{each}.py" for each in ("repair_plan", "bound_keys", "granted")}
    undoing = {"repair/purchased.py", "repair/undone_sign_ups.py"}
    erasures = {
        *("users/personal_data.py", "notifications/personal_data.py", "passwords/store.py"),
        *("entitlements/personal_data.py", "billing/personal_data.py"),
        *("billing/top_up_feature.py", "results/store.py", "uploads/personal_data.py"),
        *("live/store.py", "transcription/store.py"),
    }
    assert deleting == {*plans, *undoing, *erasures, "ledger/store.py"}
    repairing = {
        place
        for place, text in _sources().items()
        if re.search(
            r"\b(rebuilt_writes|repaired_write|repaired_key_write|recount_write|apply_repair)\(",
            text,
        )
    }
    assert repairing == {
        *(*plans, "repair/undone_sign_ups.py", "repair/operations.py", "ledger/grants.py"),
        *("ledger/store.py", "ledger/operations.py", "jobs/store.py", "users/store.py"),
    }


def test_every_transaction_is_sent_with_a_new_token() -> None:
    """A repeated token would succeed for a write that has been undone since."""
    lines = [
        (place, line.strip())
        for place, text in _sources().items()
        for line in text.splitlines()
        if "ClientRequestToken" in line
    ]
    sent = 'token = {"ClientRequestToken": str(uuid4())}'
    assert lines == [("storage/table.py", sent)]


def test_only_the_amounts_know_their_scale() -> None:
    """Whoever multiplied or divided an amount elsewhere could do it twice, or not at all.
    `MAX_CREDITS` is a constant, and the table's record names the scale."""
    places = ("ledger/", "jobs/", "users/", "catalog/", "audit/", "repair/", "videos/", "billing/")
    scaled = {
        place: lines
        for place, text in _sources().items()
        if place.startswith(places)
        and (lines := re.findall(r".*\bSCALE\b.*[*/].*|.*[*/%] *SCALE.*", text))
    }
    assert scaled == {"ledger/entities.py": ["MAX_CREDITS = 10**12 * SCALE"]}
    by_hand = re.compile(
        r"\b(amount|credits|held|captured|granted|remaining|house_loss|excess|taken|debt)\b"
        r" *(\*|//?|%|\.scaleb) *(1000|1_000|1e3)"
    )
    assert [place for place, text in _sources().items() if by_hand.search(text)] == []


def test_no_credit_is_a_float() -> None:
    wrong = [
        place
        for place, text in _sources().items()
        if place.startswith(("ledger/", "catalog/", "users/", "repair/"))
        and re.search(r"\bfloat\(|/ *[0-9]", text)
    ]
    assert wrong == []
