"""Evaluates IAM, resource and endpoint policies for one call (IAM User Guide, policy evaluation
logic). Anything that is not known here is an error, not a match."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

VERSION = "2012-10-17"
_KEYS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
# CloudFormation uses "*" for everybody, IAM also {"AWS": "*"}.
_EVERYBODY = "*"


@dataclass(frozen=True)
class Call:
    """One call: who makes it, on what, and what the service knows of it."""

    who: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def permits(policy: Mapping[str, Any], call: Call) -> bool:
    """Whether the policy allows the call and nothing in it denies it.

    Raises `ValueError` for a policy that IAM would refuse or that is not known here.
    """
    if policy["Version"] != VERSION:
        raise ValueError(f"the version of a policy is {policy['Version']}")
    effects = {one["Effect"] for one in policy["Statement"] if applies(one, call)}
    return effects == {"Allow"}


def denies(policy: Mapping[str, Any], call: Call) -> bool:
    """Whether a statement of the policy denies the call outright."""
    return any(one["Effect"] == "Deny" and applies(one, call) for one in policy["Statement"])


def allowed(policies: Iterable[Mapping[str, Any]], call: Call) -> bool:
    """Whether one of the policies of a role allows the call and none denies it."""
    documents = list(policies)
    return any(permits(one, call) for one in documents) and not any(
        denies(one, call) for one in documents
    )


def applies(statement: Mapping[str, Any], call: Call) -> bool:
    """Whether a statement is about the call."""
    if set(statement) - _KEYS or statement["Effect"] not in ("Allow", "Deny"):
        raise ValueError(f"a statement has {sorted(statement)}, {statement.get('Effect')}")
    resources = listed(statement["Resource"]) if "Resource" in statement else [call.resource]
    return (
        ("Principal" not in statement or _is(statement["Principal"], call.who))
        and any(like(action, call.action) for action in listed(statement["Action"]))
        and any(_matches(resource, call.resource, call.context) for resource in resources)
        and all(
            _holds(operator, key, keys[key], call.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key in keys
        )
    )


def listed(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def like(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` for any characters, `?` for one."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", pattern)
    exact = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.compile(exact, re.DOTALL)


_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:/-]+)\}")


def _matches(pattern: str, text: str, context: Mapping[str, str]) -> bool:
    """Whether a pattern with variables fits; one whose variable has no value fits nothing (IAM User
    Guide, IAM policy elements: Variables and tags)."""
    known = _resolved(pattern, context)
    return known is not None and like(known, text)


def _resolved(text: str, context: Mapping[str, str]) -> str | None:
    names = _VARIABLE.findall(text)
    if any(name not in context for name in names):
        return None
    return _VARIABLE.sub(lambda found: context[found[1]], text)


def _is(principal: Any, who: str) -> bool:
    if isinstance(principal, str):
        return principal == _EVERYBODY
    if set(principal) - {"Service", "AWS", "Federated"}:
        raise ValueError(f"a principal is {sorted(principal)}")
    return any(name in (who, _EVERYBODY) for kind in principal for name in listed(principal[kind]))


_COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
}


_EVERY, _IF_THERE = "ForAllValues:", "IfExists"


def _holds(operator: str, key: str, wanted: Any, context: Mapping[str, str]) -> bool:
    if operator == "Null":
        return (key not in context) is (str(wanted).lower() == "true")
    values = [known for one in listed(wanted) if (known := _resolved(one, context)) is not None]
    compared = operator.removeprefix(_EVERY).removesuffix(_IF_THERE)
    if compared not in (*_COMPARED, "StringNotEquals"):
        raise ValueError(f"the operator {operator} is not known here")
    if operator.startswith(_EVERY):
        found = context.get(key, "").split()
        return all(_compares(compared, values, value) for value in found)
    if key not in context:
        return operator.endswith(_IF_THERE) or compared == "StringNotEquals"
    return _compares(compared, values, context[key])


def _compares(operator: str, wanted: list[str], found: str) -> bool:
    if operator == "StringNotEquals":
        return found not in wanted
    return any(_COMPARED[operator](one, found) for one in wanted)
