"""Deploys all stacks of a stage into moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from release.parameters import chosen
from tests.infrastructure.deployments import (
    IMAGE,
    ROOT,
    TEMPLATES,
    filled,
    stack_name,
    stage_parameters,
    template,
)
from tests.infrastructure.makers.catalog import CHANGERS, MAKERS
from tests.infrastructure.moto_extension import extended
from tests.infrastructure.render import REGION
from tests.infrastructure.texts import text_of

INLINE_BYTES = 51_200


@dataclass(frozen=True)
class Deployed:
    """A stack as CloudFormation describes it."""

    status: str
    resources: dict[str, str]
    outputs: dict[str, str]


@contextmanager
def cloud() -> Iterator[None]:
    """An empty account that accepts every resource type of the templates."""
    with extended(MAKERS, CHANGERS):
        yield


def deploy(stage: str) -> tuple[Deployed, ...]:
    """Deploys all stacks of a stage, in the order of the release. Works inside `cloud()` only."""
    offered, found = {"Stage": stage, "ImageUri": IMAGE}, outside(stage)
    stacks = []
    for name in TEMPLATES:
        known = set(template(path_of(name))["Parameters"])
        decided = filled(stage, chosen(stage_parameters(ROOT, stage), name, known))
        given = {key: value for key, value in offered.items() if key in known} | decided
        stacks.append(
            _create(
                stack_name(stage, name),
                name,
                given | {key: value for key, value in found.items() if key in known},
            )
        )
        offered |= stacks[-1].outputs
    return tuple(stacks)


def outside(stage: str) -> dict[str, str]:
    """What must exist before the first deployment of a stage with a domain: its zone and, but for
    staging, which has it made, its certificate."""
    if stage == "dev":
        return {}
    zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference=stage)[
        "HostedZone"
    ]["Id"]
    found = {"HostedZoneId": zone.rpartition("/")[2]}
    if stage == "staging":
        return found
    certificate = boto3.client("acm", region_name=REGION).request_certificate(
        DomainName="api.example.com"
    )
    return {**found, "CertificateArn": certificate["CertificateArn"]}


def _create(name: str, body: str, given: dict[str, str]) -> Deployed:
    client: Any = boto3.client("cloudformation", region_name=REGION)
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    capabilities = ["CAPABILITY_IAM"]
    client.create_stack(
        StackName=name, Parameters=parameters, Capabilities=capabilities, **_body(body)
    )
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    resources = client.describe_stack_resources(StackName=name)["StackResources"]
    return Deployed(
        status=stack["StackStatus"],
        # moto lists a resource whose condition is false without a name.
        resources={
            body["LogicalResourceId"]: body["ResourceType"]
            for body in resources
            if "LogicalResourceId" in body
        },
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
    )


def _body(name: str) -> dict[str, str]:
    """The template inline, or by its address in a bucket when it is too long."""
    text = text_of(path_of(name))
    if len(text.encode()) <= INLINE_BYTES:
        return {"TemplateBody": text}
    client: Any = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket="templates-for-tests")
    client.put_object(Bucket="templates-for-tests", Key=name, Body=text.encode())
    return {"TemplateURL": f"https://templates-for-tests.s3.amazonaws.com/{name}"}


def path_of(name: str) -> Path:
    """Where a template is, whole or in parts."""
    return ROOT / "cloudformation" / f"{name}.yaml"
