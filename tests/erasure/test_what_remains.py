"""For every kind of item in a user's partition someone has decided what an erasure does with
it."""

from service.app import FEATURES
from service.feature import key_registry

# The step that removes it, or makes it impersonal.
REMOVED = {
    "profile": "profile",
    "device": "devices",
    "job": "job_content",
    "result": "results",
    "outbox message": "events",
    "expiry notice": "events",
    "session": "sessions",
    "minted session": "sessions",
    "password": "password",
    "linked identity": "linked_identities",
    "user's Stripe customer": "stripe_customer_id",
    "top-up": "top_up",
    "entitlement": "entitlement",
    "segment": "live_segments",
    "transcript deletion": "transcripts_at_vendor",
    "upload": "uploads",
    "uploads begun": "uploads",
}
# Why it stays (docs/privacy.md, What stays).
KEPT = {
    "wallet": "balances under the user id; closed by the last step",
    "entry": "accounting record",
    "idempotency key": "hashes: a repeated request finds its job for ever",
    "implicit key": "hashes: the retry of a request finds its job; TTL",
    "operator record": "who did what; what is private of it is sealed with the data key",
    "operator key": "a hash and a number",
    "operator log": "a count and a MAC",
    "data key": "destroyed by the last step; says when",
    "review": "when someone signed up on a shared device, and who decided",
    "notification settings": "whether mails are wanted",
    "order": "accounting record: what was bought, for how much",
    "order key": "hashes: a repeated request finds its order; TTL",
    "open orders": "ids of orders",
    "erasure": "when it was requested and ended",
}


def kinds_of_users() -> set[str]:
    items = key_registry(FEATURES).items
    return {kind.name for kind in items if kind.pk.startswith("USER#")}


def test_every_kind_of_item_of_a_user_is_removed_or_has_a_reason_to_stay() -> None:
    assert kinds_of_users() == REMOVED.keys() | KEPT.keys()
    assert not REMOVED.keys() & KEPT.keys()
