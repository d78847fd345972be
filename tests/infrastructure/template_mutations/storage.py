"""Mutations of everything that holds data: table, keys, secrets, buckets, logs, backups."""

from tests.infrastructure.template_mutations.mutation import DATA, TemplateMutation, on


def _table(name: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, DATA, old, new, "\n  Table:\n")


def _records(name: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, DATA, old, new, "\n  Records:\n")


def _uploads(name: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, DATA, old, new, "\n  Uploads:\n")


STORAGE = (
    _uploads("uploads-not-retained", "    DeletionPolicy: Retain\n", ""),
    _uploads("uploads-open", "BlockPublicPolicy: true", "BlockPublicPolicy: false"),
    _uploads("uploads-swapped-after-the-check", "Status: Enabled}", "Status: Suspended}"),
    _uploads("uploads-for-ever", "            ExpirationInDays: !Ref UploadDays\n", ""),
    _uploads("replaced-uploads-for-a-month", "NoncurrentDays: 1}", "NoncurrentDays: 30}"),
    _uploads("uploads-of-every-prefix", "            Prefix: uploads/\n", ""),
    _uploads("video-copies-deleted-early", "!Ref VideoCopyDays, 365]", "!Ref VideoCopyDays, 30]"),
    _uploads("video-copies-where-uploads-are", "Prefix: videos/", "Prefix: video/"),
    _uploads(
        "uploads-without-our-key",
        "SSEAlgorithm: aws:kms, KMSMasterKeyID: !GetAtt Key.Arn",
        "SSEAlgorithm: AES256",
    ),
    _uploads(
        "uploads-from-any-page", "AllowedOrigins: !Ref UploadOrigins", 'AllowedOrigins: ["*"]'
    ),
    _uploads("uploads-read-by-pages", "AllowedMethods: [POST]", "AllowedMethods: [POST, GET]"),
    _uploads("uploads-logged-nowhere", "LogFilePrefix: uploads/", "LogFilePrefix: upload/"),
    TemplateMutation(
        "uploads-in-the-clear",
        DATA,
        "aws:SecureTransport",
        "aws:SecureTransports",
        "\n  UploadsPolicy:\n",
    ),
    TemplateMutation(
        "uploads-of-another-bucket",
        DATA,
        "Value: !Ref Uploads",
        "Value: !Ref Templates",
        "\n  UploadsBucket:\n",
    ),
    _table(
        "index-attribute-unknown",
        "{AttributeName: GSI2SK, KeyType: RANGE}",
        "{AttributeName: GSI2SKey, KeyType: RANGE}",
    ),
    _table(
        "attribute-for-nothing",
        "        - {AttributeName: GSI2SK, AttributeType: S}\n",
        "        - {AttributeName: GSI2SK, AttributeType: S}\n"
        "        - {AttributeName: GSI3PK, AttributeType: S}\n",
    ),
    _table(
        "throughput-with-on-demand",
        "      BillingMode: PAY_PER_REQUEST\n",
        "      BillingMode: PAY_PER_REQUEST\n"
        "      ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: 5}\n",
    ),
    _table("recovery-off", "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"),
    _table("table-without-our-key", "        KMSMasterKeyId: !GetAtt Key.Arn\n", ""),
    _table("table-not-retained", "    DeletionPolicy: Retain\n", ""),
    _table("table-deleted-with-the-stack", "DeletionPolicy: Retain", "DeletionPolicy: Delete"),
    _table("table-replaced-and-gone", "UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Delete"),
    _table("table-without-its-stage", '"${TableName}-${Stage}"', '"${TableName}"'),
    _table("production-table-unprotected", "!If [IsProduction, true, false]", "false"),
    _table("index-projects-everything", "ProjectionType: KEYS_ONLY", "ProjectionType: ALL"),
    _table("expiry-by-another-name", "AttributeName: expiresAt", "AttributeName: ttl"),
    TemplateMutation(
        "keys-made-anew",
        DATA,
        "      Description: Farebox's own keys.",
        "      GenerateSecretString: {PasswordLength: 48}\n      Description: Farebox's own keys.",
        "\n  KeysSecret:\n",
    ),
    TemplateMutation(
        "keys-not-retained",
        DATA,
        "DeletionPolicy: Retain",
        "DeletionPolicy: Delete",
        "\n  KeysSecret:\n",
    ),
    TemplateMutation(
        "secret-of-every-stage",
        DATA,
        "farebox/${Stage}/kling",
        "farebox/kling",
        "\n  KlingSecret:\n",
    ),
    TemplateMutation(
        "key-that-never-turns", DATA, "EnableKeyRotation: true", "EnableKeyRotation: false"
    ),
    TemplateMutation(
        "images-can-be-replaced",
        DATA,
        "ImageTagMutability: IMMUTABLE",
        "ImageTagMutability: MUTABLE",
    ),
    TemplateMutation(
        "images-kept-by-age",
        DATA,
        '"any", "countType": "imageCountMoreThan"',
        '"any", "countType": "sinceImagePushed", "countUnit": "days"',
    ),
    TemplateMutation(
        "logs-for-ever",
        DATA,
        "      RetentionInDays: !Ref LogRetentionDays\n",
        "",
        "\n  WebLogs:\n",
    ),
    TemplateMutation(
        "bucket-open",
        DATA,
        "        {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, "
        "RestrictPublicBuckets: true}",
        "        {BlockPublicAcls: false, BlockPublicPolicy: true, IgnorePublicAcls: true, "
        "RestrictPublicBuckets: true}",
        "\n  AccessLogs:\n",
    ),
    TemplateMutation(
        "bucket-in-the-clear",
        DATA,
        "aws:SecureTransport",
        "aws:SecureTransports",
        "\n  AccessLogsPolicy:\n",
    ),
    TemplateMutation(
        "alarms-without-the-key",
        DATA,
        "Principal: {Service: cloudwatch.amazonaws.com}",
        "Principal: {Service: budgets.amazonaws.com}",
    ),
    on(
        "backups-that-no-one-may-make",
        "BackupRole",
        "            Action: sts:AssumeRole\n",
        "            Action: sts:AssumeRole\n"
        "            Condition: {StringEquals: {aws:SourceAccount: !Ref AWS::AccountId}}\n",
        DATA,
    ),
    on("backups-by-another-service", "BackupRole", "Service: backup.", "Service: ec2.", DATA),
    TemplateMutation(
        "backup-of-nothing",
        DATA,
        "- !GetAtt Table.Arn",
        "- !GetAtt Key.Arn",
        "\n  BackupSelection:\n",
    ),
    TemplateMutation(
        "backup-for-a-week",
        DATA,
        "Lifecycle: {DeleteAfterDays: 35}",
        "Lifecycle: {DeleteAfterDays: 7}",
    ),
    _records(
        "records-not-retained", "    DeletionPolicy: Retain\n", "    DeletionPolicy: Delete\n"
    ),
    _records("records-forgotten-within-a-month", "ExpirationInDays: 400", "ExpirationInDays: 30"),
    _records("records-without-what-they-said-before", "Status: Enabled}", "Status: Suspended}"),
    _records(
        "records-without-our-key",
        "SSEAlgorithm: aws:kms, KMSMasterKeyID: !GetAtt Key.Arn",
        "SSEAlgorithm: AES256",
    ),
    _records("records-open", "BlockPublicPolicy: true", "BlockPublicPolicy: false"),
    _records(
        "records-touched-by-no-one-knows-whom", "LogFilePrefix: records/", "LogFilePrefix: record/"
    ),
    TemplateMutation(
        "records-in-the-clear",
        DATA,
        "aws:SecureTransport",
        "aws:SecureTransports",
        "\n  RecordsPolicy:\n",
    ),
    TemplateMutation(
        "records-of-another-bucket",
        DATA,
        "Value: !Ref Records",
        "Value: !Ref Templates",
        "\n  RecordsBucket:\n",
    ),
    TemplateMutation(
        "secret-in-the-template",
        DATA,
        "      Description: Kling's API key",
        "      SecretString: AKIAIOSFODNN7EXAMPLE\n      Description: Kling's API key",
        "\n  KlingSecret:\n",
    ),
)
