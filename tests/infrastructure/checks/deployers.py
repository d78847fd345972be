"""Who may deploy: the identity provider, the trusts of the deploy roles and of the stack roles,
evaluated for those who may take them and for those who may not."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.core.settings import STAGES
from tests.infrastructure.account import REPOSITORY, deploy_role, stack_role
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing
from tests.infrastructure.policies import Call, permits
from tests.infrastructure.render import ACCOUNT

GITHUB = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
TAKING = "sts:AssumeRoleWithWebIdentity"
_OURS = f"repo:{REPOSITORY}"
# Tokens that GitHub may sign, none of which is the environment of a stage in our repository.
_STRANGERS = (
    f"{_OURS}:pull_request",
    f"{_OURS}:ref:refs/heads/main",
    f"{_OURS}:ref:refs/tags/environment:production",
    f"{_OURS}:environment:test",
    f"{_OURS}:environment:production-copy",
    f"{_OURS}-fork:environment:production",
    "repo:example/farebox:environment:production",
    "repo:example@1234567/other@1:environment:production",
    "repo:stranger@9/farebox@7654321:environment:production",
    f"x{_OURS}:environment:production",
)
SECONDS_OF_A_RELEASE = 7200
TRUST_KEYS = {"Effect", "Principal", "Action", "Condition"}
POLICIES = {
    "deploy": ["<DeployPolicy>"],
    "stack": ["<NetworkPolicy>", "<StoragePolicy>", "<RuntimePolicy>", "<RolesPolicy>"],
}
KEPT = "<KeptPolicy>"


def only_the_environment_of_a_stage_takes_its_deploy_role(
    deployment: Deployment,
) -> Iterator[str]:
    """Not a pull request, a branch, another repository, nor another environment of ours."""
    provider = _provider(deployment)
    everyone = {*_STRANGERS, *(f"{_OURS}:environment:{stage}" for stage in STAGES)}
    for stage in STAGES:
        document = deployment.account.of("IAM::Role")[deploy_role(stage)][
            "AssumeRolePolicyDocument"
        ]
        for subject in sorted(everyone):
            wanted = subject == f"{_OURS}:environment:{stage}"
            if _takes(document, provider, subject) is not wanted:
                word = "must" if wanted else "may not"
                yield f"the deploy role of {stage}: {subject} {word} take it"
        ours = f"{_OURS}:environment:{stage}"
        for what, call in _wrong_ways(provider, ours).items():
            if permits(document, call):
                yield f"the deploy role of {stage} is taken {what}"
        yield from _written_exactly(stage, document)


def a_stack_role_is_taken_by_cloudformation_alone(deployment: Deployment) -> Iterator[str]:
    for stage in STAGES:
        document = deployment.account.of("IAM::Role")[stack_role(stage)]["AssumeRolePolicyDocument"]
        for who in ("cloudformation.amazonaws.com", "ec2.amazonaws.com", GITHUB, ACCOUNT):
            wanted = who == "cloudformation.amazonaws.com"
            if permits(document, Call(who, "sts:AssumeRole", "role")) is not wanted:
                yield f"the stack role of {stage}: {who} {'must' if wanted else 'may not'} take it"


def each_role_of_the_account_is_of_one_stage(deployment: Deployment) -> Iterator[str]:
    """Its tag decides what it reaches, and what is kept binds staging and production."""
    roles = deployment.account.of("IAM::Role")
    wanted = {role(stage) for stage in STAGES for role in (deploy_role, stack_role)}
    if set(roles) != wanted:
        yield f"the roles of the account are {sorted(roles)}"
    for stage in STAGES:
        deploys, stacks = roles[deploy_role(stage)], roles[stack_role(stage)]
        kept = [] if stage == "dev" else [KEPT]
        if list(deploys["ManagedPolicyArns"]) != POLICIES["deploy"] + kept:
            yield f"the deploy role of {stage} has {deploys['ManagedPolicyArns']}"
        if list(stacks["ManagedPolicyArns"]) != POLICIES["stack"] + kept:
            yield f"the stack role of {stage} has {stacks['ManagedPolicyArns']}"
        yield from differing(
            deploy_role(stage),
            deploys,
            {
                "RoleName": f"farebox-deploy-{stage}",
                "MaxSessionDuration": SECONDS_OF_A_RELEASE,
                "Tags.0.Key": "stage",
                "Tags.0.Value": stage,
                "Tags.1": None,
                "Description": f"Takes releases to {stage}, for GitHub's environment of that name",
            },
        )
        yield from differing(
            stack_role(stage),
            stacks,
            {
                "RoleName": f"farebox-cloudformation-{stage}",
                "MaxSessionDuration": None,
                "Tags.0.Key": "stage",
                "Tags.0.Value": stage,
                "Tags.1.Key": "domain",
                "Tags.1.Value": deployment.account.parameters[f"{stage.capitalize()}Domain"],
                "Tags.2": None,
                "Description": f"Makes and changes the stacks of {stage}, for CloudFormation",
            },
        )


def the_provider_is_githubs_and_for_aws_alone(deployment: Deployment) -> Iterator[str]:
    providers = deployment.account.of("IAM::OIDCProvider")
    if bool(providers) is bool(deployment.account.parameters["ProviderArn"]):
        yield f"the account has the providers {sorted(providers)}"
    for name, body in providers.items():
        if body["Url"] != f"https://{GITHUB}" or list(body["ClientIdList"]) != [AUDIENCE]:
            yield f"{name} trusts {body['Url']} for {body['ClientIdList']}"


def _takes(document: Mapping[str, Any], provider: str, subject: str) -> bool:
    context = {f"{GITHUB}:aud": AUDIENCE, f"{GITHUB}:sub": subject}
    return permits(document, Call(provider, TAKING, "role", context))


def _wrong_ways(provider: str, subject: str) -> dict[str, Call]:
    token = {f"{GITHUB}:aud": AUDIENCE, f"{GITHUB}:sub": subject}
    elsewhere = token | {f"{GITHUB}:aud": "https://github.com/example"}
    return {
        "for another audience": Call(provider, TAKING, "role", elsewhere),
        "without an audience": Call(provider, TAKING, "role", {f"{GITHUB}:sub": subject}),
        "without a subject": Call(provider, TAKING, "role", {f"{GITHUB}:aud": AUDIENCE}),
        "from another provider": Call("arn:aws:iam::1:oidc-provider/other", TAKING, "role", token),
        "without a token": Call(provider, "sts:AssumeRole", "role", token),
        "with tags of its own": Call(provider, "sts:TagSession", "role", token),
    }


def _written_exactly(stage: str, document: Mapping[str, Any]) -> Iterator[str]:
    """One statement, compared by equality: no operator that knows wildcards."""
    for statement in document["Statement"]:
        if set(statement) != TRUST_KEYS or set(statement["Condition"]) != {"StringEquals"}:
            yield f"the deploy role of {stage} trusts by {sorted(statement['Condition'])}"
        if re.search(r"[*?]", str(statement)):
            yield f"the deploy role of {stage} trusts a wildcard"
    if len(document["Statement"]) != 1:
        yield f"the deploy role of {stage} has {len(document['Statement'])} trusts"


def _provider(deployment: Deployment) -> str:
    return str(deployment.account.parameters["ProviderArn"] or "<Provider>")
