"""What this checkout would deploy: all stacks rendered for each stage, and the files that must
agree with them."""

import json
import os
import re
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

from devstack.template import parse_template
from release.parameters import chosen
from service.core.settings import STAGES
from tests.infrastructure.account import account
from tests.infrastructure.emissions import emitted
from tests.infrastructure.render import ACCOUNT, REGION, RenderError, Stack
from tests.infrastructure.texts import rendered, text_of

ROOT = Path(__file__).parents[2]
# In the order in which they are deployed.
TEMPLATES = ("data", "base", "service")
DIGEST = "sha256:" + "0" * 64
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/farebox@{DIGEST}"
# Parameters that an operator sets in the files of staging and production.
_CERTIFICATE = "certificate/11111111-2222-3333-4444-555555555555"
FILLED = {
    "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:{_CERTIFICATE}",
    "DomainName": "api.example.com",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "GoogleClientIds": "farebox.apps.example",
    "CorsAllowedOrigins": "https://app.example.com",
    "UploadOrigins": "https://app.example.com",
    "MailFrom": "Example <no-reply@example.com>",
    "MailIdentity": "example.com",
    "AppUrl": "https://app.example.com",
    "AlertEmail": "alerts@example.com",
    "PagerUrl": "https://pager.example.com/farebox",
}

_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:farebox/production"
# Every choice that adds something, taken at once.
EVERYTHING = {
    "CertificateArn": "",
    "InterfaceEndpoints": "true",
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/bounds",
    "RestoredTable": "UserCredits-production-20261121",
    "FormerDataKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/former",
    "CognitoHookSecretArn": f"{_SECRET}/hook-AbCdEf",
    "StripeSecretArn": f"{_SECRET}/stripe-AbCdEf",
    "OpenAiSecretArn": f"{_SECRET}/openai-AbCdEf",
    "AssemblyAiSecretArn": f"{_SECRET}/assemblyai-AbCdEf",
    "BedrockApiKeySecretArn": f"{_SECRET}/bedrock-AbCdEf",
    "BedrockRegion": "us-west-2",
    "BedrockGuardrailId": "guard1",
    "BedrockGuardrailVersion": "3",
    "CognitoUserPoolId": f"{REGION}_AbCdEf123",
    "CognitoClientIds": "1example23456789",
    "UploadMalwareScan": "true",
    "CpuArchitecture": "ARM64",
    "PreviousImageUri": IMAGE,
}


@dataclass(frozen=True)
class Container:
    """A container of a task definition."""

    task_name: str
    task: Mapping[str, Any]
    definition: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.definition["Name"])

    @cached_property
    def environment(self) -> dict[str, str]:
        return {pair["Name"]: str(pair["Value"]) for pair in self.definition.get("Environment", [])}

    @property
    def ports(self) -> list[int]:
        return [
            int(mapping["ContainerPort"]) for mapping in self.definition.get("PortMappings", [])
        ]

    @property
    def command(self) -> str:
        return " ".join(str(word) for word in self.definition.get("Command", []))


@dataclass(frozen=True)
class Deployment:
    """One stage of the checkout at `root`.

    `service` is the base and the service stack as one: where the service stack has an output of the
    base stack as its parameter, it refers to the resource itself. `release` is the service stack
    alone, which each release changes.
    """

    root: Path
    stage: str
    data: Stack
    base: Stack
    release: Stack
    service: Stack
    account: Stack

    @property
    def production(self) -> bool:
        return self.stage == "production"

    @property
    def guarded(self) -> bool:
        """Whether it has a firewall, alarms and scaling: dev has none, to be cheap."""
        return self.stage != "dev"

    @property
    def stacks(self) -> tuple[Stack, Stack, Stack]:
        """In the order in which they are deployed."""
        return self.data, self.base, self.release

    def resources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every resource of all stacks with its name."""
        for stack in (self.data, self.service):
            yield from stack.resources.items()

    def of(self, kind: str) -> dict[str, Mapping[str, Any]]:
        return self.data.of(kind) | self.service.of(kind)

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        tasks = self.service.of("ECS::TaskDefinition").items()
        return tuple(
            Container(name, task, body)
            for name, task in tasks
            for body in task["ContainerDefinitions"]
        )

    @cached_property
    def web(self) -> Container:
        """The container of the web processes."""
        (found,) = [container for container in self.containers if container.name == "web"]
        return found

    @cached_property
    def relay(self) -> Container | None:
        """The container of the relays, where there are any."""
        return next((each for each in self.containers if each.name == "relay"), None)

    @property
    def certificate(self) -> str:
        """What the HTTPS listener presents: the certificate that is given, or the one that is made
        in the zone. Empty where there is neither: plain HTTP."""
        given = str(self.service.parameters["CertificateArn"])
        return given or ("<Certificate>" if self.service.parameters["HostedZoneId"] else "")

    @property
    def targets(self) -> Mapping[str, Any]:
        """The target group of the web tasks."""
        return self.service.of("ElasticLoadBalancingV2::TargetGroup")["TargetGroup"]

    @cached_property
    def server(self) -> dict[str, Any]:
        """gunicorn's configuration, evaluated in the environment of the web container."""
        with patch.dict(os.environ, self.web.environment):
            return runpy.run_path(str(self.root / "docker" / "gunicorn.conf.py"))

    @cached_property
    def server_settings(self) -> set[str]:
        """The environment variables that gunicorn's configuration reads by itself."""
        text = (self.root / "docker" / "gunicorn.conf.py").read_text(encoding="utf-8")
        return set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', text))

    @cached_property
    def emitted(self) -> dict[str, set[frozenset[str]]]:
        """The metrics that the code emits, with their sets of labels."""
        return emitted(ROOT)

    @cached_property
    def dockerfile(self) -> str:
        return (self.root / "docker" / "Dockerfile").read_text(encoding="utf-8")


def stage_parameters(root: Path, stage: str) -> dict[str, dict[str, str]]:
    """The parameter file of a stage: the parameters of each stack."""
    file = json.loads(
        (root / "cloudformation" / "parameters" / f"{stage}.json").read_text(encoding="utf-8")
    )
    return {
        stack: {name: str(value) for name, value in given.items()} for stack, given in file.items()
    }


def filled(stage: str, given: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a stage, with the empty ones of its file set. dev needs none of them, and
    staging has its certificate made."""
    left_empty = {"dev": set(FILLED), "staging": {"CertificateArn"}, "production": set()}[stage]
    return {
        name: value or ("" if name in left_empty else FILLED.get(name, ""))
        for name, value in given.items()
    }


def physical(data: Stack) -> dict[str, str]:
    """The outputs of the data stack as CloudFormation would return them, by name."""
    stage, table = data.parameters["Stage"], data.one("DynamoDB::Table")["TableName"]
    key = "11111111-2222-3333-4444-555555555555"
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:farebox/{stage}"
    return {
        "TableName": table,
        "TableArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}",
        "KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}",
        "DataKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/66666666-2222-3333-4444-555555555555",
        "SealedTableName": table,
        "KeysSecretArn": f"{secret}/keys-AbCdEf",
        "KlingSecretArn": f"{secret}/kling-AbCdEf",
        "OperatorKeysSecretArn": f"{secret}/operators-AbCdEf",
        "AccessTokenKeysSecretArn": f"{secret}/access-tokens-AbCdEf",
        "RepositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/farebox-{stage}",
        "AccessLogsBucket": f"farebox-{stage}-data-accesslogs-1ab",
        "RecordsBucket": f"farebox-{stage}-data-records-1ab",
        "UploadsBucket": f"farebox-{stage}-data-uploads-1ab",
        "UploadDays": str(data.parameters["UploadDays"]),
        "VideoCopyDays": str(data.parameters["VideoCopyDays"]),
    }


def deployment(stage: str, root: Path = ROOT, **changes: str) -> Deployment:
    """A stage as it is deployed, with `changes` to the parameters of every stack that has them.

    Raises `RenderError` when CloudFormation would refuse one of the stacks.
    """
    data = _rendered(root, stage, "data", {}, changes)
    outputs = physical(data)
    base = _rendered(root, stage, "base", outputs, changes)
    outputs |= {name: str(value) for name, value in base.outputs.items()}
    release = _rendered(root, stage, "service", outputs | {"ImageUri": IMAGE}, changes)
    unknown = set(changes) - set(data.parameters) - set(base.parameters) - set(release.parameters)
    if unknown:
        raise RenderError(f"no template has the parameters {sorted(unknown)}")
    domain = {f"{stage.capitalize()}Domain": str(base.parameters["DomainName"])}
    ours = account(root, **domain)
    return Deployment(root, stage, data, base, release, release.after(base), ours)


def _rendered(
    root: Path, stage: str, name: str, offered: Mapping[str, str], changes: Mapping[str, str]
) -> Stack:
    """One stack of a stage, with those of the values offered and changed that it has parameters
    for."""
    path = root / "cloudformation" / f"{name}.yaml"
    known = template(path)["Parameters"]
    given = {
        "Stage": stage,
        **{key: value for key, value in offered.items() if key in known},
        **filled(stage, chosen(stage_parameters(root, stage), name, set(known))),
        **{key: value for key, value in changes.items() if key in known},
    }
    return rendered(text_of(path), tuple(sorted(given.items())), stack_name(stage, name))


def broken_rules(
    root: Path, stage: str, changes: Mapping[str, str], given: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The rules that all stacks of a stage break when it is changed so."""
    changed = deployment(stage, root, **{**(given or {}), **changes})
    return tuple(rule for stack in changed.stacks for rule in stack.broken_rules)


def accepted(root: Path, stage: str, changes: Mapping[str, str]) -> bool:
    """Whether CloudFormation would make such a stage."""
    try:
        return not broken_rules(root, stage, changes)
    except RenderError:
        return False


def stack_name(stage: str, template_name: str) -> str:
    """The stack of a template: `farebox-dev` of `service`, `farebox-dev-base` of `base`."""
    return f"farebox-{stage}" + ("" if template_name == "service" else f"-{template_name}")


def deployments(root: Path = ROOT) -> tuple[Deployment, ...]:
    return tuple(deployment(stage, root) for stage in STAGES)


def templates(root: Path = ROOT) -> list[Path]:
    """Where every template is, whole or in parts: also those outside a stage's own stacks."""
    folder = root / "cloudformation"
    names = {path.stem for path in folder.glob("*.yaml")}
    names |= {path.parent.name for path in folder.glob("*/*.yaml")}
    return [folder / f"{name}.yaml" for name in sorted(names)]


def template(path: Path) -> dict[str, Any]:
    """The template of that path, joined where it is in parts; parsed once for each text.

    Raises `yaml.YAMLError`, and `RenderError` for parts that do not fit each other.
    """
    try:
        made: dict[str, Any] = parse_template(text_of(path))
    except ValueError as error:
        raise RenderError(str(error)) from error
    return made
