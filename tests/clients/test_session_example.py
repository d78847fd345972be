"""The session example of the front-end guide, run by Node.js against the service: with its own
store as apps do, and with the cookie as pages do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.core.clock import SystemClock
from tests.clients.node import CLIENTS, run_node
from tests.stack.live_stack import LiveStack

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "session.js"
PAGE = "https://app.example.com"


def test_the_session_example_signs_in_renews_and_signs_out(
    start: Callable[..., LiveStack], tmp_path: Path
) -> None:
    stack = start(clock=SystemClock(), cors_allowed_origins=(PAGE,))
    module = tmp_path / "session.mjs"
    module.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    program = CLIENTS / "programs" / "session.mjs"
    run = run_node("node", program, module, stack.url, stack.token("ann"), PAGE, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
