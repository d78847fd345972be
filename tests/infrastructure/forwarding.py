"""Runs the forwarder's code (cloudformation/identity.yaml) in a world without network and with a
clock of its own: Secrets Manager and the service may be slow, away or refuse.

Nothing sleeps: whatever waits moves the clock by as much as its time-outs allow."""

import builtins
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from types import SimpleNamespace
from typing import Any

from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

SECRET = "hook-secret-of-these-tests-0123456789"
URL = "https://api.example.com/hooks/cognito/post-confirmation"
ENVIRONMENT: Mapping[str, str] = {"HOOK_URL": URL, "HOOK_SECRET_ARN": "arn:hook"}
EVENT: Mapping[str, Any] = {
    "version": "1",
    "triggerSource": "PostConfirmation_ConfirmSignUp",
    "region": "us-east-1",
    "userPoolId": "us-east-1_AbCdEf123",
    "userName": "0b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d01",
    "callerContext": {"awsSdkVersion": "aws-sdk-unknown", "clientId": "1example23456789"},
    "request": {
        "userAttributes": {
            "sub": "0b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d01",
            "email": "ünn.example@mail.example",
            "email_verified": "true",
            "cognito:user_status": "CONFIRMED",
        }
    },
    "response": {},
}
# Longer than anything may wait.
FOR_EVER = 3600.0


@dataclass
class World:
    """Where the code runs. `secrets` and `service` say how the two behave: `well`, `late` (just in
    time), `slow` (not in time), `away`; Secrets Manager also `unreachable` (no connection in time),
    the service also `nameless` (its name is looked up for ever), `unstarted` (the process has no
    thread left) or a status."""

    secrets: str = "well"
    service: str = "well"
    secret: str = SECRET
    now: float = 1_800_000_000.0
    reads: int = 0
    sent: list[tuple[Any, float]] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    def loaded(self, code: str) -> Callable[[Any], Any]:
        """The handler of the code, started in this world. Raises what the code raises."""
        names: dict[str, Any] = {"__builtins__": {**vars(builtins), **self._replaced()}}
        exec(compile(code, "index.py", "exec"), names)
        handler = names["handler"]
        return lambda event: handler(event, None)

    def _replaced(self) -> dict[str, Any]:
        modules = {
            "boto3": SimpleNamespace(client=self._client),
            "os": SimpleNamespace(environ=dict(ENVIRONMENT)),
            "threading": SimpleNamespace(Thread=self._thread),
            "time": SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now),
            "urllib.request": SimpleNamespace(
                request=SimpleNamespace(Request=urllib.request.Request, urlopen=self._open)
            ),
        }

        def imported(name: str, *rest: Any) -> Any:
            return modules[name] if name in modules else __import__(name, *rest)

        return {"__import__": imported, "print": self._print}

    def _print(self, *parts: object, **_: object) -> None:
        self.printed.append(" ".join(map(str, parts)))

    def _client(self, name: str, config: Config | None = None, **_: object) -> Any:
        if name != "secretsmanager":
            raise ValueError(f"the function is a client of {name}")
        return SimpleNamespace(get_secret_value=lambda **given: self._read(config, **given))

    def _read(self, config: Config | None, **given: str) -> dict[str, str]:
        """As botocore does it: each attempt may take the time to connect and the time to read."""
        if given != {"SecretId": ENVIRONMENT["HOOK_SECRET_ARN"]}:
            raise ValueError(f"the function reads {given}")
        self.reads += 1
        limits: Any = config or Config()
        attempts = (limits.retries or {}).get("total_max_attempts", 5)
        connect, read = (limits.connect_timeout or 60), (limits.read_timeout or 60)
        if self.secrets == "away":
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        if self.secrets == "unreachable":
            self.now += attempts * connect
            raise ConnectTimeoutError(endpoint_url="https://secretsmanager")
        if self.secrets in ("late", "slow"):
            self.now += attempts * (connect + read)
        if self.secrets == "slow":
            raise ReadTimeoutError(endpoint_url="https://secretsmanager")
        return {"SecretString": self.secret}

    def _open(self, request: Any, timeout: float = FOR_EVER) -> Any:
        self.sent.append((request, self.now))
        if self.service == "away":
            raise urllib.error.URLError(ConnectionRefusedError())
        if self.service in ("late", "slow"):
            self.now += timeout
        if self.service == "slow":
            raise TimeoutError("the read operation timed out")
        if self.service == "nameless":
            self.now += FOR_EVER
        if self.service.isdigit():
            # Its text could name someone.
            text = json.dumps(EVENT)
            raise urllib.error.HTTPError(URL, int(self.service), text, Message(), None)
        return _Response()

    def _thread(self, target: Any, args: Any = (), daemon: bool = False) -> Any:
        """A thread whose work is done at once; whoever joins it waits as long as it took. One that
        is no daemon is waited for in any case."""
        state = SimpleNamespace(took=0.0, alive=False)

        def start() -> None:
            if self.service == "unstarted":
                raise RuntimeError("can't start new thread")
            began = self.now
            target(*args)
            state.took = self.now - began
            self.now = began if daemon else self.now

        def join(timeout: float = FOR_EVER) -> None:
            self.now += min(state.took, timeout)
            state.alive = state.took > timeout

        return SimpleNamespace(start=start, join=join, is_alive=lambda: state.alive)


class _Response:
    def __enter__(self) -> "_Response":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, size: int = 0) -> bytes:
        del size
        return b"{}"


@dataclass(frozen=True)
class Handled:
    """What came of one event. `returned` is what was raised, if something was."""

    returned: Any
    seconds: float
    lines: tuple[str, ...]


def handled(code: str, world: World, event: Any = EVENT) -> Handled:
    """Lets the code handle one event in a fresh process. Raises what the code raises when it is
    loaded."""
    handler = world.loaded(code)
    began = world.now
    try:
        returned = handler(json.loads(json.dumps(event)))
    except Exception as error:
        returned = error
    return Handled(returned, world.now - began, tuple(world.printed))
