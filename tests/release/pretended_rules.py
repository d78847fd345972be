"""What CloudFormation refuses of a change set before it makes anything: parameters and rules."""

from functools import lru_cache

from devstack.template import parse_template
from tests.infrastructure.render import RenderError, render


def refusal(template: str, parameters: dict[str, str]) -> str:
    """The sentence of the refusal; empty if there is none."""
    return _refusal(template, tuple(sorted(parameters.items())))


@lru_cache(maxsize=64)
def _refusal(template: str, parameters: tuple[tuple[str, str], ...]) -> str:
    try:
        broken = render(parse_template(template), dict(parameters)).broken_rules
    except RenderError as error:
        broken = (str(error),)
    return " ".join(broken)
