"""The settings of a live stack and of its simulators, but for the addresses."""

from typing import Any

from service.core.settings import Secret

CLIENT_ID = "farebox-local.apps.example"
SIMULATED: dict[str, Any] = {"video_seconds": 0.3, "kling_concurrency": 10_000}

SETTINGS: dict[str, Any] = {
    "google_client_ids": (CLIENT_ID,),
    "kling_api_key": Secret("kling-local-api-key"),
    "fingerprint_peppers": Secret("1:" + "p" * 32),
    "ledger_mac_key": Secret("m" * 32),
    "callback_token_keys": Secret("t" * 32),
    "access_token_keys": Secret("one:" + "dHR0" * 10 + "dHQ"),
    "dynamodb_read_timeout_seconds": 5.0,
    "submit_seconds": 28.0,
    "quarantine_seconds": 30.0,
    "not_found_gap_seconds": 5.0,
    "poll_min_seconds": 1.0,
    "poll_max_seconds": 5.0,
    "callback_poll_min_seconds": 5.0,
    "callback_poll_max_seconds": 10.0,
    "watch_poll_seconds": 5.0,
    "log_format": "pretty",
    "worker_interval_seconds": 0.1,
    "stripe_secret_key": Secret("sk_test_farebox_local"),
    "stripe_webhook_secrets": Secret("whsec_farebox_local_stack"),
    "mail_from": "no-reply@farebox.example",
    "user_submit_limit": 200,
    "max_open_jobs_per_user": 0,
    **{f"{kind}_request_limit": 0 for kind in ("caller", "address", "sign_in")},
}
