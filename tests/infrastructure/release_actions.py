"""Which actions of IAM a call of the AWS CLI by a release script needs, and on what."""

import re
from collections.abc import Callable, Mapping

from tests.infrastructure.render import ACCOUNT, REGION

ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
# An action, the resource, and what IAM knows besides.
Wanted = tuple[str, str, dict[str, str]]


def table(stage: str) -> str:
    return ARN.format("dynamodb", f"table/UserCredits-{stage}")


def secret(stage: str, name: str) -> str:
    return ARN.format("secretsmanager", f"secret:farebox/{stage}/{name}")


def stack(stage: str, name: str) -> str:
    return ARN.format("cloudformation", f"stack/farebox-{stage}-{name}/1")


def stack_role(stage: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/farebox-cloudformation-{stage}"


def command(line: str) -> str:
    """The command of a call, such as `ecs describe-services` or `ecs wait services-stable`."""
    words = line.split(" ")
    return " ".join(words[1:4] if words[2] == "wait" else words[1:3])


def calls(line: str, stage: str) -> list[Wanted]:
    """The actions of one call of the CLI. Raises `LookupError` for a command not known here."""
    options = dict(re.findall(r"--([a-z-]+) (?!--)(\S+)", line))
    return _COMMANDS[command(line)](options | {"stage": stage, "line": line})


def _on_stack(*names: str) -> Callable[[Mapping[str, str]], list[Wanted]]:
    def wanted(options: Mapping[str, str]) -> list[Wanted]:
        on = ARN.format("cloudformation", f"stack/{options['stack-name']}/1")
        return [(f"cloudformation:{name}", on, {}) for name in names]

    return wanted


def _prepared(options: Mapping[str, str]) -> list[Wanted]:
    role = options.get("role-arn", "")
    on = ARN.format("cloudformation", f"stack/{options['stack-name']}/1")
    through = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    found: list[Wanted] = [
        ("cloudformation:CreateChangeSet", on, {"cloudformation:RoleArn": role} if role else {}),
        ("iam:PassRole", role, through),
    ]
    if "template-url" in options:
        bucket, _, key = options["template-url"].removeprefix("https://").partition("/")
        found.append(("s3:GetObject", f"arn:aws:s3:::{bucket.partition('.')[0]}/{key}", {}))
        found.append(_with_key("kms:Decrypt", "s3", options))
    return found


def _uploaded(options: Mapping[str, str]) -> list[Wanted]:
    address = options["line"].split()[-1].removeprefix("s3://")
    return [
        ("s3:PutObject", f"arn:aws:s3:::{address}", {}),
        _with_key("kms:GenerateDataKey", "s3", options),
        _with_key("kms:Decrypt", "s3", options),
    ]


def _with_key(action: str, service: str, options: Mapping[str, str]) -> Wanted:
    through = f"{service}.{REGION}.amazonaws.com"
    known = {"aws:ResourceTag/stage": options["stage"], "kms:ViaService": through}
    return action, ARN.format("kms", "key/1"), known


def _on_secret(*names: str) -> Callable[[Mapping[str, str]], list[Wanted]]:
    def wanted(options: Mapping[str, str]) -> list[Wanted]:
        found: list[Wanted] = [
            (f"secretsmanager:{name}", options["secret-id"], {}) for name in names
        ]
        for name in names:
            if name != "DescribeSecret":
                found.append(_with_key("kms:Decrypt", "secretsmanager", options))
            if name == "PutSecretValue":
                found.append(_with_key("kms:GenerateDataKey", "secretsmanager", options))
        return found

    return wanted


def _on_services(name: str) -> Callable[[Mapping[str, str]], list[Wanted]]:
    def wanted(options: Mapping[str, str]) -> list[Wanted]:
        service = options.get("service") or options["services"]
        on = ARN.format("ecs", f"service/{options['cluster']}/{service}")
        return [(f"ecs:{name}", on, {})]

    return wanted


def _command_run(options: Mapping[str, str]) -> list[Wanted]:
    """A task is started with its own roles, or with that of a repair."""
    cluster = {"ecs:cluster": ARN.format("ecs", f"cluster/{options['cluster']}")}
    passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    roles = (f"role/farebox-{options['stage']}-{name}-1" for name in ("OperatorRole", "RepairRole"))
    return [
        ("ecs:RunTask", options["task-definition"], cluster),
        *(("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:{role}", passed) for role in roles),
    ]


def _users_counted(options: Mapping[str, str]) -> list[Wanted]:
    return [
        ("dynamodb:GetItem", table(options["stage"]), {"dynamodb:LeadingKeys": "SYSTEM"}),
        _with_key("kms:Decrypt", "dynamodb", options),
    ]


def _everywhere(action: str) -> Callable[[Mapping[str, str]], list[Wanted]]:
    return lambda options: [(action, "*", {})]


_REPOSITORY = ARN.format("ecr", "repository/farebox-{stage}")
# What Docker calls of the registry (Amazon ECR User Guide, IAM permissions for pushing an image).
PUSH: tuple[Wanted, ...] = (
    ("ecr:GetAuthorizationToken", "*", {}),
    *(
        (f"ecr:{name}", _REPOSITORY, {})
        for name in (
            *("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart"),
            *("CompleteLayerUpload", "PutImage", "BatchGetImage", "GetDownloadUrlForLayer"),
        )
    ),
)
_COMMANDS: Mapping[str, Callable[[Mapping[str, str]], list[Wanted]]] = {
    "cloudformation create-change-set": _prepared,
    "cloudformation describe-change-set": _on_stack("DescribeChangeSet"),
    "cloudformation delete-change-set": _on_stack("DeleteChangeSet"),
    "cloudformation execute-change-set": _on_stack("ExecuteChangeSet"),
    "cloudformation wait change-set-create-complete": _on_stack("DescribeChangeSet"),
    **{
        f"cloudformation wait stack-{end}-complete": _on_stack("DescribeStacks")
        for end in ("create", "update", "delete")
    },
    "cloudformation describe-stacks": _on_stack("DescribeStacks"),
    "cloudformation describe-stack-events": _on_stack("DescribeStackEvents"),
    "cloudformation delete-stack": _on_stack("DeleteStack"),
    "cloudformation get-template": _on_stack("GetTemplate"),
    "cloudformation update-termination-protection": _on_stack("UpdateTerminationProtection"),
    "route53 get-hosted-zone": lambda options: [
        ("route53:GetHostedZone", f"arn:aws:route53:::hostedzone/{options['id']}", {})
    ],
    "s3 cp": _uploaded,
    "iam create-service-linked-role": lambda options: [
        (
            "iam:CreateServiceLinkedRole",
            f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            {"iam:AWSServiceName": options["aws-service-name"]},
        )
    ],
    "ecr describe-images": lambda options: [
        ("ecr:DescribeImages", ARN.format("ecr", f"repository/{options['repository-name']}"), {})
    ],
    "ecr get-login-password": _everywhere("ecr:GetAuthorizationToken"),
    "secretsmanager describe-secret": _on_secret("DescribeSecret"),
    "secretsmanager put-secret-value": _on_secret("PutSecretValue"),
    "secretsmanager get-secret-value": _on_secret("GetSecretValue"),
    "dynamodb get-item": _users_counted,
    "ecs describe-services": _on_services("DescribeServices"),
    "ecs update-service": _on_services("UpdateService"),
    "ecs wait services-stable": _on_services("DescribeServices"),
    "ecs run-task": _command_run,
    "ecs describe-tasks": lambda options: [("ecs:DescribeTasks", options["tasks"], {})],
    "application-autoscaling describe-scalable-targets": _everywhere(
        "application-autoscaling:DescribeScalableTargets"
    ),
    "application-autoscaling register-scalable-target": lambda options: [
        (
            "application-autoscaling:RegisterScalableTarget",
            ARN.format("application-autoscaling", "scalable-target/1ab"),
            {"aws:ResourceTag/stage": options["stage"]},
        )
    ],
    "logs filter-log-events": lambda options: [
        (
            "logs:FilterLogEvents",
            ARN.format("logs", f"log-group:{options['log-group-name']}:*"),
            {},
        )
    ],
    "cloudwatch describe-alarms": _everywhere("cloudwatch:DescribeAlarms"),
}
