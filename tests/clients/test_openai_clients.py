"""OpenAI's library for Node.js and the AI SDK's compatible provider, each with its own retries and
streams: only the address is changed. Its library for Python: tests/compatible."""

from pathlib import Path

import pytest

from service.core.clock import SystemClock
from tests.clients.node import CLIENTS, run_node
from tests.stack.memory_stack import stack_in_memory

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]
FAST = {"text_seconds_per_token": 0.003}


def test_openai_s_clients_write_texts_and_pay_for_each_once(node: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node / "node_modules")
    program = tmp_path / "openai.mjs"
    program.write_text((CLIENTS / "programs" / "openai.mjs").read_text("utf-8"), "utf-8")
    with stack_in_memory(clock=SystemClock(), simulator=FAST, welcome_credits=100) as stack:
        ann = stack.token("ann", expires_in=10**6)
        body = {"prompt": "Hello.", "Fingerprint": "phone", "maxTokens": 100}
        assert stack.call("POST", "/ai/generate", ann, json=body).status_code == 200
        run = run_node("node", program, stack.url, ann, stack.token("poor"), cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, ""), run.stderr
        done, *jobs = run.stdout.split()
        assert done == "done"
        assert len(set(jobs)) == len(jobs) == 8
        for job_id in jobs:
            assert stack.settled(job_id)["status"] == "SUCCEEDED"
        # Besides those: the first one, and one that was left before its id was printed.
        found = stack.get("/jobs?limit=50").json()["data"]["jobs"]
        assert len(found) == len(jobs) + 2
        calls = stack.call_simulators("GET", "/openai/__calls").json()["calls"]
        assert len(calls) == len(found)
        stack.until(lambda: stack.credits()[1] == 0)
