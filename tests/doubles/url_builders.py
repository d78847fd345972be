"""What Werkzeug parses and compiles for the routes of an application, kept for the next one with
the same routes: it takes most of the time in which an application is created."""

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.routing import Rule

_Builder = Callable[..., tuple[str, str]]
_Key = tuple[str, tuple[tuple[bool, str], ...], bool]
_Parsed = tuple[list[Any], list[tuple[bool, str]], dict[str, Any]]


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
    _keep_parts()


def _keep_parts() -> None:
    """The parts of a rule follow from its text and the classes of the converters, which have no
    state either."""
    parsed: dict[tuple[object, ...], _Parsed] = {}
    usual: Any = Rule._parse_rule

    def parse_rule(rule: Rule, text: str) -> Iterable[Any]:
        known: Any = rule.map
        key = (text, *known.converters.items())
        if key not in parsed:
            begin = len(rule._trace)
            parts = list(usual(rule, text))
            trace = rule._trace[begin:]
            named = {name: rule._converters[name] for variable, name in trace if variable}
            parsed[key] = (parts, trace, named)
            return parts
        parts, trace, named = parsed[key]
        rule._trace.extend(trace)
        rule._converters.update(named)
        rule.arguments.update(named)
        return parts

    Rule._parse_rule = parse_rule  # type: ignore[method-assign]
