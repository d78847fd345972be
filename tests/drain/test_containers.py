"""How the end of a container is reported, and that none outlives the rehearsal."""

import subprocess
from dataclasses import dataclass, field

import pytest

from tests.container.engine import Engine
from tests.doubles.clock import FakeClock
from tests.drain.containers import ending
from tests.drain.sweeper import sweep
from tests.stack.launcher import CLEAN


@dataclass(frozen=True)
class _ScriptedEngine(Engine):
    """An engine that returns each of these outputs once, and then finds nothing."""

    outputs: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def call(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        if arguments[0] == "rm":
            self.removed.extend(each for each in arguments if each.startswith("container"))
        output = self.outputs.pop(0) if arguments[0] == "ps" and self.outputs else ""
        return subprocess.CompletedProcess(arguments, 0, output, "")


@pytest.mark.parametrize(
    ("code", "out_of_memory", "words"),
    [
        ("0", "false", CLEAN),
        ("1", "false", "exit code 1"),
        ("137", "false", "SIGKILL"),
        ("0", "true", "exit code 0, out of memory"),
    ],
)
def test_only_a_container_that_ended_by_itself_in_time_ended_cleanly(
    code: str, out_of_memory: str, words: str
) -> None:
    assert ending(code, out_of_memory) == words
    assert (words == CLEAN) is (code == "0" and out_of_memory == "false")


def test_a_container_that_appears_after_its_starter_died_is_removed_too() -> None:
    engine = _ScriptedEngine("docker", {}, outputs=["container1 container2", "", "container3"])
    sweep(engine, "prefix-", FakeClock())
    assert engine.removed == ["container1", "container2", "container3"]


def test_containers_that_keep_coming_back_are_reported() -> None:
    engine = _ScriptedEngine("docker", {}, outputs=["container1"] * 100)
    with pytest.raises(TimeoutError):
        sweep(engine, "prefix-", FakeClock())
