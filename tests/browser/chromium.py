"""A headless Chromium, driven over the DevTools protocol through a pipe: no driver is needed."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from tests.installs import debian_package

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No network but this machine's, and none of the browser's own conversations with its vendor.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-pipe",
)
VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(
        `${event.violatedDirective} ${event.blockedURI} `
        + `${event.lineNumber}:${event.columnNumber}`));
"""
STEP_SECONDS = 0.2
STOP_SECONDS = 10
_NAVIGATED = "Inspected target navigated or closed"


def enabled(element: str) -> str:
    """Whether the element, a JavaScript expression, can be clicked: as JavaScript. Pages of ours
    enable a button once their script responds to it."""
    return f"Boolean((found => found && !found.disabled)({element}))"


class BrowserMissing(Exception):
    """There is no Chromium on this machine."""


def find_chromium() -> str:
    """The first Chromium on the path; root gets Debian's. Raises `BrowserMissing`."""
    if found := debian_package("chromium", _installed):
        return found
    raise BrowserMissing(f"Install one of {', '.join(NAMES)} to test pages in a real browser.")


def _installed() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class PageNavigated(AssertionError):
    """The page left before it responded: it may or may not have done what it was sent."""


class Page:
    """One open page: what it requested, what its console said, what its policy refused."""

    def __init__(self, width: int = 1400, *, dark: bool = False) -> None:
        self._width = width
        self._scheme = "dark" if dark else "light"
        self._last_id = 0
        self._unread = b""
        self._session = ""
        self.requests: list[str] = []
        self.console: list[str] = []

    def __enter__(self) -> "Page":
        self._profile = tempfile.mkdtemp(prefix="farebox-browser-")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{to_browser} 4>&{from_browser}',
                "browser",
                find_chromium(),
                *FLAGS,
                f"--user-data-dir={self._profile}",
            ],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._write)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited. Raises `AssertionError`."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = 90) -> None:
        """Until the expression is true: one that throws is not yet, since a page that loads has no
        elements, nor is one that a navigation overtakes. Raises `AssertionError` with what the
        console said."""
        end = time.monotonic() + seconds
        checked = f"(() => {{ try {{ return Boolean({condition}) }} catch {{ return false }} }})()"
        while not self._is_true(checked):
            assert time.monotonic() < end, f"not within {seconds} s: {condition}; {self.console}"
            time.sleep(STEP_SECONDS)

    def _is_true(self, expression: str) -> bool:
        try:
            return bool(self.evaluate(expression))
        except PageNavigated:
            return False

    def click(self, element: str, seconds: float = 90) -> None:
        """Clicks the element, a JavaScript expression, once it is there and enabled. Raises
        `AssertionError`."""
        self.wait(enabled(element), seconds)
        self.evaluate(f"({element}).click()")

    def hold_scripts(self) -> None:
        """Keeps every script that is requested from arriving, until `release_scripts`."""
        self.call("Fetch.enable", patterns=[{"resourceType": "Script"}])

    def release_scripts(self) -> None:
        self.call("Fetch.disable")

    def violations(self) -> list[str]:
        found: list[str] = self.evaluate("window.violations")
        return found

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result. Events that come first are recorded. Raises
        `AssertionError`: `PageNavigated` when a navigation overtakes the command."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            received = self._receive()
            if received.get("id") == self._last_id:
                if received.get("error", {}).get("message") == _NAVIGATED:
                    raise PageNavigated(received)
                assert "error" not in received, received
                result: dict[str, Any] = received["result"]
                return result
            self._record(received.get("method", ""), received.get("params", {}))

    def _open(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=VIOLATIONS)
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=self._width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": self._scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def _receive(self, seconds: float = 90) -> dict[str, Any]:
        while b"\0" not in self._unread:
            readable, _, _ = select.select([self._read], [], [], seconds)
            assert readable, f"the browser said nothing for {seconds} s"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser ended"
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        received: dict[str, Any] = json.loads(message)
        return received

    def _record(self, event: str, parameters: Mapping[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            request = parameters["request"]
            self.requests.append(f"{request['method']} {request['url']}")
        elif event == "Log.entryAdded":
            self.console.append(f"{parameters['entry']['level']}: {parameters['entry']['text']}")
        elif event == "Runtime.consoleAPICalled":
            values = [str(argument.get("value", "")) for argument in parameters["args"]]
            self.console.append(f"{parameters['type']}: {' '.join(values)}")
        elif event == "Runtime.exceptionThrown":
            self.console.append(f"error: {parameters['exceptionDetails']['text']}")
