"""Extends moto's CloudFormation to create every resource type of the templates.

moto supports a third of these types and drops most of their properties. Here each type is created
by the boto3 calls that CloudFormation itself would make, whose parameters botocore checks against
the API of the service. Updates support what a new image changes; all others are refused.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator
from moto import mock_aws
from moto.cloudformation import models as cloudformation_models
from moto.cloudformation import parsing
from moto.cloudformation import responses as cloudformation_responses
from moto.cloudformation.utils import yaml_tag_constructor
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult

from tests.infrastructure.render import REGION
from tests.infrastructure.shapes import fitted


@dataclass(frozen=True)
class Made:
    """A created resource: what `Ref` and `GetAtt` return."""

    reference: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


Maker = Callable[[str, dict[str, Any]], Made]
Changer = Callable[[Made, dict[str, Any]], Made]


def call(service: str, operation: str, **properties: Any) -> dict[str, Any]:
    """Makes one call with the parameters converted to the API. Raises what botocore raises, and
    `UnknownProperty`."""
    client = _client(service)
    (name,) = [
        python for python, api in client.meta.method_to_api_mapping.items() if api == operation
    ]
    response: dict[str, Any] = getattr(client, name)(**_given(client, operation, properties))
    return response


def check(service: str, operation: str, **properties: Any) -> None:
    """Checks the parameters of an operation that moto does not support; sends nothing."""
    client = _client(service)
    shape = client.meta.service_model.operation_model(operation).input_shape
    report = ParamValidator().validate(_given(client, operation, properties), shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


@lru_cache(maxsize=32)
def _client(service: str) -> Any:
    """Cached, because creating a client takes longer than any call inside the mock."""
    return boto3.client(service, region_name=REGION)


def _given(client: Any, operation: str, properties: dict[str, Any]) -> Any:
    shape = client.meta.service_model.operation_model(operation).input_shape
    return fitted({key: value for key, value in properties.items() if value is not None}, shape)


def _tagged(loader: Any, tag: str, node: Any) -> Any:
    """moto does not know `!Condition X` and treats whatever depends on it as false."""
    return (
        {"Condition": node.value}
        if tag == "!Condition"
        else yaml_tag_constructor(loader, tag, node)
    )


def _protecting() -> AbstractContextManager[Any]:
    """Protects a stack, or no longer; moto keeps the flag and has no call for it."""

    def protected(responses: Any) -> ActionResult:
        given = responses._get_param
        stack = responses.cloudformation_backend.get_stack(given("StackName"))
        stack.enable_termination_protection = bool(given("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.stack_id})

    service = cloudformation_responses.CloudFormationResponse
    return patch.object(service, "update_termination_protection", protected, create=True)


@contextmanager
def extended(makers: Mapping[str, Maker], changers: Mapping[str, Changer]) -> Iterator[None]:
    """Runs moto within the block, with these types created and changed by `makers` and
    `changers`."""
    original = parsing.clean_json

    def cleaned(body: Any, resources: Any) -> Any:
        if isinstance(body, list):
            return [
                part
                for part in (parsing.clean_json(part, resources) for part in body)
                if part is not None
            ]
        if isinstance(body, dict) and set(body) == {"Fn::GetAtt"}:
            # moto reads with `get`, which hides the KeyError of an absent resource.
            _ = resources[body["Fn::GetAtt"][0]]
        if isinstance(body, dict) and set(body) == {"Fn::Cidr"}:
            block, count, bits = parsing.clean_json(body["Fn::Cidr"], resources)
            subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
            return [str(subnet) for _, subnet in zip(range(int(count)), subnets, strict=False)]
        return original(body, resources)

    execute = cloudformation_models.CloudFormationBackend.execute_change_set

    def executed(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
        """moto keeps the outputs of the template before the change, which may be none."""
        execute(backend, change_set_name, stack_name)
        for stack in backend.stacks.values():
            stack._parse_template()
            stack.output_map = stack._create_output_map()

    models = {kind: _model(kind, make, changers.get(kind)) for kind, make in makers.items()}
    known = parsing.get_model_map

    with ExitStack() as changed:
        changed.enter_context(mock_aws())
        changed.enter_context(patch.object(parsing, "clean_json", cleaned))
        changed.enter_context(patch.object(parsing.ResourceMap, "build_resource_diff", _difference))
        changed.enter_context(patch.object(parsing, "get_model_map", lambda: known() | models))
        changed.enter_context(
            patch.object(
                cloudformation_models.CloudFormationBackend, "execute_change_set", executed
            )
        )
        changed.enter_context(_protecting())
        for module in (cloudformation_models, cloudformation_responses):
            changed.enter_context(patch.object(module, "yaml_tag_constructor", _tagged))
        yield


# Types that CloudFormation replaces on any change.
_REPLACED = ("AWS::ECS::TaskDefinition",)


def _difference(
    resources: Any, template: dict[str, Any], parameters: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """What a change adds, modifies and removes.

    moto's own version reports a default that is set explicitly as a change, and misses resources
    that refer to a replaced one.
    """
    old, new = resources._resource_json_map, template["Resources"]
    before = _values(resources._template, resources.input_parameters)
    after = _values(template, resources.input_parameters if parameters is None else parameters)
    changed = {name for name in after if before.get(name) != after[name]}
    there = [name for name in new if name in old]
    modified = [
        name
        for name in there
        if not _same(old[name], new[name]) or changed & set(_references(new[name]))
    ]
    replaced = {name for name in modified if new[name]["Type"] in _REPLACED}
    modified += [
        name for name in there if name not in modified and replaced & set(_references(new[name]))
    ]
    absent = [name for name in modified if name not in resources._parsed_resources]
    return {
        "Add": [name for name in new if name not in old],
        "Modify": [name for name in modified if name not in absent],
        "Remove": [name for name in old if name not in new],
    }


def _values(template: dict[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    declared = template.get("Parameters", {}).items()
    return {name: str(given.get(name, body.get("Default", ""))) for name, body in declared}


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """moto adds empty properties to a resource without any."""
    return {"Properties": {}} | old == {"Properties": {}} | new


def _references(body: Any) -> Iterator[str]:
    """The names that the body refers to by `Ref`, or in the text of `Sub`."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key == "Ref":
                yield value
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from re.findall(r"\$\{(\w+)", text)
            yield from () if key == "Ref" else _references(value)
    elif isinstance(body, list):
        for part in body:
            yield from _references(part)


def _model(kind: str, make: Maker, change: Changer | None) -> type[CloudFormationModel]:
    def create(
        cls: Any,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "_Resource":
        del cls, account_id, region_name
        return _Resource(make(resource_name, dict(cloudformation_json.get("Properties", {}))))

    def update(
        cls: Any, original_resource: "_Resource", cloudformation_json: Any, **_: Any
    ) -> "_Resource":
        del cls
        if change is None:
            raise NotImplementedError(f"{kind} cannot be changed here: add it to CHANGERS")
        return _Resource(
            change(original_resource.made, dict(cloudformation_json.get("Properties", {})))
        )

    body = {
        # moto registers each model under the second word of its module's name.
        "__module__": "moto.extension.models",
        "cloudformation_type": staticmethod(lambda: kind),
        "cloudformation_name_type": staticmethod(lambda: ""),
        "create_from_cloudformation_json": classmethod(create),
        "update_from_cloudformation_json": classmethod(update),
        "has_cfn_attr": classmethod(lambda cls, attr: True),
    }
    return type(kind.replace("::", ""), (CloudFormationModel,), body)


class _Resource:
    """A resource in the form that moto stores."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.physical_resource_id = made.reference

    def get_cfn_attribute(self, name: str) -> Any:
        return self.made.attributes[name]

    def is_created(self) -> bool:
        return True
