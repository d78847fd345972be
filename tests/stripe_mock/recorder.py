"""A plugin of pytest: keeps what the tests send to the simulated Stripe in process, one request of
each form, in the file that `STRIPE_REQUESTS` names."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devstack.simulators.stripe.forms import parse_form
from devstack.simulators.stripe.operations import operation_of
from devstack.simulators.stripe.wire import Request
from tests.doubles.stripe_account import InProcess

_recorded: dict[tuple[str, str], Request] = {}
_CONTENT = re.compile(r"metadata\[[^\]]*\]")


def pytest_configure(config: Any) -> None:
    del config
    InProcess.watchers.append(_record)


def pytest_sessionfinish(session: Any) -> None:
    del session
    lines = [json.dumps(asdict(request)) for request in _recorded.values()]
    Path(os.environ["STRIPE_REQUESTS"]).write_text("\n".join(lines), encoding="utf-8")


def _record(request: Request) -> None:
    found = operation_of(request.method, request.path)
    operation = found[0].name if found else f"{request.method} {request.path}"
    _recorded.setdefault((operation, _form(request)), request)


def _form(request: Request) -> str:
    """The names of its parameters, and the words that are no one's own."""
    params = parse_form(request.body or request.query)
    words = {name: params[name] for name in ("mode", "ui_mode", "reason") if name in params}
    names = re.findall(r"(?:^|&)([^=]+)=", request.body or request.query)
    return f"{sorted({_CONTENT.sub('metadata[]', name) for name in names})} {words}"
