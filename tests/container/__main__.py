"""`make check-container`: builds the image, looks inside it, and runs the compose file with it from
end to end."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from devstack.errors import LocalSetupError
from devstack.template import CHECKOUT
from devstack.terminal import output
from tests.container import checks
from tests.container.engine import LOCAL, PRODUCTION, CheckFailed, Engine, Unavailable, provide, run
from tests.container.images import build, provide_base, provide_dynamodb
from tests.container.rolling import replaced
from tests.container.stack import COMPOSE_FILE, ComposeStack, compose_program, tool, until


class Report:
    """Shows each check as it ends, and keeps what was found wrong."""

    def __init__(self) -> None:
        self.say = output().say
        self.checks = 0
        self.faults: list[str] = []
        self.figures: list[str] = []

    def add(self, name: str, faults: list[str]) -> None:
        self.checks += 1
        self.faults += faults
        self.say(f"{'ok   ' if not faults else 'WRONG'}  {name}")
        for fault in faults:
            self.say(f"       {fault}")

    def figure(self, text: str) -> None:
        self.figures.append(text)

    def summary(self) -> str:
        """One line."""
        verdict = f"{len(self.faults)} faults" if self.faults else "all well"
        return f"container: {self.checks} checks, {verdict}; {', '.join(self.figures)}"


def required() -> bool:
    """Whether not being able to check is a fault: where somebody knows that containers can be
    had."""
    return os.environ.get("CONTAINERS_REQUIRED") == "1"


def main() -> int:
    """0: as it should be, or not to be tried here, which is said in one line; 1: something is
    wrong, and named."""
    report = Report()
    try:
        with tempfile.TemporaryDirectory() as folder:
            engine = provide(Path(folder))
            try:
                _check(engine, Path(folder), report)
            finally:
                engine.remove_images(PRODUCTION, LOCAL)
    except Unavailable as reason:
        output().say(f"container: skipped, for {reason}.")
        return 1 if required() else 0
    except (CheckFailed, LocalSetupError) as error:
        report.add("the check could go on to its end", [str(error)])
    output().say(report.summary())
    return 1 if report.faults else 0


def _check(engine: Engine, folder: Path, report: Report) -> None:
    report.add("the Dockerfile is without complaint (hadolint)", _lint(engine))
    report.add("the compose file is valid (the real Compose)", _validate(engine))
    base = provide_base(engine, report.say)
    engine.prove(base)
    dynamodb = provide_dynamodb(engine, base, report.say)
    seconds = _timed(lambda: build(engine, "production", PRODUCTION, base))
    build(engine, "local", LOCAL, base)
    size = _megabytes(engine, PRODUCTION)
    report.figure(
        f"image {size} MB built in {seconds:.0f} s, {size - _megabytes(engine, base)} MB of it ours"
    )
    report.add("the image says what it must of itself", checks.image(engine))
    report.add("a hardened container has nothing that it should not have", checks.inside(engine))
    _check_stack(engine, ComposeStack(engine, dynamodb, folder), report)
    _check_replacing(engine, report)


def _check_stack(engine: Engine, stack: ComposeStack, report: Report) -> None:
    before = time.monotonic()
    with stack.up():
        report.figure(f"stack up in {time.monotonic() - before:.0f} s")
        until(lambda: not stack.state("welcome")["Running"], "the welcome is shown")
        report.add(
            "each service waits for what it needs, and is healthy", checks.started_in_order(stack)
        )
        report.add(
            "the stack's containers are hardened likewise", checks.inside_the_stack(engine, stack)
        )
        report.add("the main job, over HTTP", checks.main_job(stack))
        report.add("the welcome says what to open", checks.welcome(stack))
        report.add("the health check can pass and fail", checks.healthy(engine, stack))
        faults, requests = checks.drain(engine, stack)
        report.add(f"requests while the web container is stopped ({requests})", faults)
        report.figure(f"{requests} requests answered while draining")
        report.figure(f"web ready {checks.start_up(engine, stack):.1f} s after its start")
        faults, seconds = checks.worker_stops(engine, stack)
        report.add("the worker stops when told", faults)
        report.figure(f"worker stopped in {seconds:.1f} s")
        report.add("farebox audit, in the container", checks.audit(engine, stack))


def _check_replacing(engine: Engine, report: Report) -> None:
    try:
        outcome = replaced(engine)
    except Unavailable as reason:
        report.say(f"       replacing web, relay and worker under load is not tried, for {reason}.")
        if required():
            report.add("replacing web, relay and worker under load", [str(reason)])
        return
    report.add(
        f"replacing web, relay and worker under load ({outcome.requests} requests)",
        list(outcome.faults),
    )
    report.figure(f"{outcome.replacements} replacements in {outcome.seconds:.0f} s")


def _lint(engine: Engine) -> list[str]:
    done = run(
        [tool("hadolint"), str(CHECKOUT / "docker" / "Dockerfile")], engine.environment, check=False
    )
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def _validate(engine: Engine) -> list[str]:
    file = str(COMPOSE_FILE)
    command = [compose_program(), "-f", file, "--profile", "browser", "config", "--quiet"]
    done = run(command, engine.environment, check=False)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def _megabytes(engine: Engine, tag: str) -> int:
    return int(engine.call("image", "inspect", "--format", "{{.Size}}", tag).stdout) // 1_000_000


def _timed(action: Callable[[], None]) -> float:
    before = time.monotonic()
    action()
    return time.monotonic() - before


if __name__ == "__main__":
    sys.exit(main())
