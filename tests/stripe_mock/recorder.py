"""A plugin of pytest: keeps what the tests of billing send to the simulated Stripe in process, one
request of each form, in the folder that `STRIPE_REQUESTS` names: a file for each process."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from devstack.simulators.stripe.forms import parse_form
from devstack.simulators.stripe.operations import operation_of
from devstack.simulators.stripe.wire import Request
from tests.doubles.stripe_account import InProcess

# Faults and races send the same requests, many times over; tests of the simulator send bad ones.
TESTS = ("tests/billing", "tests/admin/test_purchases.py")
LEFT_OUT = ("faults", "races")
_CONTENT = re.compile(r"metadata\[[^\]]*\]")


def recorded(folder: Path) -> list[Request]:
    """What all processes have kept there."""
    return [
        Request(**json.loads(line))
        for file in sorted(folder.iterdir())
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(os.environ["STRIPE_REQUESTS"])
    if not hasattr(config, "workerinput"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    config.pluginmanager.register(_Recorder(folder))


class _Recorder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._requests: dict[tuple[str, str], Request] = {}
        self._is_of_billing = False
        InProcess.watchers.append(self._record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        file = item.nodeid.partition("::")[0]
        left_out = any(word in file for word in LEFT_OUT)
        self._is_of_billing = file.startswith(TESTS) and not left_out

    def pytest_sessionfinish(self) -> None:
        lines = [json.dumps(asdict(request)) for request in self._requests.values()]
        file = self._folder / str(os.getpid())
        file.write_text("\n".join(lines), encoding="utf-8")

    def _record(self, request: Request) -> None:
        if self._is_of_billing:
            found = operation_of(request.method, request.path)
            operation = found[0].name if found else f"{request.method} {request.path}"
            self._requests.setdefault((operation, _form(request)), request)


def _form(request: Request) -> str:
    """The names of its parameters, and the words that are no one's own."""
    params: Mapping[str, Any] = parse_form(request.body or request.query)
    words = {name: params[name] for name in ("mode", "ui_mode", "reason") if name in params}
    names = re.findall(r"(?:^|&)([^=]+)=", request.body or request.query)
    return f"{sorted({_CONTENT.sub('metadata[]', name) for name in names})} {words}"
