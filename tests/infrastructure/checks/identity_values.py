"""Nothing of the identity stack escapes: a rule reads every value, and every key is known."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.infrastructure.checks import forwarder, identity
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.identity_stack import measured, rules_of, variants

_KNOWN_KEYS = Path(__file__).parents[1] / "measure" / "known_keys.json"


def no_value_of_the_identity_stack_is_unread(deployment: Deployment) -> Iterator[str]:
    rules = [*rules_of(forwarder), *rules_of(identity)]
    for stack in variants(deployment):
        yield from (f"no rule reads {place}" for place in measured(stack, rules).unread)


def every_key_of_the_identity_stack_is_known(deployment: Deployment) -> Iterator[str]:
    known = json.loads(_KNOWN_KEYS.read_text(encoding="utf-8"))
    closed = {f"{kind} {key}" for kind, keys in known.items() for key in keys}
    for stack in variants(deployment):
        for place in sorted(set(measured(stack, ()).places) - closed):
            yield f"{place} is a key that no one has looked at"
