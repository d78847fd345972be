"""Names, tags, descriptions and outputs: what people and the release scripts read."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing

VERSION = "2012-10-17"
_DESCRIBED = ("Description", "GroupDescription", "AlarmDescription", "DisplayName")
MAX_DESCRIPTION = 255


def everything_that_costs_money_is_tagged(deployment: Deployment) -> Iterator[str]:
    """Bills are read by service and stage. Resources of the other stacks have the tags of
    their stack (release/change)."""
    for name, resource in deployment.data.resources.items():
        tags = resource.get("Properties", {}).get("Tags")
        if tags is not None:
            found = [(tag["Key"], tag["Value"]) for tag in tags]
            if found != [("service", "farebox"), ("stage", deployment.stage)]:
                yield f"{name} is tagged {found}"
    tagged = ("DynamoDB::Table", "KMS::Key", "SecretsManager::Secret", "S3::Bucket")
    for kind in (*tagged, "ECR::Repository"):
        for name, body in deployment.data.of(kind).items():
            if "Tags" not in body:
                yield f"{name} has no tags"


def only_the_network_has_a_name_as_a_tag(deployment: Deployment) -> Iterator[str]:
    for name, resource in deployment.service.resources.items():
        for tag in resource.get("Properties", {}).get("Tags", []):
            if name != "Vpc":
                yield f"{name} has the tag {tag['Key']}: the stack tags its resources"
                continue
            yield from differing(name, tag, {"Key": "Name", "Value": f"farebox-{deployment.stage}"})


def every_description_says_something(deployment: Deployment) -> Iterator[str]:
    for name, resource in deployment.resources():
        for place, text in _described(resource.get("Properties", {}), name):
            if not (text == text.strip() and 4 <= len(text) <= MAX_DESCRIPTION * 4):
                yield f"{place} says {text!r}"
            if "<" in text and resource["Type"] == "AWS::EC2::SecurityGroup":
                yield f"{place} has a character that EC2 refuses"


def a_security_group_describes_itself(deployment: Deployment) -> Iterator[str]:
    """EC2 accepts 255 characters of a few kinds; a change of the description replaces the group."""
    allowed = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{4,255}")
    for name, group in deployment.service.of("EC2::SecurityGroup").items():
        texts = [str(group["GroupDescription"])]
        texts += [str(rule["Description"]) for rule in group.get("SecurityGroupIngress", [])]
        texts += [str(rule["Description"]) for rule in group.get("SecurityGroupEgress", [])]
        yield from (f"{name}: {text!r}" for text in texts if not allowed.fullmatch(text))
    for name, rule in deployment.service.of("EC2::SecurityGroupEgress").items():
        if not allowed.fullmatch(str(rule["Description"])):
            yield f"{name}: {rule['Description']!r}"


def every_policy_is_written_in_the_language_of_2012(deployment: Deployment) -> Iterator[str]:
    """Without the version IAM reads a policy as of 2008, without variables; a Sid is a name, and
    one policy names none twice."""
    for name, resource in deployment.resources():
        for document in _documents(resource.get("Properties", {})):
            if document["Version"] != VERSION:
                yield f"{name} has a policy of {document['Version']}"
            sids = [one["Sid"] for one in document["Statement"] if "Sid" in one]
            wrong = [sid for sid in sids if not re.fullmatch("[A-Z][A-Za-z0-9]*", str(sid))]
            if wrong or len(set(sids)) != len(sids):
                yield f"{name} names statements {sids}"


def the_dashboard_and_the_parts_are_named_by_stage(deployment: Deployment) -> Iterator[str]:
    stage = f"farebox-{deployment.stage}"
    for name, body in deployment.service.of("CloudWatch::Dashboard").items():
        yield from differing(name, body, {"DashboardName": stage})
    for name, body in deployment.data.of("Backup::BackupVault").items():
        yield from differing(name, body, {"BackupVaultName": stage})


def outputs_are_what_their_names_say(deployment: Deployment) -> Iterator[str]:
    """What release/ and the service stack read."""
    data: Mapping[str, Any] = {
        "TableName": "<Table>",
        "TableArn": "<Table.Arn>",
        "KeyArn": "<Key.Arn>",
        "DataKeyArn": "<DataKey.Arn>",
        "SealedTableName": "<Table>",
        "KeysSecretArn": "<KeysSecret>",
        "KlingSecretArn": "<KlingSecret>",
        "OperatorKeysSecretArn": "<OperatorKeysSecret>",
        "AccessTokenKeysSecretArn": "<AccessTokenKeysSecret>",
        "RepositoryArn": "<Repository.Arn>",
        "RepositoryUri": "<Repository.RepositoryUri>",
        "AccessLogsBucket": "<AccessLogs>",
        "RecordsBucket": "<Records>",
        "UploadsBucket": "<Uploads>",
        **{name: deployment.data.parameters[name] for name in ("UploadDays", "VideoCopyDays")},
        "TemplatesBucket": "<Templates>",
        "TemplatesUrl": "https://<Templates>.s3.us-east-1.amazonaws.com",
    }
    parameters = deployment.service.parameters
    service: Mapping[str, Any] = {
        "ImageUri": parameters["ImageUri"],
        "PreviousImageUri": parameters["PreviousImageUri"] or None,
        "ClusterName": "<Cluster>",
        "WebServiceName": "<WebService.Name>",
        "WorkerServiceName": "<WorkerService.Name>",
        "RelayServiceName": "<RelayService.Name>" if deployment.relay else None,
        "OperatorTask": "<OperatorTask>",
        "RepairRoleArn": "<RepairRole.Arn>",
    }
    yield from differing("the data stack's outputs", deployment.data.outputs, data)
    yield from differing("the service stack's outputs", deployment.service.outputs, service)


def _described(body: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(body, dict):
        for key in _DESCRIBED:
            if key in body:
                yield f"{place}.{key}", str(body[key])
        for key, part in body.items():
            yield from _described(part, f"{place}.{key}")
    elif isinstance(body, list):
        for number, part in enumerate(body):
            if isinstance(part, dict | list):
                yield from _described(part, f"{place}.{number}")


def _documents(body: Any) -> Iterator[Mapping[str, Any]]:
    """Every policy in the properties of a resource, at any depth."""
    if isinstance(body, dict):
        if isinstance(body.get("Statement"), list) and "Version" in body:
            yield body
        for part in body.values():
            yield from _documents(part)
    elif isinstance(body, list):
        for part in body:
            if isinstance(part, dict | list):
                yield from _documents(part)
