"""The environment in which an operator's command is tried."""


def operator_environment(dynamodb_url: str, table_name: str) -> dict[str, str]:
    """Keys as those of `tests.doubles.service_harness`, logs as in production, and a provider that
    no one can reach."""
    return {
        "DYNAMODB_TABLE_NAME": table_name,
        "DYNAMODB_ENDPOINT_URL": dynamodb_url,
        "GOOGLE_CLIENT_IDS": "a.apps.example",
        "KLING_API_KEY": "k",
        "KLING_BASE_URL": "http://127.0.0.1:9",
        "FINGERPRINT_PEPPERS": "1:" + "p" * 32,
        "LEDGER_MAC_KEY": "m" * 32,
        "CALLBACK_TOKEN_KEYS": "t" * 32,
        "ACCESS_TOKEN_KEYS": "one:" + "dHR0" * 10 + "dHQ",
        "LOG_FORMAT": "json",
    }
