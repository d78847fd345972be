"""The stack of the account, deployed into the extended moto, and what its policies evaluate to."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from release.join import short
from service.core.settings import STAGES
from tests.infrastructure.account import FILLED, NAME, account, may, stack_role
from tests.infrastructure.cloud import cloud
from tests.infrastructure.deployments import ROOT, deployment
from tests.infrastructure.handlers import actions, handled, has_resource
from tests.infrastructure.policies import Call, allowed, permits
from tests.infrastructure.render import REGION
from tests.infrastructure.texts import text_of

POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::files-${aws:PrincipalTag/stage}/*",
        }
    ],
}
DENIAL: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}],
}


def reading(stage: str, **context: str) -> Call:
    return Call("", "s3:GetObject", f"arn:aws:s3:::files-{stage}/a", context)


@pytest.fixture(scope="module")
def outputs() -> Iterator[dict[str, str]]:
    """The outputs of the deployed stack."""
    with cloud():
        zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
        given = FILLED | {"MailZoneId": zone["HostedZone"]["Id"].rpartition("/")[2]}
        client: Any = boto3.client("cloudformation", region_name=REGION)
        client.create_stack(
            StackName=NAME,
            TemplateBody=short(text_of(ROOT / "cloudformation" / "account.yaml")),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        (stack,) = client.describe_stacks(StackName=NAME)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        kinds = {
            body["LogicalResourceId"]: body["ResourceType"]
            for body in client.describe_stack_resources(StackName=NAME)["StackResources"]
        }
        rendered = account(ROOT, **given)
        assert kinds == {name: body["Type"] for name, body in rendered.resources.items()}
        yield {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_the_account_is_created_completely(outputs: dict[str, str]) -> None:
    assert set(outputs) == set(account(ROOT).outputs)
    for stage in STAGES:
        assert outputs[f"{stage}DeployRole"].endswith(f":role/farebox-deploy-{stage}")
        assert outputs[f"{stage}StackRole"].endswith(f":role/farebox-cloudformation-{stage}")
    assert outputs["PermissionsBoundary"].endswith(":policy/farebox-boundary")


def test_a_deployed_policy_keeps_its_variables(outputs: dict[str, str]) -> None:
    """CloudFormation replaces its own, and leaves those of IAM to IAM."""
    iam: Any = boto3.client("iam")
    version = iam.get_policy_version(PolicyArn=outputs["PermissionsBoundary"], VersionId="v1")
    document = version["PolicyVersion"]["Document"]
    text = document if isinstance(document, str) else json.dumps(document)
    assert "table/*-${aws:PrincipalTag/stage}" in text
    assert "${!" not in text
    assert "AWS::" not in text


def test_a_variable_without_a_value_fits_nothing() -> None:
    assert permits(POLICY, reading("dev", **{"aws:PrincipalTag/stage": "dev"}))
    assert not permits(POLICY, reading("production", **{"aws:PrincipalTag/stage": "dev"}))
    assert not permits(POLICY, reading("dev"))
    assert not permits(POLICY, reading("${aws:PrincipalTag/stage}"))


def test_one_denial_outweighs_every_permission() -> None:
    call = reading("dev", **{"aws:PrincipalTag/stage": "dev"})
    assert allowed([POLICY], call)
    assert not allowed([POLICY, DENIAL], call)


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "holds"),
    [
        ("StringEqualsIfExists", "dev", {}, True),
        ("StringEqualsIfExists", "dev", {"key": "dev"}, True),
        ("StringEqualsIfExists", "dev", {"key": "other"}, False),
        ("StringEquals", "dev", {}, False),
        ("ForAllValues:StringNotEquals", "stage", {"key": "service owner"}, True),
        ("ForAllValues:StringNotEquals", "stage", {"key": "service stage"}, False),
        ("ForAllValues:StringLike", "_*.a", {"key": "_1.a _2.a"}, True),
        ("ForAllValues:StringLike", "_*.a", {"key": "_1.a b"}, False),
        ("Null", "true", {}, True),
        ("Null", "true", {"key": "x"}, False),
    ],
)
def test_conditions_are_evaluated_as_iam_does(
    operator: str, wanted: str, found: dict[str, str], holds: bool
) -> None:
    (statement,) = DENIAL["Statement"]
    conditional = {**statement, "Effect": "Allow", "Condition": {operator: {"key": wanted}}}
    policy = {**DENIAL, "Statement": [conditional]}
    assert permits(policy, Call("", "s3:GetObject", "x", found)) is holds


def test_the_schemas_say_what_a_type_calls() -> None:
    """Where a type is no longer known, or its handlers call nothing, nothing would be checked."""
    for kind in ("EC2::VPC", "ECS::Service", "WAFv2::LoggingConfiguration", "DynamoDB::Table"):
        assert len(actions(kind)) > 3, kind
    assert "logs:CreateLogDelivery" in actions("WAFv2::LoggingConfiguration")
    assert "dynamodb:CreateTable" in actions("DynamoDB::Table")
    assert has_resource("dynamodb:CreateTable")
    assert not has_resource("ec2:DescribeVpcs")


def test_a_call_that_no_statement_covers_is_noticed() -> None:
    """A VPC without the tag of the stage, and a table of another name."""
    given = deployment("staging")
    role = stack_role("staging")
    (made,) = (
        one.call
        for one in handled(given.service, {"aws:PrincipalTag/stage": "staging"}, "<Boundary>")
        if one.call.action == "ec2:DeleteVpc"
    )
    assert may(given.account, role, made)
    stranger = Call(made.who, made.action, made.resource, {"aws:ResourceTag/stage": "dev"})
    assert not may(given.account, role, stranger)
    table = Call("", "dynamodb:UpdateTable", "arn:aws:dynamodb:us-east-1:1:table/Orders")
    assert not may(given.account, role, table)
