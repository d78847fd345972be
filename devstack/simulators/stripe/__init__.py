"""Stripe, API version 2026-10-28.endive, under `/stripe`: strict and stateful. It knows
nothing of the service.

- `StripeSimulator` (`simulator.py`) is one account in process: `handle(Request) -> Reply`, and
  `controls` for what payers, banks and time do. `StripeRoutes` serves it over HTTP.
- Every control is `POST /stripe/__<name>` with JSON: `pay`, `settle`, `expire`, `refund`,
  `dispute`, `warn`, `fail_next`, `clock`, `settings`, `webhooks`, `deliver`; their parameters are
  those of the methods of `Controls`. `GET /stripe/__books` says what Stripe's books say,
  `GET /stripe/__events` every event; `DELETE /stripe/__books` forgets everything.
- Faults: `{"service": "stripe", "operation": "create_session", "fault": …}` for each operation of
  the API (`operations.py`); `stored-error` is a 500 that is stored under the idempotency key, where
  `status:500` never began. `webhook` has `drop`, `double`, `slow`, `unsigned`, `forged`.
- `GET /stripe/pay/<session>` is the payment page, `/stripe/js` what mounts it in a page.
"""
