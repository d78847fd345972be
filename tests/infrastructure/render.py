"""Renders a CloudFormation template for given parameters, without deploying it.

A reference to a resource becomes a marker, `<Table>` for its Ref and `<Table.Arn>` for an
attribute, so that a check can compare references. Source of every rule: CloudFormation, template
anatomy and intrinsic function reference.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
_ABSENT = object()
_MARKER = re.compile(r"<(\w+)[.\w]*>")
# With a slash in the variables of policies, which `!` keeps as they are.
_LOGICAL = re.compile(r"\$\{(!?)([A-Za-z0-9:./]+)\}")


@dataclass(frozen=True)
class Place:
    """Where a stack is made."""

    region: str = REGION
    account: str = ACCOUNT
    partition: str = "aws"


HERE = Place()


class RenderError(Exception):
    """CloudFormation would refuse the template or the parameters."""


@dataclass(frozen=True)
class Stack:
    """A rendered template: its resources, its outputs, and the rules of its own that it breaks.

    `earlier` are resources of stacks that are deployed before this one.
    """

    name: str
    parameters: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Any]
    exports: Mapping[str, Any]
    broken_rules: tuple[str, ...]
    earlier: frozenset[str] = frozenset()

    def of(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The properties of every resource of a type, such as `ECS::Service`, by its name in the
        template."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == f"AWS::{kind}"
        }

    def one(self, kind: str) -> Mapping[str, Any]:
        """The properties of the only resource of a type. Raises `RenderError` unless there is
        exactly one."""
        found = list(self.of(kind).values())
        if len(found) != 1:
            raise RenderError(f"{self.name} has {len(found)} resources of type {kind}, not one")
        return found[0]

    def before(self, name: str) -> set[str]:
        """Every resource that CloudFormation creates before this one: those of earlier stacks, and
        those it depends on or refers to, directly or indirectly."""
        found: set[str] = set() if name in self.earlier else set(self.earlier)
        open_names = [name]
        while open_names:
            resource = self.resources[open_names.pop()]
            waits = resource.get("DependsOn", [])
            named = {waits} if isinstance(waits, str) else set(waits)
            new = (
                (named | set(_MARKER.findall(json.dumps(resource)))) & set(self.resources)
            ) - found
            found |= new
            open_names += new
        return found

    def after(self, earlier: "Stack") -> "Stack":
        """Both stacks as one, whose parameters of this one hold references to the earlier one.

        Raises `RenderError` for a name that both have.
        """
        twice = set(self.resources) & set(earlier.resources)
        if twice:
            raise RenderError(f"both {earlier.name} and {self.name} have {sorted(twice)}")
        return Stack(
            name=self.name,
            parameters={**earlier.parameters, **self.parameters},
            resources={**earlier.resources, **self.resources},
            outputs={**earlier.outputs, **self.outputs},
            exports={**earlier.exports, **self.exports},
            broken_rules=earlier.broken_rules + self.broken_rules,
            earlier=frozenset(earlier.resources),
        )


def render(
    template: Mapping[str, Any],
    given: Mapping[str, str],
    name: str = "stack",
    imports: Mapping[str, Any] | None = None,
    place: Place = HERE,
) -> Stack:
    """The rendered template.

    Raises `RenderError` for what CloudFormation would refuse. Broken `Rules` are returned, not
    raised, so that a test can inspect them.
    """
    parameters = _parameters(template.get("Parameters", {}), given)
    resolver = _Resolver(template, parameters, _pseudo_parameters(name, place), imports or {})
    kept = {key: body for key, body in template["Resources"].items() if resolver.holds(body)}
    resolver.existing = frozenset(kept)
    outputs = {
        key: body for key, body in template.get("Outputs", {}).items() if resolver.holds(body)
    }
    rendered = {key: resolver.value(body) for key, body in outputs.items()}
    return Stack(
        name=name,
        parameters=parameters,
        resources={key: resolver.value(_checked(key, body)) for key, body in kept.items()},
        outputs={key: body["Value"] for key, body in rendered.items()},
        exports={
            body["Export"]["Name"]: body["Value"] for body in rendered.values() if "Export" in body
        },
        broken_rules=tuple(_broken(template.get("Rules", {}), resolver)),
    )


def _checked(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "Metadata",
        "DeletionPolicy",
        "UpdateReplacePolicy",
    }
    known |= {"CreationPolicy", "UpdatePolicy"}
    if set(body) - known or "Type" not in body:
        raise RenderError(f"{name} has unknown parts: {sorted(set(body) - known)}")
    return {key: value for key, value in body.items() if key != "Condition"}


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise RenderError(f"the template has no parameters {unknown}")
    return {
        name: _parameter(name, rules, given.get(name, rules.get("Default")))
        for name, rules in declared.items()
    }


def _parameter(name: str, rules: Mapping[str, Any], value: Any) -> Any:
    if value is None:
        raise RenderError(f"parameter {name} must be given")
    text = str(value)
    if "AllowedValues" in rules and text not in [
        str(allowed) for allowed in rules["AllowedValues"]
    ]:
        raise RenderError(f"parameter {name}: {text!r} is not one of {rules['AllowedValues']}")
    parts = text.split(",") if "List" in rules["Type"] else [text]
    for part in parts:
        _fits(name, rules, part)
    return [part.strip() for part in parts] if "List" in rules["Type"] else text


def _fits(name: str, rules: Mapping[str, Any], text: str) -> None:
    if "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], text):
        raise RenderError(f"parameter {name}: {text!r} does not match {rules['AllowedPattern']}")
    if not int(rules.get("MinLength", 0)) <= len(text) <= int(rules.get("MaxLength", 4096)):
        raise RenderError(f"parameter {name}: {text!r} has the wrong length")
    if rules["Type"] == "Number":
        number = _number(name, text)
        if (
            not float(rules.get("MinValue", "-inf"))
            <= number
            <= float(rules.get("MaxValue", "inf"))
        ):
            raise RenderError(f"parameter {name}: {text} is out of range")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RenderError(f"parameter {name}: {text!r} is not a number") from None


def _broken(rules: Mapping[str, Any], resolver: "_Resolver") -> list[str]:
    """The descriptions of the assertions that are false."""
    applying = [rule for rule in rules.values() if resolver.truth(rule.get("RuleCondition", True))]
    assertions = [assertion for rule in applying for assertion in rule["Assertions"]]
    return [
        str(assertion.get("AssertDescription", "a rule is broken"))
        for assertion in assertions
        if not resolver.truth(assertion["Assert"])
    ]


def _pseudo_parameters(stack_name: str, place: Place) -> dict[str, Any]:
    arn = f"arn:{place.partition}:cloudformation:{place.region}:{place.account}"
    return {
        "AWS::AccountId": place.account,
        "AWS::NoValue": _ABSENT,
        "AWS::NotificationARNs": [],
        "AWS::Partition": place.partition,
        "AWS::Region": place.region,
        "AWS::StackId": f"{arn}:stack/{stack_name}/1",
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }


class _Resolver:
    """Resolves the intrinsic functions of one template."""

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, Any],
        pseudo: Mapping[str, Any],
        imports: Mapping[str, Any],
    ) -> None:
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        self._parameters = parameters
        self._imports = imports
        self.existing: frozenset[str] = frozenset()
        self._pseudo = pseudo
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda argument: str(argument[0]).join(
                str(part) for part in self.value(argument[1])
            ),
            "Fn::Split": lambda argument: str(self.value(argument[1])).split(argument[0]),
            "Fn::Select": self._select,
            "Fn::If": lambda argument: self._raw(
                argument[1] if self._condition(argument[0]) else argument[2]
            ),
            "Fn::Equals": lambda argument: (
                str(self.value(argument[0])) == str(self.value(argument[1]))
            ),
            "Fn::Not": lambda argument: not self.truth(argument[0]),
            "Fn::And": lambda argument: all(self.truth(part) for part in argument),
            "Fn::Or": lambda argument: any(self.truth(part) for part in argument),
            "Fn::Contains": lambda argument: self.value(argument[1]) in self.value(argument[0]),
            "Fn::EachMemberIn": lambda argument: (
                set(self.value(argument[0])) <= set(self.value(argument[1]))
            ),
            "Fn::EachMemberEquals": lambda argument: (
                set(self.value(argument[0])) <= {self.value(argument[1])}
            ),
            "Fn::FindInMap": self._find,
            "Fn::GetAZs": lambda argument: [
                f"{self.value(argument) or pseudo['AWS::Region']}{letter}" for letter in "abc"
            ],
            "Fn::Cidr": self._cidr,
            "Fn::ImportValue": self._import,
            "Fn::ToJsonString": lambda argument: json.dumps(self.value(argument)),
            "Fn::Base64": lambda argument: f"base64({self.value(argument)})",
        }

    def value(self, body: Any) -> Any:
        """The body with every function resolved; `AWS::NoValue` removes its property."""
        found = self._raw(body)
        if found is _ABSENT:
            raise RenderError("AWS::NoValue stands where a value is required")
        return found

    def holds(self, body: Mapping[str, Any]) -> bool:
        """Whether the condition of a resource or an output is true."""
        return "Condition" not in body or self._condition(body["Condition"])

    def truth(self, body: Any) -> bool:
        found = self.value(body)
        if not isinstance(found, bool):
            raise RenderError(f"{body} is not a condition")
        return found

    def _raw(self, body: Any) -> Any:
        if isinstance(body, dict):
            if len(body) == 1:
                (name, argument), *_ = body.items()
                if name in self._functions and not (
                    name == "Condition" and isinstance(argument, dict)
                ):
                    return self._functions[name](argument)
                if name.startswith("Fn::"):
                    raise RenderError(f"the function {name} is not supported")
            made = {name: self._raw(part) for name, part in body.items()}
            return {name: part for name, part in made.items() if part is not _ABSENT}
        if isinstance(body, list):
            return [part for part in map(self._raw, body) if part is not _ABSENT]
        return body

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise RenderError(f"there is no condition {name}")
        return self.truth(self._conditions[name])

    def _ref(self, name: str) -> Any:
        if name in self._parameters:
            return self._parameters[name]
        if name in self._pseudo:
            return self._pseudo[name]
        return self._resource(name, "")

    def _attribute(self, argument: Any) -> str:
        name, _, attribute = (
            argument.partition(".")
            if isinstance(argument, str)
            else (argument[0], "", self.value(argument[1]))
        )
        return self._resource(name, f".{attribute}")

    def _resource(self, name: str, attribute: str) -> str:
        if name not in self.existing:
            raise RenderError(f"{name} is referred to, but is neither a parameter nor a resource")
        return f"<{name}{attribute}>"

    def _sub(self, argument: Any) -> str:
        text, own = (
            (argument, {})
            if isinstance(argument, str)
            else (argument[0], {key: self.value(v) for key, v in argument[1].items()})
        )

        def one(match: re.Match[str]) -> str:
            if match[1]:
                return "${" + match[2] + "}"
            if match[2] in own:
                return str(own[match[2]])
            return str(self._attribute(match[2]) if "." in match[2] else self._ref(match[2]))

        return _LOGICAL.sub(one, text)

    def _select(self, argument: Any) -> Any:
        index, choices = int(self.value(argument[0])), self.value(argument[1])
        if not 0 <= index < len(choices):
            raise RenderError(f"there is no element {index} in {choices}")
        return choices[index]

    def _find(self, argument: Any) -> Any:
        try:
            return self._mappings[self.value(argument[0])][self.value(argument[1])][
                self.value(argument[2])
            ]
        except KeyError as error:
            raise RenderError(f"no mapping has {error}") from None

    def _cidr(self, argument: Any) -> list[str]:
        """`[block, count, host bits]`: the first subnets of the block, in order."""
        block, count, bits = (self.value(part) for part in argument)
        subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
        return [str(subnet) for _, subnet in zip(range(int(count)), subnets, strict=False)]

    def _import(self, argument: Any) -> Any:
        name = self.value(argument)
        if name not in self._imports:
            raise RenderError(f"nothing exports {name}")
        return self._imports[name]
