"""Deploys both stacks of a stage into moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from devstack.template import read_template
from tests.infrastructure.deployments import IMAGE, ROOT, filled, stage_parameters
from tests.infrastructure.makers.catalog import CHANGERS, MAKERS
from tests.infrastructure.moto_extension import extended
from tests.infrastructure.render import REGION

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


def deploy(stage: str) -> tuple[Deployed, Deployed]:
    """Deploys both stacks of a stage, in the order of the release. Works inside `cloud()` only."""
    given = stage_parameters(ROOT, stage)
    data = _create(
        f"farebox-{stage}-data", "data", {"Stage": stage, **filled(stage, given["data"])}
    )
    known = read_template(_path("service"))["Parameters"]
    handed = {name: value for name, value in data.outputs.items() if name in known}
    parameters = {
        "Stage": stage,
        "ImageUri": IMAGE,
        **handed,
        **filled(stage, given["service"]),
        **outside(stage),
    }
    return data, _create(f"farebox-{stage}", "service", parameters)


def outside(stage: str) -> dict[str, str]:
    """What must exist before the first deployment of a stage with a domain: its zone and its
    certificate."""
    if stage == "dev":
        return {}
    zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference=stage)[
        "HostedZone"
    ]["Id"]
    certificate = boto3.client("acm", region_name=REGION).request_certificate(
        DomainName="api.example.com"
    )
    return {
        "HostedZoneId": zone.rpartition("/")[2],
        "CertificateArn": certificate["CertificateArn"],
    }


def _create(name: str, template: str, given: dict[str, str]) -> Deployed:
    client: Any = boto3.client("cloudformation", region_name=REGION)
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    capabilities = ["CAPABILITY_IAM"]
    client.create_stack(
        StackName=name, Parameters=parameters, Capabilities=capabilities, **_body(template)
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


def _body(template: str) -> dict[str, str]:
    """The template inline, or by its address in a bucket when it is too long."""
    text = _path(template).read_text(encoding="utf-8")
    if len(text.encode()) <= INLINE_BYTES:
        return {"TemplateBody": text}
    client: Any = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket="templates-for-tests")
    client.put_object(Bucket="templates-for-tests", Key=template, Body=text.encode())
    return {"TemplateURL": f"https://templates-for-tests.s3.amazonaws.com/{template}"}


def _path(template: str) -> Path:
    return ROOT / "cloudformation" / f"{template}.yaml"
