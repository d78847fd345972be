"""Reads a CloudFormation template, or a part of one, as plain data."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from devstack.errors import LocalSetupError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML built without libyaml, which is ten times as fast
    from yaml import SafeLoader  # type: ignore[assignment]

CHECKOUT = Path(__file__).resolve().parents[1]
TABLE_TEMPLATE = CHECKOUT / "cloudformation" / "data" / "table.yaml"
_TABLE_TYPE = "AWS::DynamoDB::Table"


class _TemplateLoader(SafeLoader):
    """A safe loader that accepts CloudFormation's short tags."""


def _short_tag(loader: _TemplateLoader, name: str, node: yaml.Node) -> dict[str, object]:
    """`!Ref X` as `{"Ref": X}`, `!GetAtt A.B` as `{"Fn::GetAtt": ["A", "B"]}`, any other as
    `{"Fn::<tag>": …}`.

    Source: CloudFormation, intrinsic function reference (short and full forms).
    """
    value: object
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise yaml.YAMLError(f"unknown kind of node at {node.start_mark}")
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_TemplateLoader.add_multi_constructor("!", _short_tag)


def read_template(path: Path) -> dict[str, Any]:
    """The template as dicts, lists and scalars, short tags in their long form. Not to be changed:
    a text is parsed once. Raises `LocalSetupError`."""
    try:
        template = parse_template(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise LocalSetupError(f"The template {path} cannot be read: {error}.") from error
    if not isinstance(template, dict):
        raise LocalSetupError(f"The template {path} is not a CloudFormation template.")
    return template


@lru_cache(maxsize=32)
def parse_template(text: str) -> Any:
    """The template with that text, which may be anything but a template. Raises
    `yaml.YAMLError`."""
    return yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - a safe loader


def table_properties(path: Path = TABLE_TEMPLATE) -> dict[str, Any]:
    """The properties of the one DynamoDB table of the template. Raises `LocalSetupError` unless
    there is exactly one."""
    resources = read_template(path).get("Resources", {})
    tables = [resource for resource in resources.values() if resource.get("Type") == _TABLE_TYPE]
    if len(tables) != 1:
        raise LocalSetupError(
            f"The template {path} must have exactly one table, it has {len(tables)}."
        )
    properties: dict[str, Any] = tables[0]["Properties"]
    return properties
