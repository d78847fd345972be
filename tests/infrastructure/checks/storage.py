"""What must outlive every deployment."""

from collections.abc import Iterator

from service.storage.keys import GSI1, GSI2
from tests.infrastructure.deployments import Deployment

# Resources that hold something; whoever deletes the stack must not delete this.
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
                yield f"{name}: {found}"


def nothing_that_holds_data_lies_in_the_service_stack(deployment: Deployment) -> Iterator[str]:
    for name, resource in deployment.service.resources.items():
        if resource["Type"] in HOLDS_DATA:
            yield f"{name} would be rolled back with the service"


def the_table_is_named_for_its_stage(deployment: Deployment) -> Iterator[str]:
    name = str(deployment.data.one("DynamoDB::Table").get("TableName"))
    if not name.endswith(f"-{deployment.stage}"):
        yield name


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
        yield f"{found}"
    for index in table["GlobalSecondaryIndexes"]:
        if index["Projection"] != {"ProjectionType": "KEYS_ONLY"}:
            yield f"{index['IndexName']} projects {index['Projection']}"


def the_table_can_be_brought_back(deployment: Deployment) -> Iterator[str]:
    table = deployment.data.one("DynamoDB::Table")
    recovery = table.get("PointInTimeRecoverySpecification", {})
    if (
        recovery.get("PointInTimeRecoveryEnabled") is not True
        or int(recovery.get("RecoveryPeriodInDays", 35)) < 35
    ):
        yield f"recovery: {recovery}"
    if deployment.production and table.get("DeletionProtectionEnabled") is not True:
        yield "it can be deleted in production"


def the_table_takes_whatever_comes_and_expires_what_is_disposable(
    deployment: Deployment,
) -> Iterator[str]:
    table = deployment.data.one("DynamoDB::Table")
    if table.get("BillingMode") != "PAY_PER_REQUEST":
        yield f"billing: {table.get('BillingMode')}"
    if table.get("TimeToLiveSpecification") != {"AttributeName": "expiresAt", "Enabled": True}:
        yield f"expiry: {table.get('TimeToLiveSpecification')}"


def everything_at_rest_is_encrypted_with_our_key(deployment: Deployment) -> Iterator[str]:
    keys_known = {f"<{name}.Arn>" for name in deployment.data.of("KMS::Key")}
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
    yield from (f"{name}: {key}" for name, key in used.items() if key not in keys_known)


def our_key_turns_and_cannot_be_deleted_in_a_hurry(deployment: Deployment) -> Iterator[str]:
    for name, key in deployment.data.of("KMS::Key").items():
        if key.get("EnableKeyRotation") is not True or int(key.get("PendingWindowInDays", 30)) < 30:
            yield name


def no_template_writes_the_value_of_a_secret(deployment: Deployment) -> Iterator[str]:
    """A pepper or a MAC key made anew voids every claim and the whole history: the value belongs to
    an operator."""
    for name, secret in deployment.of("SecretsManager::Secret").items():
        yield from (
            f"{name} has {part}"
            for part in ("SecretString", "GenerateSecretString")
            if part in secret
        )
    yield from deployment.of("SecretsManager::RotationSchedule")


def every_secret_is_named_for_its_stage(deployment: Deployment) -> Iterator[str]:
    for name, secret in deployment.data.of("SecretsManager::Secret").items():
        if f"/{deployment.stage}/" not in str(secret.get("Name", "")):
            yield f"{name}: {secret.get('Name')}"


def every_log_is_kept_for_a_while_and_not_for_ever(deployment: Deployment) -> Iterator[str]:
    for name, group in deployment.of("Logs::LogGroup").items():
        days = int(group.get("RetentionInDays", 0))
        if not 7 <= days <= 731 or (deployment.production and days < 90):
            yield f"{name}: {days} days"


def no_bucket_is_public(deployment: Deployment) -> Iterator[str]:
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    for name, bucket in deployment.of("S3::Bucket").items():
        told = bucket.get("PublicAccessBlockConfiguration", {})
        if not all(told.get(block) is True for block in blocks):
            yield f"{name}: {told}"
        if not bucket.get("BucketEncryption"):
            yield f"{name} is not encrypted"


def every_bucket_is_reached_by_tls_only(deployment: Deployment) -> Iterator[str]:
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
            yield name


def the_audits_records_are_kept_as_evidence(deployment: Deployment) -> Iterator[str]:
    """Under our own key, for more than a year, with what each said before, and with a note of who
    touched them."""
    bucket = deployment.data.of("S3::Bucket")[
        str(deployment.data.outputs["RecordsBucket"]).strip("<>")
    ]
    rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    days = {int(rule["ExpirationInDays"]) for rule in rules if rule["Status"] == "Enabled"}
    if not days or not 366 <= min(days) <= 800:
        yield f"kept for {sorted(days)} days"
    if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "what they said before is lost"
    encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
        "ServerSideEncryptionByDefault"
    ]
    if encryption.get("KMSMasterKeyID") not in {
        f"<{name}.Arn>" for name in deployment.data.of("KMS::Key")
    }:
        yield f"encrypted by {encryption}"
    if not bucket.get("LoggingConfiguration", {}).get("DestinationBucketName"):
        yield "nobody notes who touched them"


def every_access_log_may_be_written_where_it_goes(deployment: Deployment) -> Iterator[str]:
    """S3 loses what it may not write, and says nothing."""
    permitted = {
        str(resource)
        for policy in deployment.data.of("S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Principal") == {"Service": "logging.s3.amazonaws.com"}
        and statement["Effect"] == "Allow"
        for resource in [statement["Resource"]]
    }
    for name, bucket in deployment.data.of("S3::Bucket").items():
        told = bucket.get("LoggingConfiguration")
        if (
            told
            and f"{told['DestinationBucketName'].strip('>')}.Arn>/{told['LogFilePrefix']}*"
            not in permitted
        ):
            yield f"{name}: {told}"


def images_cannot_be_replaced(deployment: Deployment) -> Iterator[str]:
    for name, repository in deployment.data.of("ECR::Repository").items():
        if repository.get("ImageTagMutability") != "IMMUTABLE":
            yield name


def what_counts_is_backed_up_beyond_the_table(deployment: Deployment) -> Iterator[str]:
    if deployment.stage == "dev":
        return
    (table,) = deployment.data.of("DynamoDB::Table")
    selected = [
        resource
        for selection in deployment.data.of("Backup::BackupSelection").values()
        for resource in selection["BackupSelection"]["Resources"]
    ]
    if selected != [f"<{table}.Arn>"]:
        yield f"backed up: {selected}"
    for plan in deployment.data.of("Backup::BackupPlan").values():
        for rule in plan["BackupPlan"]["BackupPlanRule"]:
            if int(rule["Lifecycle"]["DeleteAfterDays"]) < 35:
                yield f"{rule['RuleName']} is deleted after {rule['Lifecycle']['DeleteAfterDays']} days"


def the_access_logs_go_to_a_bucket_that_takes_them(deployment: Deployment) -> Iterator[str]:
    writers = [
        statement
        for policy in deployment.data.of("S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    balancers = "logdelivery.elasticloadbalancing.amazonaws.com"
    if not any(statement["Principal"] == {"Service": balancers} for statement in writers):
        yield "balancers may not write there"
