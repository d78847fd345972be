"""The session examples of the front-end guide, run by Node.js against the service: with its own
store as apps do, with the cookie as pages do, and minted by a back end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.core.clock import SystemClock
from service.core.scopes import KeyScope
from service.server_keys.operations import ServerKeys
from tests.clients.node import CLIENTS, run_node
from tests.stack.live_stack import LiveStack

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "session.js"
BACK_END_EXAMPLE = EXAMPLE.with_name("back-end-session.js")
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


def test_the_example_of_back_ends_lends_a_page_a_session(
    start: Callable[..., LiveStack], tmp_path: Path
) -> None:
    stack = start(clock=SystemClock(), cors_allowed_origins=(PAGE,))
    server_keys = stack.parts.get(ServerKeys)
    key, text = server_keys.new("Web shop", tuple(KeyScope))
    stack.parts.core.table.write(server_keys.creation(key).write)
    module = tmp_path / "back-end-session.mjs"
    module.write_text(BACK_END_EXAMPLE.read_text("utf-8"), "utf-8")
    program = CLIENTS / "programs" / "back-end-session.mjs"
    run = run_node("node", program, module, stack.url, text, PAGE, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
