"""The example of docs/billing.md, run by Node.js against the service and the simulated Stripe."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.core.clock import SystemClock
from tests.clients.node import CLIENTS, run_node
from tests.stack.live_stack import LiveStack

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "buy.js"


def test_the_example_buys_credits_and_survives_lost_responses(
    start: Callable[..., LiveStack], tmp_path: Path
) -> None:
    stack = start(clock=SystemClock())
    stack.settled(stack.submitted("ann"))
    module = tmp_path / "buy.mjs"
    module.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    program = CLIENTS / "programs" / "buy.mjs"
    arguments = (module, stack.url, stack.sim_url, stack.token("ann"))
    run = run_node("node", program, *arguments, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
