"""The identity stack: created in a simulated account, its outputs given to the service, and its
function executed up to a user of the service."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from release.parameters import merged, parameter_names
from service.core.clock import SystemClock
from service.core.settings import Secret
from tests.infrastructure import forwarding
from tests.infrastructure.checks.everything import checks
from tests.infrastructure.cloud import cloud
from tests.infrastructure.deployments import ROOT, deployment
from tests.infrastructure.forwarding import EVENT, SECRET, World, handled
from tests.infrastructure.identity_stack import (
    FILE,
    FOREIGN,
    GOOGLE,
    PLAIN,
    WHOLE,
    identity_stack,
)
from tests.infrastructure.render import REGION
from tests.stack.live_stack import LiveStack
from tests.stack.memory_stack import stack_in_memory

POOL_ID = str(EVENT["userPoolId"])
SUB = str(EVENT["userName"])
VARIANTS: dict[str, Mapping[str, str]] = {"plain": PLAIN, "whole": WHOLE, "foreign": FOREIGN}
CODE = str(identity_stack(ROOT, "dev", WHOLE).one("Lambda::Function")["Code"]["ZipFile"])


@pytest.mark.parametrize("stage", ["dev", "production"])
def test_no_rule_of_the_stack_is_broken(stage: str) -> None:
    given = deployment(stage)
    ours = ("identity", "forwarder", "identity_values")
    named = {name: check for name, check in checks().items() if name.partition(".")[0] in ours}
    assert len(named) > 30
    faults = [f"{name}: {fault}" for name, check in named.items() for fault in check(given)]
    assert faults == []


@pytest.fixture
def account() -> Iterator[dict[str, str]]:
    """An account with what exists before the first deployment."""
    with cloud():
        made = boto3.client("secretsmanager", region_name=REGION).create_secret(
            Name="farebox/google", SecretString=json.dumps({"clientSecret": "GOCSPX-of-tests"})
        )
        yield {"GoogleSecretArn": made["ARN"], "GoogleSecretVersion": made["VersionId"]}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_stack_is_created_completely(account: dict[str, str], name: str) -> None:
    chosen = {**VARIANTS[name], **(account if "GoogleClientId" in VARIANTS[name] else {})}
    rendered = identity_stack(ROOT, "dev", chosen)
    client: Any = boto3.client("cloudformation", region_name=REGION)
    given = {name: str(value) for name, value in chosen.items()}
    given |= {"Stage": "dev", "KeyArn": str(rendered.parameters["KeyArn"])}
    stack = f"farebox-{name}"
    client.create_stack(
        StackName=stack,
        TemplateBody=(ROOT / "cloudformation" / FILE).read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": each} for key, each in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    described = client.describe_stacks(StackName=stack)["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    found = client.describe_stack_resources(StackName=stack)["StackResources"]
    made = {
        each["LogicalResourceId"]: each["ResourceType"]
        for each in found
        if "LogicalResourceId" in each
    }
    assert made == {key: body["Type"] for key, body in rendered.resources.items()}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    assert set(outputs) == set(rendered.outputs)
    assert outputs["CognitoUserPoolId"].startswith(f"{REGION}_")


@pytest.mark.parametrize("name", ["whole", "foreign"])
def test_the_service_accepts_what_is_handed_over(name: str) -> None:
    given = deployment("production")
    made = {
        "CognitoUserPoolId": POOL_ID,
        "CognitoClientIds": "1browser,1mobile",
        "CognitoHookSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:hook",
        "OperatorsGroup": "operators",
    }
    outputs = [
        {"OutputKey": key, "OutputValue": made.get(key, "x")}
        for key in identity_stack(ROOT, "production", VARIANTS[name]).outputs
    ]
    named = set(given.service.parameters)
    # The clients of a pool that exists already are in the stage's own file.
    chosen = {} if name == "whole" else {"CognitoClientIds": "1existing"}
    handed = merged(chosen, outputs, {}, named)
    assert set(handed) == {"CognitoUserPoolId", "CognitoClientIds", "CognitoHookSecretArn"}
    service = deployment("production", **handed, AdminCognitoGroups="operators")
    assert service.service.broken_rules == ()
    assert service.web.environment["COGNITO_CLIENT_IDS"] == handed["CognitoClientIds"]


def test_the_parameters_are_read_without_a_yaml_parser() -> None:
    text = (ROOT / "cloudformation" / FILE).read_text(encoding="utf-8")
    assert {*GOOGLE, "DomainName", "UserPoolArn", "Stage"} <= parameter_names(text)


@pytest.fixture(scope="module")
def stack() -> Iterator[LiveStack]:
    """A service whose hook is signed with the function's secret."""
    with stack_in_memory(
        clock=SystemClock(),
        cognito_user_pool_id=POOL_ID,
        cognito_client_ids=("1example23456789",),
        cognito_hook_secret=Secret(SECRET),
    ) as stack:
        yield stack


@dataclass
class Function:
    """The function as Lambda starts it, and what it prints."""

    handler: Any
    printed: list[str]


@pytest.fixture
def function(stack: LiveStack, monkeypatch: pytest.MonkeyPatch) -> Function:
    """With the service at its public address."""
    monkeypatch.setenv("HOOK_URL", f"{stack.url}/hooks/cognito/post-confirmation")
    monkeypatch.setenv("HOOK_SECRET_ARN", "arn:hook")
    secrets = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": SECRET})
    monkeypatch.setattr(boto3, "client", lambda *_, **__: secrets)
    printed: list[str] = []
    names: dict[str, Any] = {"print": printed.append}
    exec(compile(CODE, "index.py", "exec"), names)
    return Function(names["handler"], printed)


def test_a_sign_up_at_the_pool_is_a_user_of_the_service(
    stack: LiveStack, function: Function
) -> None:
    before = stack.count()
    for _ in range(2):
        assert function.handler(EVENT, None) == EVENT
    assert function.printed == []
    assert (stack.count() - before, SUB in str(stack.items())) == (1, True)


def test_what_the_service_refuses_is_in_the_log_and_fails_no_sign_up(function: Function) -> None:
    event = {"triggerSource": "PostConfirmation_ConfirmSignUp"}
    assert function.handler(event, None) == event
    (line,) = map(json.loads, function.printed)
    assert (line["reason"], line["status"]) == ("HTTPError", 400)


def test_the_simulated_world_is_the_one_that_the_function_is_made_for() -> None:
    variables = identity_stack(ROOT, "dev", WHOLE).one("Lambda::Function")["Environment"]
    assert variables["Variables"]["HOOK_URL"] == forwarding.URL
    assert set(variables["Variables"]) == set(forwarding.ENVIRONMENT)


@pytest.mark.parametrize(
    ("secrets", "service", "seconds"),
    [("well", "well", 0), ("late", "late", 3), ("slow", "well", 1), ("well", "nameless", 3.2)],
)
def test_what_a_slow_vendor_costs_is_known(secrets: str, service: str, seconds: float) -> None:
    found = handled(CODE, World(secrets, service))
    assert (found.returned, found.seconds) == (EVENT, pytest.approx(seconds))
