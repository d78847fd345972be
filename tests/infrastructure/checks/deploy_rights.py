"""What the deploy role of a stage may do: every call that the release scripts make, and nothing
that a release must not do."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.infrastructure.account import deploy_role, every_statement, may
from tests.infrastructure.checkouts import choosing
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.policies import Call, listed
from tests.infrastructure.release_actions import ARN, PUSH, calls, command, secret, stack_role
from tests.infrastructure.render import ACCOUNT, REGION
from tests.infrastructure.scripts import Responses, run
from tests.infrastructure.transcripts import FOLDER

_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/farebox-{{stage}}@sha256:" + "1" * 64


def every_call_of_a_release_script_is_permitted(deployment: Deployment) -> Iterator[str]:
    """As the scripts make them, with the addresses that CloudFormation would return."""
    if not deployment.service.parameters["PreviousImageUri"]:
        return
    account, role = deployment.account, deploy_role(deployment.stage)
    used: set[str] = set()
    recorded = list(_recorded(deployment))
    for words, line in recorded:
        for action, resource, context in calls(line, deployment.stage):
            used.add(action)
            if not may(account, role, Call("", action, resource, context)):
                yield f"release/{words}: the deploy role may not {action} on {resource} {context}"
    used |= {action for action, *_ in PUSH}
    for missed in sorted(_ever_called() - {command(line) for _, line in recorded}):
        yield f"the release calls {missed} in some situation, and no run here does"
    for statement in every_statement(account, role):
        for action in listed(statement["Action"]):
            if statement["Effect"] == "Allow" and action not in used:
                yield f"{statement['Sid']}: no release script calls {action}"


def an_image_is_pushed_with_these_rights(deployment: Deployment) -> Iterator[str]:
    """What Docker calls of the registry (Amazon ECR User Guide, IAM permissions for pushing an
    image)."""
    for action, resource, context in PUSH:
        on = resource.format(stage=deployment.stage)
        call = Call("", action, on, context)
        if not may(deployment.account, deploy_role(deployment.stage), call):
            yield f"the deploy role may not {action}"


def an_administrator_makes_the_account(deployment: Deployment) -> Iterator[str]:
    """With their own rights: no role of a stage, whose tag the roles of the account would get. It
    is protected from deletion, and short enough to be sent inline."""
    if not deployment.production:
        return
    responses: Responses = (("*describe-stacks*StackStatus*", "UPDATE_COMPLETE", 0),)
    for yes, code in (("1", 0), ("", 1)):
        done = run(deployment.root, ["account"], responses, {"YES": yes})
        if done.code != code:
            yield f"release/account ends with {done.code}: {done.said[-200:]}"
        if done.at("execute-change-set") and not yes:
            yield "release/account changes the account without a confirmation"
        made = done.calls[done.first("create-change-set", "--stack-name farebox-account ")]
        for part in ("--capabilities CAPABILITY_NAMED_IAM", "Key=service,Value=farebox"):
            if part not in made:
                yield f"release/account: a change set without {part}"
        if "Key=stage" in made or "--role-arn" in made or "--template-body file://" not in made:
            yield f"release/account: {made}"
        if yes and not done.first("wait stack-update-complete") < done.first(
            "update-termination-protection", "farebox-account ", "--enable-"
        ):
            yield "release/account protects the stack before it is there"


def _recorded(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Every call of the AWS CLI, with the script that makes it: where all is well, at the first
    release and after a failure. `settings`, `keys`, `restart`, `smoke` and `status` are parts of
    these."""
    always = _responses(deployment.stage)
    environment = {
        "STAGE": deployment.stage,
        "YES": "1",
        "SMOKE_TRIES": "1",
        "ROLE_PAUSE_SECONDS": "0",
        "OPERATE_PAUSE_SECONDS": "1",
    }
    first: Responses = (
        (f"*describe-stacks*farebox-{deployment.stage}\\ *Outputs*", "", 0),
        *(("*describe-secret*kling*", "1", 0), ("*describe-secret*", "0", 0)),
        ("*get-item*", "None", 0),
    )
    failed: Responses = (("*wait\\ stack-*", "", 255), *_status("UPDATE_ROLLBACK_COMPLETE"))
    started: Responses = (
        ("*run-task*", ARN.format("ecs", f"task/farebox-{deployment.stage}/1"), 0),
        ("*describe-tasks*lastStatus*", "STOPPED", 0),
        ("*describe-tasks*exitCode*", "0", 0),
    )
    no_image: Responses = (("*describe-images*imageDigest*", "", 0),)
    scaled: Responses = (("*describe-scalable-targets*", "3", 0),)
    change = ["change", f"farebox-{deployment.stage}", "previous", "x.json"]
    runs: tuple[tuple[list[str], Responses], ...] = (
        (["deploy"], ()),
        (["deploy"], first),
        (change, failed),
        (change, _status("ROLLBACK_COMPLETE")),
        (change, _unchanged()),
        (["image"], no_image),
        (["pause"], scaled),
        (["resume"], scaled),
        (["rollback"], ()),
        (["rotate", "add-token-key"], ()),
        (["rotate", "add-access-token-key"], ()),
        (["find", "req_1"], ()),
        (["operate", "audit", "--repair"], started),
    )
    for words, responses in runs:
        for line in run(deployment.root, words, responses + always, environment).calls:
            if line.startswith("aws "):
                yield words[0], line
    yield from _of_a_zone(deployment, always, environment)


def _of_a_zone(
    deployment: Deployment, responses: Responses, environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The calls of a check where the file of the stage names a zone, as none of ours does."""
    address = {"DomainName": "api.example.com", "HostedZoneId": "Z1"}
    with TemporaryDirectory() as folder:
        checkout = choosing(deployment.root, Path(folder), deployment.stage, base=address)
        for line in run(checkout, ["check"], responses, environment).calls:
            if line.startswith("aws "):
                yield "check", line


def _responses(stage: str) -> Responses:
    service = {
        "Url": "https://api.example.com",
        "BalancerName": "balancer.example.com",
        "ClusterName": f"farebox-{stage}",
        "WebServiceName": f"farebox-{stage}-WebService-1",
        "WorkerServiceName": f"farebox-{stage}-WorkerService-1",
        "RelayServiceName": f"farebox-{stage}-RelayService-1",
        "ImageUri": _IMAGE.format(stage=stage),
        "PreviousImageUri": _IMAGE.format(stage=stage),
        "OperatorTask": ARN.format("ecs", f"task-definition/farebox-{stage}-operator:7"),
        "RepairRoleArn": f"arn:aws:iam::{ACCOUNT}:role/farebox-{stage}-RepairRole-1",
        "TaskSubnets": "a,b",
        "TaskPublicAddress": "DISABLED",
        "WorkerSecurityGroup": "sg",
    }
    data = {
        "RepositoryUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/farebox-{stage}",
        "KeysSecretArn": secret(stage, "keys-AbCdEf"),
        "AccessTokenKeysSecretArn": secret(stage, "access-tokens-AbCdEf"),
        "KlingSecretArn": secret(stage, "kling-AbCdEf"),
        "TableName": f"UserCredits-{stage}",
        "TemplatesBucket": f"farebox-{stage}-data-templates-1ab",
        "TemplatesUrl": f"https://farebox-{stage}-data-templates-1ab.s3.amazonaws.com",
    }
    named = (
        ("farebox-account", {f"{stage}StackRole": stack_role(stage)}),
        (f"farebox-{stage}-data", data),
        (f"farebox-{stage}-*", service | data),
        (f"farebox-{stage}", service | data),
    )
    return (
        *(
            (f"*describe-stacks*{name}\\ *Outputs\\[\\]*", _lines(values), 0)
            for name, values in named
        ),
        ("*describe-stacks*StackStatus*", "UPDATE_COMPLETE", 0),
        ("*describe-stacks*ParameterKey*", '["ImageUri","Stage"]', 0),
        ("*describe-stacks*Outputs*", "[]", 0),
        ("curl*openapi.json*", '{"openapi": "3.1.0"}', 0),
        ("curl*/credits*", "401", 0),
        ("curl*/health*", "200", 0),
        ("*describe-services*desiredCount*", "2", 0),
        ("git*rev-parse*", "c" * 40, 0),
        ("*describe-images*imageTags*", "c" * 40, 0),
        ("*describe-images*imageDigest*", "sha256:" + "1" * 64, 0),
        ("*describe-secret*", "1", 0),
        ("*get-secret-value*", '{"callbackTokenKeys": ["a"], "accessTokenKeys": []}', 0),
        ("*filter-log-events*", "1\tjob_01kb7r3v6q8f2x0m4n5p6q7r8s", 0),
    )


def _lines(outputs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}\t{value}" for name, value in outputs.items())


def _status(word: str) -> Responses:
    return (("*describe-stacks*StackStatus*", word, 0),)


def _unchanged() -> Responses:
    reason = "The submitted information didn't contain changes."
    return (
        ("*wait\\ change-set-create-complete*", "", 255),
        ("*describe-change-set*StatusReason*", f"FAILED\t{reason}", 0),
    )


def _ever_called() -> set[str]:
    """The commands of the AWS CLI in every situation of every script (`make transcripts`)."""
    return {
        command(line.strip())
        for file in sorted(FOLDER.glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("  aws ")
    }
