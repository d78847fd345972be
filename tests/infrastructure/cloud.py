"""Both stacks of a stage, really deployed: into moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from devstack.template import read_template
from tests.infrastructure.deployments import IMAGE, ROOT, filled, stage_parameters
from tests.infrastructure.moto_extension import extended
from tests.infrastructure.moto_kinds import CHANGERS, MAKERS
from tests.infrastructure.render import REGION

INLINE_BYTES = 51_200


@dataclass(frozen=True)
class Deployed:
    """What CloudFormation says of a stack."""

    status: str
    resources: dict[str, str]
    outputs: dict[str, str]


@contextmanager
def cloud() -> Iterator[None]:
    """An account with nothing in it, that takes every type of our templates."""
    with extended(MAKERS, CHANGERS):
        yield


def deploy(stage: str) -> tuple[Deployed, Deployed]:
    """Deploys both stacks of a stage, in order, as the release does it. Inside `cloud()` only."""
    given = stage_parameters(ROOT, stage)
    data = _create(f"farebox-{stage}-data", "data", {"Stage": stage, **given["data"]})
    known = read_template(_path("service"))["Parameters"]
    handed = {name: value for name, value in data.outputs.items() if name in known}
    told = {
        "Stage": stage,
        "ImageUri": IMAGE,
        **handed,
        **filled(stage, given["service"]),
        **outside(stage),
    }
    return data, _create(f"farebox-{stage}", "service", told)


def outside(stage: str) -> dict[str, str]:
    """What has to be there before the first deployment of a stage that has a domain: its zone and
    its certificate."""
    if stage == "dev":
        return {}
    zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference=stage)[
        "HostedZone"
    ]["Id"]
    asked = boto3.client("acm", region_name=REGION).request_certificate(
        DomainName="api.example.com"
    )
    return {"HostedZoneId": zone.rpartition("/")[2], "CertificateArn": asked["CertificateArn"]}


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
        # What a condition leaves out is listed without a name.
        resources={
            body["LogicalResourceId"]: body["ResourceType"]
            for body in resources
            if "LogicalResourceId" in body
        },
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
    )


def _body(template: str) -> dict[str, str]:
    """A template that is too big to be sent along goes through a bucket."""
    text = _path(template).read_text(encoding="utf-8")
    if len(text.encode()) <= INLINE_BYTES:
        return {"TemplateBody": text}
    client: Any = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket="templates-for-tests")
    client.put_object(Bucket="templates-for-tests", Key=template, Body=text.encode())
    return {"TemplateURL": f"https://templates-for-tests.s3.amazonaws.com/{template}"}


def _path(template: str) -> Path:
    return ROOT / "cloudformation" / f"{template}.yaml"
