"""The stacks as wholes: parameters, outputs, names and size."""

import re
from collections.abc import Iterator

from tests.infrastructure.deployments import (
    TEMPLATES,
    Deployment,
    accepted,
    stage_parameters,
    template,
    templates,
)
from tests.infrastructure.texts import text_of

# The outputs that the release passes to later stacks.
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
    {"CertificateArn": "", "HostedZoneId": ""},
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
MAX_LINES, MAX_COLUMNS = 400, 160
# The outputs of the base stack that only people and release scripts read.
FOR_OPERATORS = {"Url", "BalancerName"}
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
    for choice in WEAK_IN_PRODUCTION:
        if accepted(deployment.root, deployment.stage, choice):
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
    data, base, release = deployment.stacks
    taken = set(base.parameters) | set(release.parameters)
    missing = HANDED_OVER - (set(data.outputs) & taken)
    missing |= set(base.outputs) - FOR_OPERATORS - set(release.parameters)
    yield from (f"{name} must be an output and a parameter" for name in sorted(missing))


def what_two_stacks_take_has_one_value(deployment: Deployment) -> Iterator[str]:
    _, base, release = deployment.stacks
    for name in sorted(set(base.parameters) & set(release.parameters)):
        if base.parameters[name] != release.parameters[name]:
            yield f"{name} is {base.parameters[name]} in one stack, not in the other"


def each_parameter_is_in_one_group(deployment: Deployment) -> Iterator[str]:
    """As the console of CloudFormation shows them."""
    for name in TEMPLATES:
        body = template(deployment.root / "cloudformation" / f"{name}.yaml")
        groups = body["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        listed = [parameter for group in groups for parameter in group["Parameters"]]
        if sorted(listed) != sorted(body["Parameters"]):
            wrong = {one for one in listed if listed.count(one) > 1}
            wrong |= set(listed) ^ set(body["Parameters"])
            yield f"{name}: {sorted(wrong)} are in no group, in two, or no parameters"
        yield from (
            f"{name}: a group has no name or no parameters: {group}"
            for group in groups
            if not (group["Label"]["default"] and group["Parameters"])
        )


def each_part_can_be_read(deployment: Deployment) -> Iterator[str]:
    for path in sorted((deployment.root / "cloudformation").glob("*/*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MAX_LINES:
            yield f"{path.name} has {len(lines)} lines: split it by topic"
        if not lines[0].startswith("# "):
            yield f"{path.name} does not begin with what it is about"
        yield from (
            f"{path.name}:{number} has {len(line)} columns"
            for number, line in enumerate(lines, 1)
            if len(line) > MAX_COLUMNS
        )


def no_stack_imports_from_another(deployment: Deployment) -> Iterator[str]:
    """An export could not change while another stack imports it."""
    for stack in deployment.stacks:
        yield from (f"{stack.name} exports {name}" for name in stack.exports)


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
        "BalancerName": r"<LoadBalancer\.DNSName>",
        "BalancerFullName": r"<LoadBalancer\.LoadBalancerFullName>",
        "TargetGroup": r"<TargetGroup>",
        "TargetGroupFullName": r"<TargetGroup\.TargetGroupFullName>",
        "RelayTargetGroup": r"<RelayTargetGroup>",
        "RelayTargetGroupFullName": r"<RelayTargetGroup\.TargetGroupFullName>",
        "WebSecurityGroup": r"<WebSecurityGroup>",
        "RelaySecurityGroup": r"<RelaySecurityGroup>",
        "WorkerSecurityGroup": r"<WorkerSecurityGroup>",
    }
    for outputs in (deployment.data.outputs, deployment.service.outputs):
        for name in set(wanted) & set(outputs):
            if not re.fullmatch(wanted[name], str(outputs[name])):
                yield f"the output {name} is {outputs[name]}: it must be {wanted[name]}"


def a_parameter_file_names_only_parameters(deployment: Deployment) -> Iterator[str]:
    files = stage_parameters(deployment.root, deployment.stage)
    yield from (
        f"{name} is chosen for base and for service: leave it out of service"
        for name in sorted(set(files["base"]) & set(files["service"]))
    )
    for stack, given in files.items():
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
    for path in templates(deployment.root):
        size = len(text_of(path).encode())
        if size > MAX_TEMPLATE_BYTES:
            yield f"{path.stem} has {size} bytes: the limit is {MAX_TEMPLATE_BYTES}"
