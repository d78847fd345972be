"""The protocol's times, shorter or longer than usual."""

# As short as the rules among them allow: whatever a kill leaves behind settles within seconds.
SHORT_TIMES = {
    "TRANSACTION_DEADLINE_SECONDS": "2",
    "DYNAMODB_READ_TIMEOUT_SECONDS": "1.5",
    "KLING_CREATE_SECONDS": "2",
    "KLING_QUERY_SECONDS": "3",
    "ASSEMBLYAI_CREATE_SECONDS": "2",
    "ASSEMBLYAI_QUERY_SECONDS": "3",
    "SUBMIT_SECONDS": "11.5",
    "QUARANTINE_SECONDS": "12",
    "NOT_FOUND_GAP_SECONDS": "1",
    "POLL_MIN_SECONDS": "0.5",
    "POLL_MAX_SECONDS": "1",
    "CALLBACK_POLL_MIN_SECONDS": "1",
    "CALLBACK_POLL_MAX_SECONDS": "2",
    "WORKER_INTERVAL_SECONDS": "0.1",
}

# A race in real time must end by its rules, not by the time-outs of a busy machine.
LONG_TIMES = {
    "dynamodb_connect_timeout_seconds": 40.0,
    "dynamodb_read_timeout_seconds": 40.0,
    "transaction_deadline_seconds": 40.0,
    "kling_create_seconds": 40.0,
    "submit_seconds": 200.0,
    "text_grace_seconds": 200.0,
    "catch_up_grace_seconds": 200.0,
    "live_grace_seconds": 200.0,
    "quarantine_seconds": 600.0,
}
