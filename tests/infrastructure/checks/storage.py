"""Everything that holds data: it must outlive every deployment."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.storage.keys import GSI1, GSI2
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import ACCOUNT, REGION

# Types of resources that hold data, which must stay when the stack is deleted.
HOLDS_DATA = {
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupVault",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
}


def everything_that_holds_data_is_retained(deployment: Deployment) -> Iterator[str]:
    for name, resource in deployment.resources():
        if resource["Type"] in HOLDS_DATA:
            found = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
            if found != ("Retain", "Retain"):
                yield (
                    f"{name} has the policies {found}: set DeletionPolicy and UpdateReplacePolicy "
                    f"to Retain"
                )


def nothing_that_holds_data_is_in_a_stack_that_can_be_rebuilt(
    deployment: Deployment,
) -> Iterator[str]:
    for name, resource in deployment.service.resources.items():
        if resource["Type"] in HOLDS_DATA:
            yield f"{name} could be rolled back or removed: move it to the data stack"


def the_table_is_named_for_its_stage(deployment: Deployment) -> Iterator[str]:
    name = str(deployment.data.one("DynamoDB::Table").get("TableName"))
    if not name.endswith(f"-{deployment.stage}"):
        yield f"the table is named {name}: the name must end with the stage"


def the_table_has_the_keys_and_indexes_of_the_code(deployment: Deployment) -> Iterator[str]:
    table = deployment.data.one("DynamoDB::Table")
    schemas = {"": table["KeySchema"]} | {
        index["IndexName"]: index["KeySchema"] for index in table["GlobalSecondaryIndexes"]
    }
    found = {
        name: [(key["AttributeName"], key["KeyType"]) for key in schema]
        for name, schema in schemas.items()
    }
    wanted = {
        prefix: [(f"{prefix}PK", "HASH"), (f"{prefix}SK", "RANGE")] for prefix in ("", GSI1, GSI2)
    }
    if found != wanted:
        yield f"the table has the keys {found}: the code needs {wanted}"
    for index in table["GlobalSecondaryIndexes"]:
        if index["Projection"] != {"ProjectionType": "KEYS_ONLY"}:
            yield f"{index['IndexName']} projects {index['Projection']}: it must be KEYS_ONLY"


def the_table_can_be_restored(deployment: Deployment) -> Iterator[str]:
    table = deployment.data.one("DynamoDB::Table")
    recovery = table.get("PointInTimeRecoverySpecification", {})
    if (
        recovery.get("PointInTimeRecoveryEnabled") is not True
        or int(recovery.get("RecoveryPeriodInDays", 35)) < 35
    ):
        yield f"point-in-time recovery is {recovery}: enable it for 35 days"
    if deployment.production and table.get("DeletionProtectionEnabled") is not True:
        yield "the production table can be deleted: enable DeletionProtectionEnabled"


def the_table_has_on_demand_capacity_and_expires_disposable_items(
    deployment: Deployment,
) -> Iterator[str]:
    table = deployment.data.one("DynamoDB::Table")
    if table.get("BillingMode") != "PAY_PER_REQUEST":
        yield f"the billing mode is {table.get('BillingMode')}: it must be PAY_PER_REQUEST"
    if table.get("TimeToLiveSpecification") != {"AttributeName": "expiresAt", "Enabled": True}:
        yield f"the TTL is {table.get('TimeToLiveSpecification')}: it must be expiresAt"


def everything_at_rest_is_encrypted_with_our_key(deployment: Deployment) -> Iterator[str]:
    keys_known = {"<Key.Arn>"}
    used = {
        "Table": deployment.data.one("DynamoDB::Table")
        .get("SSESpecification", {})
        .get("KMSMasterKeyId"),
        **{
            name: secret.get("KmsKeyId")
            for name, secret in deployment.data.of("SecretsManager::Secret").items()
        },
        **{
            name: group.get("KmsKeyId")
            for name, group in deployment.data.of("Logs::LogGroup").items()
        },
    }
    yield from (
        f"{name} is encrypted with {key}: use our key"
        for name, key in used.items()
        if key not in keys_known
    )


def our_key_is_rotated_and_deleted_only_after_a_delay(deployment: Deployment) -> Iterator[str]:
    for name, key in deployment.data.of("KMS::Key").items():
        if key.get("EnableKeyRotation") is not True or int(key.get("PendingWindowInDays", 30)) < 30:
            yield f"{name}: enable rotation and wait 30 days before a deletion"


def no_template_writes_the_value_of_a_secret(deployment: Deployment) -> Iterator[str]:
    """A new pepper or MAC key would invalidate every claim and the whole history, so an operator
    sets the value, once."""
    for name, secret in deployment.of("SecretsManager::Secret").items():
        yield from (
            f"{name} has {part}: an operator sets the value"
            for part in ("SecretString", "GenerateSecretString")
            if part in secret
        )
    for name in deployment.of("SecretsManager::RotationSchedule"):
        yield f"{name} would replace a secret: remove it"


def every_secret_is_named_for_its_stage(deployment: Deployment) -> Iterator[str]:
    for name, secret in deployment.data.of("SecretsManager::Secret").items():
        if f"/{deployment.stage}/" not in str(secret.get("Name", "")):
            yield f"{name} is named {secret.get('Name')}: the name must contain the stage"


def every_log_has_a_limited_retention(deployment: Deployment) -> Iterator[str]:
    for name, group in deployment.of("Logs::LogGroup").items():
        days = int(group.get("RetentionInDays", 0))
        if not 7 <= days <= 731 or (deployment.production and days < 90):
            yield f"{name} keeps its log for {days} days: 7 to 731, in production 90 or more"


def no_bucket_is_public(deployment: Deployment) -> Iterator[str]:
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    for name, bucket in deployment.of("S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if not all(blocked.get(block) is True for block in blocks):
            yield f"{name} blocks only {blocked}: set all four"
        if not bucket.get("BucketEncryption"):
            yield f"{name} is not encrypted: set BucketEncryption"


def every_bucket_requires_tls(deployment: Deployment) -> Iterator[str]:
    policies = {
        policy["Bucket"]: policy["PolicyDocument"]["Statement"]
        for policy in deployment.of("S3::BucketPolicy").values()
    }
    for name in deployment.of("S3::Bucket"):
        denied = [
            statement
            for statement in policies.get(f"<{name}>", [])
            if statement["Effect"] == "Deny"
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        if not denied:
            yield f"{name} accepts requests without TLS: deny them in its policy"


def the_audits_records_are_kept_as_evidence(deployment: Deployment) -> Iterator[str]:
    """Encrypted with our key, for more than a year, with earlier versions and an access log."""
    bucket = deployment.data.of("S3::Bucket")[
        str(deployment.data.outputs["RecordsBucket"]).strip("<>")
    ]
    rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    days = {int(rule["ExpirationInDays"]) for rule in rules if rule["Status"] == "Enabled"}
    if not days or not 366 <= min(days) <= 800:
        yield f"the records are kept for {sorted(days)} days: keep them 366 to 800 days"
    if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "earlier versions of a record are lost: enable versioning"
    encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
        "ServerSideEncryptionByDefault"
    ]
    if encryption.get("KMSMasterKeyID") not in {"<Key.Arn>"}:
        yield f"the records are encrypted by {encryption}: use our key"
    if not bucket.get("LoggingConfiguration", {}).get("DestinationBucketName"):
        yield "access to the records is not logged: set LoggingConfiguration"


def _is_tidy(rule: Mapping[str, Any]) -> bool:
    """Whether what was replaced, or never finished, is gone after a day."""
    replaced = int(rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 99))
    unfinished = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", 99)
    return replaced == 1 and int(unfinished) == 1


def the_files_of_users_are_versioned_and_expire(deployment: Deployment) -> Iterator[str]:
    """The version that was checked is the one that is used; none is kept longer than promised."""
    name = str(deployment.data.outputs["UploadsBucket"]).strip("<>")
    bucket = deployment.data.of("S3::Bucket")[name]
    if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield f"{name} is not versioned: a file could be replaced after it was checked"
    for parameter, prefix, usual in (
        ("UploadDays", "uploads/", ""),
        ("VideoCopyDays", "videos/", "365"),
    ):
        days = str(deployment.data.parameters[parameter])
        kept = usual if days == "0" else days
        if not any(
            rule["Status"] == "Enabled"
            and rule.get("Prefix") == prefix
            and str(rule.get("ExpirationInDays")) == kept
            and _is_tidy(rule)
            for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        ):
            yield f"{name} keeps {prefix} longer than {kept} days, or what was replaced for longer"
        if str(deployment.service.parameters[parameter]) != days:
            yield f"the service promises another time than the bucket keeps: hand {parameter} over"
    encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
        "ServerSideEncryptionByDefault"
    ]
    if encryption.get("KMSMasterKeyID") not in {"<Key.Arn>"}:
        yield f"the files of users are encrypted by {encryption}: use our key"


def pages_of_named_origins_alone_send_files(deployment: Deployment) -> Iterator[str]:
    origins = deployment.data.parameters["UploadOrigins"]
    listed = origins if isinstance(origins, list) else str(origins).split(",")
    named = [origin for origin in listed if origin]
    for name, bucket in deployment.of("S3::Bucket").items():
        rules = bucket.get("CorsConfiguration", {}).get("CorsRules", [])
        if name != "Uploads" and rules:
            yield f"{name} is open to pages: only uploads are"
        for rule in rules:
            if (
                rule["AllowedOrigins"] != named
                or "*" in named
                or rule["AllowedMethods"] != ["POST"]
            ):
                yield f"{name} lets pages of {rule['AllowedOrigins']} {rule['AllowedMethods']}"


def every_access_log_may_be_written_where_it_goes(deployment: Deployment) -> Iterator[str]:
    """S3 silently drops log files that it may not write."""
    permitted = {
        str(resource)
        for policy in deployment.data.of("S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Principal") == {"Service": "logging.s3.amazonaws.com"}
        and statement["Effect"] == "Allow"
        for resource in [statement["Resource"]]
    }
    for name, bucket in deployment.data.of("S3::Bucket").items():
        configuration = bucket.get("LoggingConfiguration")
        if (
            configuration
            and f"{configuration['DestinationBucketName'].strip('>')}.Arn>/"
            f"{configuration['LogFilePrefix']}*"
            not in permitted
        ):
            yield f"{name} may not write its access log to {configuration}: allow it there"


def images_cannot_be_replaced(deployment: Deployment) -> Iterator[str]:
    for name, repository in deployment.data.of("ECR::Repository").items():
        if repository.get("ImageTagMutability") != "IMMUTABLE":
            yield f"{name} allows a tag to be replaced: set ImageTagMutability to IMMUTABLE"


def the_table_is_backed_up_outside_itself(deployment: Deployment) -> Iterator[str]:
    if deployment.stage == "dev":
        return
    (table,) = deployment.data.of("DynamoDB::Table")
    selected = [
        resource
        for selection in deployment.data.of("Backup::BackupSelection").values()
        for resource in selection["BackupSelection"]["Resources"]
    ]
    restored = deployment.data.parameters["RestoredTable"]
    extra = [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{restored}"] if restored else []
    if selected != [f"<{table}.Arn>", *extra]:
        yield f"the backup selects {selected}: it must select the table"
    for plan in deployment.data.of("Backup::BackupPlan").values():
        for rule in plan["BackupPlan"]["BackupPlanRule"]:
            if int(rule["Lifecycle"]["DeleteAfterDays"]) < 35:
                yield f"{rule['RuleName']} keeps backups less than 35 days: raise DeleteAfterDays"


def the_balancer_may_write_its_access_logs(deployment: Deployment) -> Iterator[str]:
    writers = [
        statement
        for policy in deployment.data.of("S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    balancers = "logdelivery.elasticloadbalancing.amazonaws.com"
    if not any(statement["Principal"] == {"Service": balancers} for statement in writers):
        yield f"{balancers} may not write to the bucket: allow it in the policy"
