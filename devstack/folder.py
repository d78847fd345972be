"""The folder `.local` of a checkout: the data that `run` keeps between starts."""

import base64
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devstack.errors import LocalSetupError
from devstack.locks import is_locked, locked_file

_KEY_BYTES = 32
_BUSY = (
    "The stack of this checkout is already running; stop it first (Ctrl-C in its terminal), "
    "or start another clone on other ports: "
    "PORT=8081 SIMULATOR_PORT=8091 DYNAMODB_PORT=8001 LIVE_PORT=8086 SIMULATOR_SOCKET_PORT=8096 "
    "make run"
)
_RUNNING = "The stack of this checkout is running; stop it first (Ctrl-C in its terminal)."


def new_keys() -> dict[str, str]:
    """New keys of the service, as settings."""
    return {
        "FINGERPRINT_PEPPERS": f"1:{secrets.token_hex(_KEY_BYTES)}",
        "LEDGER_MAC_KEY": secrets.token_hex(_KEY_BYTES),
        "CALLBACK_TOKEN_KEYS": secrets.token_urlsafe(_KEY_BYTES),
        "ACCESS_TOKEN_KEYS": f"local:{_new_signing_key()}",
        "OPERATOR_KEYS": f"local:hmac-sha256:{secrets.token_urlsafe(_KEY_BYTES)}",
    }


def _new_signing_key() -> str:
    """A private key on P-256: every number up to 2^255 is below the order of its group."""
    number = secrets.randbelow(2**255) + 1
    return base64.urlsafe_b64encode(number.to_bytes(_KEY_BYTES)).rstrip(b"=").decode()


class LocalFolder:
    """Data, keys, and the ports of the running stack. Only one stack at a time can hold it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def data(self) -> Path:
        """Where DynamoDB Local keeps the table."""
        return self._path / "data"

    @property
    def logs(self) -> Path:
        """What the processes of the latest `run` logged."""
        return self._path / "stack.log"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Creates the folder if absent and locks it during the block. Raises `LocalSetupError` if
        another stack holds it."""
        with self._locked(_BUSY):
            yield

    def keys(self) -> dict[str, str]:
        """The service's keys: each created once, readable only by the owner. Without them the
        stored data is useless."""
        file = self._path / "keys.json"
        stored = _read(file) if file.exists() else {}
        keys = new_keys() | stored
        if keys != stored:
            _write_private(file, keys)
        return keys

    def record(self, addresses: Mapping[str, str]) -> None:
        """Stores where the stack runs, for other commands."""
        _write_private(self._path / "stack.json", addresses)

    def running(self) -> dict[str, str]:
        """Returns what the running stack recorded. Raises `LocalSetupError` if none runs."""
        if not is_locked(self._lock) or not (self._path / "stack.json").exists():
            raise LocalSetupError(
                "The stack of this checkout is not running; start it with `make run` first."
            )
        return _read(self._path / "stack.json")

    def clear(self) -> None:
        """Deletes everything. Raises `LocalSetupError` while a stack runs."""
        if not self._path.exists():
            return
        with self._locked(_RUNNING):
            for entry in self._path.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry != self._lock:
                    entry.unlink()

    @property
    def _lock(self) -> Path:
        return self._path / "lock"

    @contextmanager
    def _locked(self, busy: str) -> Iterator[None]:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalSetupError(f"{self._path} cannot be created: {error}.") from error
        with locked_file(self._lock, busy):
            yield


def _read(file: Path) -> dict[str, str]:
    content = json.loads(file.read_text(encoding="utf-8"))
    return {str(name): str(value) for name, value in content.items()}


def _write_private(file: Path, content: Mapping[str, str]) -> None:
    """Atomic, and at no moment readable by other users."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")
    fresh.replace(file)
