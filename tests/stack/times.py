"""The protocol's times, as short as the rules among them allow, so that whatever a kill leaves
behind settles within seconds."""

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
