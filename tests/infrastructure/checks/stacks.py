"""The two stacks as wholes: parameters, outputs, names and size."""

import re
from collections.abc import Iterator

from tests.infrastructure.deployments import Deployment, stage_parameters, template
from tests.infrastructure.render import RenderError, render

# The outputs of the data stack that the release passes to the service stack.
HANDED_OVER = {"TableName", "KeyArn", "KeysSecretArn", "KlingSecretArn", "RepositoryArn"}
HANDED_OVER |= {
    "OperatorKeysSecretArn",
    "AccessTokenKeysSecretArn",
    "AccessLogsBucket",
    "RecordsBucket",
    "UploadsBucket",
    "UploadDays",
    "VideoCopyDays",
    "DataKeyArn",
    "SealedTableName",
}
# Choices that weaken security or availability. The deployment must refuse them, not the service
# that starts later.
WEAK_IN_PRODUCTION = (
    {"CertificateArn": "", "DomainName": "", "HostedZoneId": ""},
    {"GoogleClientIds": ""},
    {"CognitoUserPoolId": "us-east-1_AbCdEf123"},
    {"CognitoClientIds": "1example23456789"},
    {"NatGateways": "none"},
    {"NatGateways": "single"},
    {"TrustBareGoogleId": "true"},
    {"MailIdentity": ""},
    {"AppUrl": ""},
    {"AlertEmail": "", "PagerUrl": ""},
    {"OnlySpot": "true"},
    {"AllowedCidr": "192.0.2.0/24"},
)
MAX_TEMPLATE_BYTES = 1_000_000
GUARDS = (
    *("WAFv2::WebACL", "WAFv2::WebACLAssociation", "WAFv2::LoggingConfiguration"),
    *("CloudWatch::Alarm", "CloudWatch::CompositeAlarm", "CloudWatch::Dashboard"),
    *("ApplicationAutoScaling::ScalableTarget", "ApplicationAutoScaling::ScalingPolicy"),
)


def no_rule_of_the_template_is_broken(deployment: Deployment) -> Iterator[str]:
    for stack in deployment.stacks:
        yield from stack.broken_rules


def production_cannot_be_deployed_with_a_weak_choice(deployment: Deployment) -> Iterator[str]:
    if not deployment.production or deployment.service.parameters["CognitoUserPoolId"]:
        return
    service = template(deployment.root / "cloudformation" / "service.yaml")
    parameters = {name: _text(value) for name, value in deployment.service.parameters.items()}
    for choice in WEAK_IN_PRODUCTION:
        try:
            broken = render(service, parameters | choice).broken_rules
        except RenderError:
            continue
        if not broken:
            yield f"production accepts {choice}: add a Rule that refuses it"


def only_dev_is_without_firewall_alarms_and_scaling(deployment: Deployment) -> Iterator[str]:
    """dev is for trying things out, at a price that a founder pays without a thought."""
    for kind in GUARDS:
        if deployment.guarded != bool(deployment.service.of(kind)):
            yield f"{deployment.stage} {'lacks' if deployment.guarded else 'pays for'} a {kind}"


def no_one_pays_for_metrics_that_nothing_reads(deployment: Deployment) -> Iterator[str]:
    for name, cluster in deployment.service.of("ECS::Cluster").items():
        if cluster["ClusterSettings"] != [{"Name": "containerInsights", "Value": "disabled"}]:
            yield f"{name} publishes metrics that no alarm and no dashboard reads"


def every_value_handed_over_is_an_output_and_a_parameter(deployment: Deployment) -> Iterator[str]:
    missing = HANDED_OVER - (set(deployment.data.outputs) & set(deployment.service.parameters))
    yield from (f"{name} must be an output and a parameter" for name in sorted(missing))


def each_output_is_what_its_name_says(deployment: Deployment) -> Iterator[str]:
    wanted = {
        "TableName": r"<Table>",
        "TableArn": r"<Table\.Arn>",
        "KeyArn": r"<Key\.Arn>",
        "DataKeyArn": r"<DataKey\.Arn>",
        "SealedTableName": r"<Table>",
        "KeysSecretArn": r"<KeysSecret>",
        "KlingSecretArn": r"<KlingSecret>",
        "OperatorKeysSecretArn": r"<OperatorKeysSecret>",
        "AccessTokenKeysSecretArn": r"<AccessTokenKeysSecret>",
        "RepositoryArn": r"<Repository\.Arn>",
        "AccessLogsBucket": r"<AccessLogs>",
        "RecordsBucket": r"<Records>",
        "UploadsBucket": r"<Uploads>",
    }
    for name, value in deployment.data.outputs.items():
        if name in wanted and not re.fullmatch(wanted[name], str(value)):
            yield f"the output {name} is {value}: it must be {wanted[name]}"


def a_parameter_file_names_only_parameters(deployment: Deployment) -> Iterator[str]:
    for stack, given in stage_parameters(deployment.root, deployment.stage).items():
        known = template(deployment.root / "cloudformation" / f"{stack}.yaml")["Parameters"]
        yield from (
            f"the template {stack} has no parameter {name}: correct or remove it"
            for name in sorted(set(given) - set(known))
        )


def stages_can_share_an_account(deployment: Deployment) -> Iterator[str]:
    """Every name that the template chooses contains the stage."""
    named = (
        "TableName",
        "ClusterName",
        "RepositoryName",
        "LogGroupName",
        "AliasName",
        "Family",
        "BucketName",
        "RoleName",
    )
    named += ("DashboardName", "AlarmName", "TopicName", "BackupVaultName")
    for name, resource in deployment.resources():
        for key in named:
            value = resource.get("Properties", {}).get(key)
            if resource["Type"] == "AWS::EC2::FlowLog" or value is None:
                continue
            if deployment.stage not in str(value) and "<" not in str(value):
                yield f"{name}: {key} is {value}, without the stage: two stages would collide"


def no_resource_waits_for_itself(deployment: Deployment) -> Iterator[str]:
    for stack in deployment.stacks:
        yield from (
            f"{name} waits for itself" for name in stack.resources if name in stack.before(name)
        )


def templates_are_small_enough(deployment: Deployment) -> Iterator[str]:
    for path in sorted((deployment.root / "cloudformation").glob("*.yaml")):
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            yield f"{path.name} has {path.stat().st_size} bytes: the limit is {MAX_TEMPLATE_BYTES}"


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
