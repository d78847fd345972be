"""Rendered for another region, account and partition: no literal of this one stays."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tests.infrastructure.deployments import Deployment, template, templates
from tests.infrastructure.deployments import deployment as rendered
from tests.infrastructure.identity_stack import variants
from tests.infrastructure.render import ACCOUNT, REGION, Place, Stack, render

_REGION = re.compile(
    r"\b(?:us|eu|ap|sa|ca|me|af|il|mx)-(?:east|west|north|south|central|northeast|southeast)-\d\b"
)
_ACCOUNT = re.compile(r"(?<![\w-])\d{12}(?![\w-])")
_PARTITION = re.compile(r"\barn:aws\b")
THERE = Place("us-gov-west-1", "999988887777", "aws-us-gov")


def no_template_names_a_region_an_account_or_a_partition(deployment: Deployment) -> Iterator[str]:
    """Read from the text as it is parsed, so that every branch of every condition is covered."""
    for path in templates(deployment.root):
        body = template(path)
        for place, text in _texts(body.get("Resources", {}), ""):
            yield from _literals(path, place, text)
        for place, text in _texts(body.get("Outputs", {}), ""):
            yield from _literals(path, place, text)


def in_another_place_only_its_names_differ(deployment: Deployment) -> Iterator[str]:
    """Each stack rendered for another region, account and partition, with the parameters that it
    would have there: what is left of this place was written by hand, and what else differs is
    decided by the place."""
    for stack in (*deployment.stacks, deployment.account, *variants(deployment)):
        given = {name: _there(_given(value)) for name, value in stack.parameters.items()}
        body = template(deployment.root / "cloudformation" / f"{_name(stack)}.yaml")
        found = dict(_parts(render(body, given, stack.name, place=THERE)))
        wanted = {part: _there(text) for part, text in _parts(stack)}
        for part in {**wanted, **found}:
            if found.get(part) != wanted.get(part):
                yield f"{stack.name}: {part} is {found.get(part)} in another place"


def every_zone_is_chosen_by_its_place(deployment: Deployment) -> Iterator[str]:
    """The names of zones differ by region and account."""
    body = template(deployment.root / "cloudformation" / "base.yaml")
    for name, resource in body["Resources"].items():
        zone = resource.get("Properties", {}).get("AvailabilityZone")
        if zone is not None and not isinstance(zone, dict):
            yield f"{name} lies in {zone}: select a zone by its place"


def zones_that_are_named_are_used(deployment: Deployment) -> Iterator[str]:
    """Each tier has one subnet in each of them, or the balancer and its tasks are apart."""
    names = ["zone-3", "zone-1", "zone-2"]
    chosen = {"ZoneCount": "3", "ZoneNames": ",".join(names)}
    changed = rendered(deployment.stage, deployment.root, **chosen)
    subnets = changed.base.of("EC2::Subnet")
    for tier in ("Public", "Private"):
        found = [
            subnet["AvailabilityZone"] for name, subnet in subnets.items() if name.startswith(tier)
        ]
        if found != names:
            yield f"the subnets of {tier} lie in {found}, not in {names}"


def _there(text: str) -> str:
    """A text about this place, about the other."""
    text = text.replace(REGION, THERE.region).replace(ACCOUNT, THERE.account)
    return text.replace("arn:aws:", f"arn:{THERE.partition}:")


def _given(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _name(stack: Stack) -> str:
    """Of its template."""
    last = stack.name.rpartition("-")[2]
    return last if last in ("account", "data", "identity", "base") else "service"


def _parts(stack: Stack) -> Iterator[tuple[str, str]]:
    """Each resource and each output as text."""
    for kind, parts in (("the resource", stack.resources), ("the output", stack.outputs)):
        yield from ((f"{kind} {name}", json.dumps(body)) for name, body in parts.items())


def _literals(path: Path, place: str, text: str) -> Iterator[str]:
    for what, pattern in (("region", _REGION), ("account", _ACCOUNT), ("partition", _PARTITION)):
        found = pattern.search(text)
        if found:
            yield f"{path.name}: {place} names the {what} {found[0]}"


def _texts(body: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(body, dict):
        for key, part in body.items():
            if key != "Metadata":
                yield from _texts(part, f"{place}.{key}")
    elif isinstance(body, list):
        for number, part in enumerate(body):
            yield from _texts(part, f"{place}[{number}]")
    elif isinstance(body, str):
        yield place, body
