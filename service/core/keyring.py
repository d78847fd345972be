"""Our own keys: the peppers of digests, the key of the ledger's chain, the keys of callback tokens.
Read once at start."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.core.settings import CoreSettings, SettingsError

MIN_KEY_LENGTH = 32


@dataclass(frozen=True)
class Pepper:
    """The secret key that digests are made with. Losing it voids every claim; a new version is
    added next to the old ones."""

    version: int
    key: bytes

    def __repr__(self) -> str:
        return f"Pepper(version={self.version})"


@dataclass(frozen=True, repr=False)
class Keyring:
    """Losing a pepper voids claims, losing the MAC key voids history: both are kept for ever
    (runbook, Secrets)."""

    peppers: tuple[Pepper, ...]
    mac_key: bytes
    token_keys: tuple[str, ...]


def read_keyring(settings: CoreSettings, read_secret: Callable[[str], str]) -> Keyring:
    """From Secrets Manager when `KEYS_SECRET_NAME` is set (JSON: `fingerprintPeppers` {version:
    key}, `ledgerMacKey`, `callbackTokenKeys` [newest first]), else from the settings. Raises
    `SettingsError` for keys that cannot be used."""
    keyring = (
        _from_secret(read_secret(settings.keys_secret_name))
        if settings.keys_secret_name
        else _from(settings)
    )
    keys = [
        *(pepper.key for pepper in keyring.peppers),
        keyring.mac_key,
        *(key.encode() for key in keyring.token_keys),
    ]
    if len({pepper.version for pepper in keyring.peppers}) < len(keyring.peppers):
        raise SettingsError(["each version of a fingerprint pepper may be given once"])
    if (
        not keyring.peppers
        or not keyring.token_keys
        or any(len(key) < MIN_KEY_LENGTH for key in keys)
    ):
        raise SettingsError(
            [f"every key needs at least {MIN_KEY_LENGTH} characters, and none may be missing"]
        )
    return keyring


def _from_secret(text: str) -> Keyring:
    try:
        document: Any = json.loads(text)
        peppers = tuple(
            Pepper(int(version), key.encode())
            for version, key in document["fingerprintPeppers"].items()
        )
        return Keyring(
            peppers, document["ledgerMacKey"].encode(), tuple(document["callbackTokenKeys"])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            ["the secret named by KEYS_SECRET_NAME does not have the documented form"]
        ) from None


def _from(settings: CoreSettings) -> Keyring:
    pairs = [
        pair.strip().partition(":")
        for pair in settings.fingerprint_peppers.split(",")
        if pair.strip()
    ]
    try:
        peppers = tuple(Pepper(int(version), key.encode()) for version, _, key in pairs)
    except ValueError:
        raise SettingsError(
            ["FINGERPRINT_PEPPERS must be version:pepper pairs, such as 1:…"]
        ) from None
    tokens = tuple(key.strip() for key in settings.callback_token_keys.split(",") if key.strip())
    return Keyring(peppers, settings.ledger_mac_key.encode(), tokens)
