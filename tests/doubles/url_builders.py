"""What Werkzeug compiles for the routes of an application, kept for the next one with the same
routes: it takes three quarters of the time in which an application is created."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_Builder = Callable[..., tuple[str, str]]
_Key = tuple[str, tuple[tuple[bool, str], ...], bool]


def keep_url_builders() -> None:
    """A builder has no state: it follows from the rule's text and parts, and receives the rule.
    Those of rules with defaults also depend on converters, and are compiled as ever."""
    compiled: dict[_Key, _Builder] = {}
    usual: Any = Rule._compile_builder

    def compile_builder(rule: Rule, append_unknown: bool = True) -> _Builder:
        if rule.defaults:
            return usual(rule, append_unknown)  # type: ignore[no-any-return]
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in compiled:
            compiled[key] = usual(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = compile_builder  # type: ignore[method-assign]
