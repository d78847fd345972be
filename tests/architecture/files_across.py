"""The files of a feature that other features may import."""

ACROSS = {"operations", "entities"}
# Files for one concern that other features use as well.
EXTRA_ACROSS = {
    *(("billing", "events"), ("billing", "inbox")),
    ("entitlements", "trials"),
    *(("sessions", "routes"), ("sessions", "schemas"), ("sessions", "ceilings")),
    ("identity", "access_tokens"),
    *(("sessions", "routes"), ("sessions", "schemas")),
    *(("identity", "access_tokens"), ("passwords", "accounts")),
    ("erasure", "schemas"),
    *(("catalog", "price_list"), ("catalog", "pricing"), ("catalog", "schemas")),
    *(("catalog", "scheduling"), ("ledger", "low_balance")),
    ("ledger", "session_floor"),
    *(("notifications", name) for name in ("changes", "dead_letters", "deliveries", "endpoints")),
    ("notifications", "mail"),
    ("ledger", "claw_backs"),
    ("ledger", "holdings"),
    *(("billing", name) for name in ("money_back", "payments", "purchases")),
    *(("billing", "purchase_records"), ("ledger", "debts")),
    *(("billing", name) for name in ("stripe_client", "stripe_objects")),
    *(("ledger", "details"), ("ledger", "lots"), ("ledger", "movements")),
    *(("ledger", "restrictions"), ("ledger", "grants"), ("ledger", "history")),
    ("ledger", "balances"),
    *(("ledger", "grant_terms"), ("ledger", "owners"), ("ledger", "limits"), ("jobs", "house")),
    *(("jobs", "work"), ("jobs", "schemas"), ("jobs", "search"), ("users", "directory")),
    *(("identity", "freshness"), ("users", "linking"), ("users", "sharing"), ("ledger", "opening")),
    *(("jobs", "settlement"), ("jobs", "settlement_terms"), ("jobs", "event_schemas")),
    *(("jobs", "paid_routes"), ("jobs", "extensions"), ("sessions", "minting")),
    *(("text", "event_schemas"), ("text", "runs"), ("text", "models")),
    ("text", "schemas"),
    *(("analytics", "closed_days"), ("analytics", "figures"), ("ledger", "history_lines")),
}
