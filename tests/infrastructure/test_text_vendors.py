"""Vendors of text in the cloud: each is switched on by a parameter, and only the web processes may
call it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infrastructure.deployments import Deployment, deployment

SECRETS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:farebox"
OPENAI, BEDROCK_KEY = f"{SECRETS}/openai-AbCdEf", f"{SECRETS}/bedrock-AbCdEf"
TWITCH = f"{SECRETS}/twitch-AbCdEf"
ON = {
    "OpenAiSecretArn": OPENAI,
    "TwitchSecretArn": TWITCH,
    "BedrockRegion": "us-west-2",
    "BedrockGuardrailId": "gr1",
    "BedrockGuardrailVersion": "1",
    "BedrockApiKeySecretArn": BEDROCK_KEY,
}


@pytest.fixture(scope="module")
def writing() -> Deployment:
    return deployment("production", InterfaceEndpoints="true", **ON)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def granted(stack: Deployment) -> dict[tuple[str, str], set[str]]:
    """The roles that may take an action on a resource."""
    found: dict[tuple[str, str], set[str]] = {}
    for name, role in stack.service.of("IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                _grant(found, name, statement)
    return found


def _grant(found: dict[tuple[str, str], set[str]], name: str, statement: Mapping[str, Any]) -> None:
    for action in listed(statement["Action"]):
        for resource in listed(statement["Resource"]):
            found.setdefault((action, resource), set()).add(name)


@pytest.mark.parametrize("secret", [OPENAI, BEDROCK_KEY, TWITCH])
def test_only_web_processes_read_a_vendors_key(writing: Deployment, secret: str) -> None:
    assert granted(writing)["secretsmanager:GetSecretValue", secret] == {"WebRole"}
    passed = {
        resource
        for endpoint in writing.service.of("EC2::VPCEndpoint").values()
        for statement in endpoint.get("PolicyDocument", {}).get("Statement", [])
        if statement["Action"] == "secretsmanager:GetSecretValue"
        for resource in listed(statement["Resource"])
    }
    assert secret in passed


def test_only_web_processes_call_bedrock_and_only_for_streams(writing: Deployment) -> None:
    calls = {key: roles for key, roles in granted(writing).items() if key[0].startswith("bedrock:")}
    assert {role for roles in calls.values() for role in roles} == {"WebRole"}
    ours = "arn:aws:bedrock:us-west-2:123456789012"
    models = [
        "arn:aws:bedrock:*::foundation-model/*",
        f"{ours}:inference-profile/*",
        f"{ours}:application-inference-profile/*",
    ]
    assert set(calls) == {
        ("bedrock:ApplyGuardrail", f"{ours}:guardrail/gr1"),
        *(("bedrock:InvokeModelWithResponseStream", model) for model in models),
        *(("bedrock:CountTokens", model) for model in models),
    }


def test_every_container_has_the_same_settings_and_starts(writing: Deployment) -> None:
    for container in writing.containers:
        environment = container.environment
        assert environment["OPENAI_API_KEY_SECRET_NAME"] == OPENAI
        assert environment["BEDROCK_REGION"] == "us-west-2"
        assert environment["BEDROCK_GUARDRAIL_ID"] == "gr1"
        assert environment["BEDROCK_API_KEY_SECRET_NAME"] == BEDROCK_KEY


def test_without_these_parameters_nothing_of_it_is_there() -> None:
    off = deployment("production")
    assert not [action for action, _ in granted(off) if action.startswith("bedrock:")]
    assert {each.environment["BEDROCK_REGION"] for each in off.containers} == {""}
