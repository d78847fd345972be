"""What a process is built from, and how it ends."""

from functools import partial
from typing import Any

from service.feature import Feature, Parts


def test_features_close_before_those_that_they_are_built_on() -> None:
    core: Any = None
    parts, closed = Parts(core), list[str]()
    for name in ("jobs", "text"):
        steps = (f"{name} first", f"{name} then")
        closing = tuple(partial(closed.append, step) for step in steps)
        parts.add(name, Feature(closing=closing))
    parts.close()
    assert closed == ["text first", "text then", "jobs first", "jobs then"]
