"""The stack of the account, rendered, and the rights of its roles."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.infrastructure.policies import Call, allowed
from tests.infrastructure.render import Stack
from tests.infrastructure.texts import rendered, text_of

NAME = "farebox-account"
REPOSITORY = "example@1234567/farebox@7654321"
FILLED = {
    "Repository": REPOSITORY,
    "MonthlyBudgetDollars": "2000",
    "AlertEmail": "alerts@example.com",
    "MailDomain": "example.com",
    "MailZoneId": "Z0123456789ABCDEFGHIJ",
    "ProductionDomain": "api.example.com",
    "StagingDomain": "staging.example.com",
}
# What a template reads as `<Boundary>`.
BOUNDARY = "<Boundary>"


def account(root: Path, **changes: str) -> Stack:
    """The stack as it is deployed once in an account, with `changes` to its parameters.

    Raises `RenderError` when CloudFormation would refuse it.
    """
    given = FILLED | changes
    text = text_of(root / "cloudformation" / "account.yaml")
    return rendered(text, tuple(sorted(given.items())), NAME)


def stack_role(stage: str) -> str:
    """The name in the template of the role that CloudFormation acts as for a stage."""
    return f"{stage.capitalize()}StackRole"


def deploy_role(stage: str) -> str:
    """The name in the template of the role that deploys a stage."""
    return f"{stage.capitalize()}DeployRole"


def policies(stack: Stack, role: str) -> list[Mapping[str, Any]]:
    """The policies of a role, each a managed one of the same template."""
    managed = stack.of("IAM::ManagedPolicy")
    return [
        managed[str(arn).strip("<>")]["PolicyDocument"]
        for arn in stack.of("IAM::Role")[role]["ManagedPolicyArns"]
    ]


def known_of(stack: Stack, role: str) -> dict[str, str]:
    """What IAM knows of a session of the role: its tags."""
    tags = stack.of("IAM::Role")[role]["Tags"]
    return {f"aws:PrincipalTag/{tag['Key']}": str(tag["Value"]) for tag in tags}


def may(stack: Stack, role: str, call: Call) -> bool:
    """Whether a role may make a call, by its policies and its tags."""
    context = {**known_of(stack, role), **call.context}
    return allowed(policies(stack, role), Call(call.who, call.action, call.resource, context))


def every_statement(stack: Stack, role: str) -> Iterator[Mapping[str, Any]]:
    for policy in policies(stack, role):
        yield from policy["Statement"]
