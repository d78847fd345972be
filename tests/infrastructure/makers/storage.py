"""What holds data: table, keys, secrets, logs, images, buckets and backups."""

import json
from typing import Any

from tests.infrastructure.moto_extension import Made, Maker, call, check
from tests.infrastructure.render import ACCOUNT, REGION
from tests.infrastructure.shapes import renamed, without


def _table(name: str, properties: dict[str, Any]) -> Made:
    apart = ("PointInTimeRecoverySpecification", "TimeToLiveSpecification")
    encryption = {"SSESpecification": renamed(properties["SSESpecification"], SSEEnabled="Enabled")}
    table = call("dynamodb", "CreateTable", **without(properties, *apart) | encryption)[
        "TableDescription"
    ]
    place = {"TableName": table["TableName"]}
    call(
        "dynamodb",
        "UpdateContinuousBackups",
        **place,
        PointInTimeRecoverySpecification=properties[apart[0]],
    )
    call("dynamodb", "UpdateTimeToLive", **place, TimeToLiveSpecification=properties[apart[1]])
    return Made(table["TableName"], {"Arn": table["TableArn"]})


def _key(name: str, properties: dict[str, Any]) -> Made:
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]
    policy = json.dumps(properties["KeyPolicy"])
    made = call(
        "kms", "CreateKey", Description=properties["Description"], Policy=policy, Tags=tags
    )["KeyMetadata"]
    if properties.get("EnableKeyRotation"):
        call("kms", "EnableKeyRotation", KeyId=made["KeyId"])
    return Made(made["KeyId"], {"Arn": made["Arn"]})


def _alias(name: str, properties: dict[str, Any]) -> Made:
    call("kms", "CreateAlias", **properties)
    return Made(properties["AliasName"])


def _secret(name: str, properties: dict[str, Any]) -> Made:
    del name
    given = without(properties, "GenerateSecretString")
    if "GenerateSecretString" in properties:
        made = call("secretsmanager", "GetRandomPassword", **properties["GenerateSecretString"])
        given["SecretString"] = made["RandomPassword"]
    return Made(call("secretsmanager", "CreateSecret", **given)["ARN"])


def _log_group(name: str, properties: dict[str, Any]) -> Made:
    group = properties.get("LogGroupName", name)
    call("logs", "CreateLogGroup", **without(properties, "RetentionInDays"))
    call(
        "logs",
        "PutRetentionPolicy",
        logGroupName=group,
        retentionInDays=properties["RetentionInDays"],
    )
    return Made(group, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"})


def _repository(name: str, properties: dict[str, Any]) -> Made:
    made = call("ecr", "CreateRepository", **without(properties, "LifecyclePolicy"))["repository"]
    policy = properties["LifecyclePolicy"]["LifecyclePolicyText"]
    call(
        "ecr",
        "PutLifecyclePolicy",
        repositoryName=made["repositoryName"],
        lifecyclePolicyText=policy,
    )
    return Made(
        made["repositoryName"],
        {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]},
    )


def _bucket(name: str, properties: dict[str, Any]) -> Made:
    place = {"Bucket": properties.get("BucketName", name.lower())}
    call("s3", "CreateBucket", **place)
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": renamed(
                rule["ServerSideEncryptionByDefault"], KMSMasterKeyID="KMSMasterKeyID"
            )
        }
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    call("s3", "PutBucketEncryption", **place, ServerSideEncryptionConfiguration={"Rules": rules})
    block = properties["PublicAccessBlockConfiguration"]
    call("s3", "PutPublicAccessBlock", **place, PublicAccessBlockConfiguration=block)
    call(
        "s3",
        "PutBucketOwnershipControls",
        **place,
        OwnershipControls=properties["OwnershipControls"],
    )
    lifecycle = [
        _lifecycle(rule) for rule in properties.get("LifecycleConfiguration", {}).get("Rules", [])
    ]
    if lifecycle:
        call(
            "s3",
            "PutBucketLifecycleConfiguration",
            **place,
            LifecycleConfiguration={"Rules": lifecycle},
        )
    if "VersioningConfiguration" in properties:
        call(
            "s3",
            "PutBucketVersioning",
            **place,
            VersioningConfiguration=properties["VersioningConfiguration"],
        )
    if "CorsConfiguration" in properties:
        cors = [renamed(each, MaxAge="MaxAgeSeconds") for each in _cors(properties)]
        call("s3", "PutBucketCors", **place, CORSConfiguration={"CORSRules": cors})
    if "LoggingConfiguration" in properties:
        # moto supports only ACLs as permission for this call, so the call is only checked.
        logging = renamed(
            properties["LoggingConfiguration"],
            DestinationBucketName="TargetBucket",
            LogFilePrefix="TargetPrefix",
        )
        check("s3", "PutBucketLogging", **place, BucketLoggingStatus={"LoggingEnabled": logging})
    return Made(place["Bucket"], {"Arn": f"arn:aws:s3:::{place['Bucket']}"})


def _cors(properties: dict[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = properties["CorsConfiguration"]["CorsRules"]
    return rules


def _lifecycle(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule of the API, which nests what CloudFormation has as one property."""
    made = without(
        rule,
        *("ExpirationInDays", "NoncurrentVersionExpiration", "Prefix"),
        "ExpiredObjectDeleteMarker",
    )
    made["Filter"] = {"Prefix": rule.get("Prefix", "")}
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    if "NoncurrentVersionExpiration" in rule:
        made["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    return made


def _bucket_policy(name: str, properties: dict[str, Any]) -> Made:
    """Leaves out conditional denials: moto ignores conditions and would deny everything."""
    document = properties["PolicyDocument"]
    kept = [
        part
        for part in document["Statement"]
        if not (part["Effect"] == "Deny" and "Condition" in part)
    ]
    policy = json.dumps({**document, "Statement": kept})
    if kept:
        call("s3", "PutBucketPolicy", Bucket=properties["Bucket"], Policy=policy)
    return Made(name)


def _vault(name: str, properties: dict[str, Any]) -> Made:
    vault = properties["BackupVaultName"]
    call("backup", "CreateBackupVault", **without(properties, "LockConfiguration"))
    call(
        "backup",
        "PutBackupVaultLockConfiguration",
        BackupVaultName=vault,
        **properties.get("LockConfiguration", {}),
    )
    return Made(vault)


def _plan(name: str, properties: dict[str, Any]) -> Made:
    plan = properties["BackupPlan"]
    rules = [
        renamed(rule, TargetBackupVault="TargetBackupVaultName") for rule in plan["BackupPlanRule"]
    ]
    body = {**without(plan, "BackupPlanRule"), "Rules": rules}
    return Made(call("backup", "CreateBackupPlan", BackupPlan=body)["BackupPlanId"])


def _selection(name: str, properties: dict[str, Any]) -> Made:
    check("backup", "CreateBackupSelection", **properties)
    return Made(f"{properties['BackupPlanId']}|{properties['BackupSelection']['SelectionName']}")


MAKERS: dict[str, Maker] = {
    "AWS::Backup::BackupPlan": _plan,
    "AWS::Backup::BackupSelection": _selection,
    "AWS::Backup::BackupVault": _vault,
    "AWS::DynamoDB::Table": _table,
    "AWS::ECR::Repository": _repository,
    "AWS::KMS::Alias": _alias,
    "AWS::KMS::Key": _key,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SecretsManager::Secret": _secret,
}
