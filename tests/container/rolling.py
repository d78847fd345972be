"""A sample of `make drain ARGUMENTS=--containers`: the image is replaced under load."""

from tests.container.engine import Engine, Unavailable
from tests.drain.balancer import haproxy
from tests.drain.containers import Containers
from tests.drain.outcome import Outcome, Plan
from tests.drain.rehearsal import rehearse

# Two replacements of each; all videos end by callback, or the slowest would take a minute.
_PLAN = Plan(deployments=2, size=1, clients=3, seconds=300, dropped_callbacks=0)


def replaced(engine: Engine) -> Outcome:
    """Raises `Unavailable` where it cannot be tried."""
    program = haproxy()
    if program is None:
        raise Unavailable("HAProxy is not here and cannot be installed")
    with Containers(engine) as launcher:
        return rehearse(program, _PLAN, launcher, on_progress=lambda line: None)
