"""The examples of the front-end guide, run by Node.js against the service: sessions with their own
store as apps do, with the cookie as pages do, and minted by a back end; accounts with a password
and their mails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.core.clock import SystemClock
from service.core.scopes import KeyScope
from service.server_keys.operations import ServerKeys
from tests.clients.node import CLIENTS, run_node
from tests.stack.live_stack import LiveStack

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PAGE = "https://app.example.com"


def copied(name: str, folder: Path) -> Path:
    """The example as a module that Node.js imports."""
    module = folder / f"{name}.mjs"
    module.write_text((EXAMPLES / f"{name}.js").read_text("utf-8"), "utf-8")
    return module


def test_the_session_example_signs_in_renews_and_signs_out(
    start: Callable[..., LiveStack], tmp_path: Path
) -> None:
    stack = start(clock=SystemClock(), cors_allowed_origins=(PAGE,))
    module = copied("session", tmp_path)
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
    module = copied("back-end-session", tmp_path)
    program = CLIENTS / "programs" / "back-end-session.mjs"
    run = run_node("node", program, module, stack.url, text, PAGE, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


def test_the_password_example_registers_signs_in_changes_and_resets(
    start: Callable[..., LiveStack], tmp_path: Path
) -> None:
    stack = start(
        clock=SystemClock(),
        mail_from="no-reply@example.com",
        app_url="https://app.example.com",
        password_hash_memory_kibibytes=8,
        password_hash_iterations=1,
        password_response_seconds=0.0,
    )
    for name in ("session", "passwords"):
        copied(name, tmp_path)
    program = CLIENTS / "programs" / "passwords.mjs"
    run = run_node("node", program, tmp_path, stack.url, stack.simulators.url, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
