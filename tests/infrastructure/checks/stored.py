"""How each store is set up, value by value; why is in cloudformation/data."""

from collections.abc import Iterator, Mapping

from service.storage.keys import GSI1, GSI2
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing

_OURS, _OF_S3 = "aws:kms", "AES256"
_ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.0"
_RULE = "LifecycleConfiguration.Rules.0"
# Days that files are kept, days that their earlier versions are, and whether there are versions.
# Records: an audit overwrites its record every minute. Templates: each upload is read once.
KEPT: Mapping[str, tuple[str, int | None]] = {
    "AccessLogs": ("LogRetentionDays", None),
    "Templates": ("30", None),
    "Records": ("400", 30),
    "Uploads": ("UploadDays", 1),
}
LOGS = {
    "WebLogs": "/farebox/{}/web",
    "WorkerLogs": "/farebox/{}/worker",
    "RelayLogs": "/farebox/{}/relay",
    "AuditLogs": "/farebox/{}/audit",
    "OperatorLogs": "/farebox/{}/operator",
    "NetworkLogs": "/farebox/{}/network",
    "FirewallLogs": "aws-waf-logs-farebox-{}",
}
SECRETS = {
    "KeysSecret": "keys",
    "KlingSecret": "kling",
    "OperatorKeysSecret": "operators",
    "AccessTokenKeysSecret": "access-tokens",
}


def the_table_holds_what_the_code_stores(deployment: Deployment) -> Iterator[str]:
    """Indexes of keys alone: what they lead to is read from the table."""
    table = deployment.data.one("DynamoDB::Table")
    keys = [
        part["AttributeName"]
        for body in (table, *table["GlobalSecondaryIndexes"])
        for part in body["KeySchema"]
    ]
    declared = [pair["AttributeName"] for pair in table["AttributeDefinitions"]]
    if sorted(declared) != sorted(keys):
        yield f"the table declares {sorted(declared)}, its keys are {sorted(keys)}"
    for number in range(len(declared)):
        yield from differing("Table", table, {f"AttributeDefinitions.{number}.AttributeType": "S"})
    if [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] != [GSI1, GSI2]:
        yield "the indexes of the table are not those of the code"
    wanted = {
        "GlobalSecondaryIndexes.0.Projection.ProjectionType": "KEYS_ONLY",
        "GlobalSecondaryIndexes.1.Projection.ProjectionType": "KEYS_ONLY",
        "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": True,
        "PointInTimeRecoverySpecification.RecoveryPeriodInDays": 35,
        "TimeToLiveSpecification.AttributeName": "expiresAt",
        "TimeToLiveSpecification.Enabled": True,
        "SSESpecification.SSEEnabled": True,
        "SSESpecification.SSEType": "KMS",
        "SSESpecification.KMSMasterKeyId": "<Key.Arn>",
        "DeletionProtectionEnabled": deployment.production,
        "BillingMode": "PAY_PER_REQUEST",
    }
    yield from differing("Table", table, wanted)


def each_bucket_is_private_encrypted_and_emptied(deployment: Deployment) -> Iterator[str]:
    data = deployment.data
    buckets = data.of("S3::Bucket")
    if set(buckets) != set(KEPT):
        yield f"the buckets are {sorted(buckets)}: describe each in KEPT"
    for name, (days, earlier) in KEPT.items():
        bucket = buckets[name]
        # Only with the key of S3 can the balancer and S3 itself write logs.
        ours = name != "AccessLogs"
        # The bucket of uploads keeps copies of videos too, for another time.
        prefix = "uploads" if name == "Uploads" else None
        wanted = {
            f"{_ENCRYPTION}.ServerSideEncryptionByDefault.SSEAlgorithm": _OURS if ours else _OF_S3,
            f"{_ENCRYPTION}.ServerSideEncryptionByDefault.KMSMasterKeyID": (
                "<Key.Arn>" if ours else None
            ),
            f"{_ENCRYPTION}.BucketKeyEnabled": True if ours else None,
            "OwnershipControls.Rules.0.ObjectOwnership": "BucketOwnerEnforced",
            f"{_RULE}.Id": prefix or "expire",
            f"{_RULE}.Status": "Enabled",
            f"{_RULE}.ExpirationInDays": str(data.parameters.get(days, days)),
            f"{_RULE}.AbortIncompleteMultipartUpload.DaysAfterInitiation": 1,
            f"{_RULE}.NoncurrentVersionExpiration.NoncurrentDays": earlier,
            f"{_RULE}.Prefix": f"{prefix}/" if prefix else None,
            "VersioningConfiguration.Status": "Enabled" if earlier else None,
            "BucketName": None,
        }
        blocks = (
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        )
        wanted |= {f"PublicAccessBlockConfiguration.{block}": True for block in blocks}
        yield from differing(name, bucket, wanted)


def a_deleted_file_leaves_nothing(deployment: Deployment) -> Iterator[str]:
    """A marker of a deletion would stay for ever, in a bucket whose names lead to users."""
    wanted = {
        "LifecycleConfiguration.Rules.1.Id": "leave-no-mark",
        "LifecycleConfiguration.Rules.1.Status": "Enabled",
        "LifecycleConfiguration.Rules.1.ExpiredObjectDeleteMarker": True,
        "LifecycleConfiguration.Rules.2.Id": "videos",
        "LifecycleConfiguration.Rules.3": None,
    }
    yield from differing("Uploads", deployment.data.of("S3::Bucket")["Uploads"], wanted)


def access_to_files_and_records_is_logged(deployment: Deployment) -> Iterator[str]:
    for name in ("Records", "Uploads"):
        wanted = {
            "LoggingConfiguration.DestinationBucketName": "<AccessLogs>",
            "LoggingConfiguration.LogFilePrefix": f"{name.lower()}/",
        }
        yield from differing(name, deployment.data.of("S3::Bucket")[name], wanted)


def a_page_posts_files_and_does_nothing_else(deployment: Deployment) -> Iterator[str]:
    """From the origins that are named; one preflight an hour."""
    origins = deployment.data.parameters["UploadOrigins"]
    bucket = deployment.data.of("S3::Bucket")["Uploads"]
    if not any(origins):
        yield from differing("Uploads", bucket, {"CorsConfiguration": None})
        return
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    found = [list(rule[key]) for key in ("AllowedOrigins", "AllowedMethods", "AllowedHeaders")]
    if found != [list(origins), ["POST"], ["content-type"]]:
        yield f"Uploads lets pages do {found}"
    yield from differing("Uploads", rule, {"MaxAge": 3600, "ExposedHeaders": None, "Id": None})


def each_log_is_kept_as_long_as_the_stage_says(deployment: Deployment) -> Iterator[str]:
    groups = deployment.data.of("Logs::LogGroup")
    if set(groups) != set(LOGS):
        yield f"the logs are {sorted(groups)}: describe each in LOGS"
    for name, group in groups.items():
        wanted = {
            "LogGroupName": LOGS.get(name, "").format(deployment.stage),
            "RetentionInDays": str(deployment.data.parameters["LogRetentionDays"]),
            "KmsKeyId": "<Key.Arn>",
            "LogGroupClass": None,
        }
        yield from differing(name, group, wanted)


def each_secret_is_empty_named_and_encrypted(deployment: Deployment) -> Iterator[str]:
    secrets = deployment.data.of("SecretsManager::Secret")
    if set(secrets) != set(SECRETS):
        yield f"the secrets are {sorted(secrets)}: describe each in SECRETS"
    for name, secret in secrets.items():
        wanted = {
            "Name": f"farebox/{deployment.stage}/{SECRETS.get(name)}",
            "KmsKeyId": "<Key.Arn>",
            "SecretString": None,
            "GenerateSecretString": None,
        }
        yield from differing(name, secret, wanted)


def each_key_rotates_and_has_its_alias(deployment: Deployment) -> Iterator[str]:
    """A month to take a deletion back: without a key nothing can be read."""
    data = deployment.data
    for name, key in data.of("KMS::Key").items():
        wanted = {"EnableKeyRotation": True, "PendingWindowInDays": 30, "Enabled": None}
        yield from differing(name, key, wanted | {"MultiRegion": None, "KeySpec": None})
    for name, alias in data.of("KMS::Alias").items():
        key = name.removesuffix("Alias")
        suffix = "-data" if key == "DataKey" else ""
        wanted = {
            "AliasName": f"alias/farebox-{deployment.stage}{suffix}",
            "TargetKeyId": f"<{key}>",
        }
        yield from differing(name, alias, wanted)
