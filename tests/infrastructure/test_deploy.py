"""All stacks of every stage are deployed, next to each other in one account, into the extended
moto."""

from collections.abc import Iterator

import boto3
import pytest

from service.core.settings import STAGES
from tests.infrastructure.cloud import Deployed, cloud, deploy
from tests.infrastructure.deployments import deployment
from tests.infrastructure.render import REGION

Account = dict[str, tuple[Deployed, ...]]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with cloud():
        yield {stage: deploy(stage) for stage in STAGES}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("stage", STAGES)
def test_all_stacks_are_created_completely(account: Account, stage: str) -> None:
    """Every resource of the rendered templates exists, with its type; none is skipped as
    unknown."""
    rendered = deployment(stage)
    for stack, deployed in zip(rendered.stacks, account[stage], strict=True):
        assert deployed.status == "CREATE_COMPLETE"
        assert deployed.resources == {name: body["Type"] for name, body in stack.resources.items()}
        assert set(deployed.outputs) == set(stack.outputs)


@pytest.mark.parametrize("stage", STAGES)
def test_the_renderer_and_the_deployment_agree_on_every_environment(
    account: Account, stage: str
) -> None:
    """Every value that does not depend on the account is the same text, so checks of the rendered
    template hold for the real one."""
    differing = {"KEYS_SECRET_NAME", "KLING_API_KEY_SECRET_NAME", "KMS_KEY_ID"}
    differing |= {"OPERATOR_KEYS_SECRET_NAME", "ACCESS_TOKEN_KEYS_SECRET_NAME"}
    differing |= {"UPLOADS_BUCKET"}
    for container in deployment(stage).containers:
        found = boto3.client("ecs", region_name=REGION).describe_task_definition(
            taskDefinition=f"farebox-{stage}-{container.name}"
        )["taskDefinition"]["containerDefinitions"][0]
        environment = {pair["name"]: pair["value"] for pair in found["environment"]}
        assert {
            name for name, value in container.environment.items() if environment.get(name) != value
        } <= differing
        assert set(environment) == set(container.environment)


def test_the_secrets_are_empty_until_an_operator_fills_them(account: Account) -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    for stage, (data, *_) in account.items():
        for output in (
            *("KeysSecretArn", "KlingSecretArn", "OperatorKeysSecretArn"),
            "AccessTokenKeysSecretArn",
        ):
            assert f"/{stage}/" in data.outputs[output]
            assert "AWSCURRENT" not in str(
                client.describe_secret(SecretId=data.outputs[output]).get("VersionIdsToStages")
            )


def test_stages_share_nothing(account: Account) -> None:
    outputs = [
        {name: value for stack in stacks for name, value in stack.outputs.items()}
        for stacks in account.values()
    ]
    for name in (
        "TableName",
        "KeyArn",
        "KeysSecretArn",
        "RepositoryUri",
        "ClusterName",
        "BalancerName",
        "AccessLogsBucket",
        "RecordsBucket",
        "UploadsBucket",
    ):
        assert len({stack_outputs[name] for stack_outputs in outputs}) == len(STAGES), name
