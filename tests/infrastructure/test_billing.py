"""Billing in the cloud: switched on by one parameter, and its secret is for the two kinds of
processes that call Stripe."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infrastructure.deployments import Deployment, deployment

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:farebox/stripe-AbCdEf"
ON = {"StripeSecretArn": SECRET, "AppUrl": "https://app.example.com"}


@pytest.fixture(scope="module")
def selling() -> Deployment:
    return deployment("production", **ON)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(stack: Deployment, role: str) -> list[Mapping[str, Any]]:
    policies = stack.service.of("IAM::Role")[role]["Policies"]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def test_every_container_has_the_name_of_the_secret_and_starts(selling: Deployment) -> None:
    names = {each.environment["STRIPE_SECRETS_SECRET_NAME"] for each in selling.containers}
    assert names == {SECRET}
    off = deployment("production")
    assert {each.environment["STRIPE_SECRETS_SECRET_NAME"] for each in off.containers} == {""}


def test_only_web_worker_and_operators_may_read_the_secret(selling: Deployment) -> None:
    readers = {
        role
        for role in selling.service.of("IAM::Role")
        for statement in statements(selling, role)
        if SECRET in listed(statement.get("Resource", []))
    }
    assert readers == {"WebRole", "WorkerRole", "OperatorRole"}


def test_the_worker_may_do_what_the_sweep_and_an_erasure_need(selling: Deployment) -> None:
    (table,) = [each for each in statements(selling, "WorkerRole") if each.get("Sid") == "Table"]
    assert "dynamodb:BatchGetItem" in table["Action"]
    (erasures,) = [
        each for each in statements(selling, "WorkerRole") if each.get("Sid") == "Erasures"
    ]
    keys = erasures["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == ["USER#*", "RESULT#*", "WEBHOOK#*", "STRIPE_CUSTOMER#*"]


def test_the_endpoint_for_secrets_lets_it_through() -> None:
    closed = deployment("production", InterfaceEndpoints="true", **ON)
    allowed = [
        resource
        for endpoint in closed.service.of("EC2::VPCEndpoint").values()
        for statement in endpoint.get("PolicyDocument", {}).get("Statement", [])
        if statement["Action"] == "secretsmanager:GetSecretValue"
        for resource in listed(statement["Resource"])
    ]
    assert SECRET in allowed


def test_billing_without_the_apps_address_is_refused() -> None:
    assert deployment("dev", **ON).service.broken_rules == ()
    (broken,) = deployment("dev", StripeSecretArn=SECRET, AppUrl="").service.broken_rules
    assert broken.startswith("StripeSecretArn needs AppUrl")
