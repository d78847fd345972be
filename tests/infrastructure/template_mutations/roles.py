"""Mutations of what each role may do."""

from tests.infrastructure.template_mutations.mutation import DATA, SERVICE, TemplateMutation, on


def _audit_role(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "AuditRole", old, new)


ROLES = (
    on("mails-as-anybody", "WorkerRole", "identity/${MailIdentity}", "identity/*"),
    on("may-not-mail", "WorkerRole", "Action: ses:SendEmail", "Action: ses:SendRawEmail"),
    TemplateMutation(
        "action-misspelt", SERVICE, "dynamodb:PutItem,", "dynamodb:PutItems,", "\n  WebRole:\n"
    ),
    TemplateMutation(
        "every-action-on-the-table",
        SERVICE,
        "Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, "
        "dynamodb:PutItem, dynamodb:UpdateItem]",
        'Action: "dynamodb:*"',
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "everything-on-everything",
        SERVICE,
        "Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, "
        "dynamodb:PutItem, dynamodb:UpdateItem]",
        'Action: "*"',
        "\n  WebRole:\n",
    ),
    TemplateMutation("any-table", SERVICE, ':table/${TableName}"', ':table/*"', "\n  WebRole:\n"),
    TemplateMutation(
        "web-may-scan",
        SERVICE,
        "dynamodb:UpdateItem]",
        "dynamodb:UpdateItem, dynamodb:Scan]",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-delete",
        SERVICE,
        "dynamodb:UpdateItem]",
        "dynamodb:UpdateItem, dynamodb:DeleteItem]",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-not-update", SERVICE, ", dynamodb:UpdateItem]", "]", "\n  WebRole:\n"
    ),
    TemplateMutation(
        "web-may-not-read-jobs-together",
        SERVICE,
        " dynamodb:BatchGetItem,",
        "",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-not-ask-an-index",
        SERVICE,
        "table/${TableName}/index/*",
        "table/${TableName}/indexes/*",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-not-read-its-keys",
        SERVICE,
        "                  - !Ref KeysSecretArn\n",
        "",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-not-read-the-operators-keys",
        SERVICE,
        "                  - !Ref OperatorKeysSecretArn\n",
        "",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-not-sign-access-tokens",
        SERVICE,
        "                  - !Ref AccessTokenKeysSecretArn\n",
        "",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "worker-may-sign-access-tokens",
        SERVICE,
        f"{' ' * 18}- !Ref KlingSecretArn\n",
        f"{' ' * 18}- !Ref KlingSecretArn\n{' ' * 18}- !Ref AccessTokenKeysSecretArn\n",
        "\n  WorkerRole:\n",
    ),
    TemplateMutation(
        "worker-reads-the-operators-keys",
        SERVICE,
        f"{' ' * 18}- !Ref KlingSecretArn\n",
        f"{' ' * 18}- !Ref KlingSecretArn\n{' ' * 18}- !Ref OperatorKeysSecretArn\n",
        "\n  WorkerRole:\n",
    ),
    TemplateMutation(
        "worker-may-delete-anything",
        SERVICE,
        "                Condition:\n"
        '                  "ForAllValues:StringLike":\n'
        "                    dynamodb:LeadingKeys:\n"
        "                      - USER#*\n"
        "                      - RESULT#*\n"
        "                      - WEBHOOK#*\n"
        '                      - !If [HasStripe, "STRIPE_CUSTOMER#*", !Ref AWS::NoValue]\n',
        "",
        "\n  WorkerRole:\n",
    ),
    on("worker-may-not-put", "WorkerRole", "                  - dynamodb:PutItem\n", ""),
    TemplateMutation(
        "worker-may-not-use-the-key", SERVICE, "kms:Decrypt, ", "", "\n  WorkerRole:\n"
    ),
    TemplateMutation(
        "audit-may-write",
        SERVICE,
        "dynamodb:Scan]",
        "dynamodb:Scan, dynamodb:PutItem]",
        "\n  AuditRole:\n",
    ),
    TemplateMutation("audit-may-not-scan", SERVICE, ", dynamodb:Scan]", "]", "\n  AuditRole:\n"),
    TemplateMutation(
        "audit-reads-klings-key",
        SERVICE,
        "[!Ref KeysSecretArn]",
        "[!Ref KeysSecretArn, !Ref KlingSecretArn]",
        "\n  AuditRole:\n",
    ),
    _audit_role("audit-may-delete-its-records", "s3:PutObject]", "s3:PutObject, s3:DeleteObject]"),
    _audit_role(
        "audit-may-write-any-item",
        'Condition: {"ForAllValues:StringEquals": {dynamodb:LeadingKeys: [ANALYTICS]}}',
        "",
    ),
    _audit_role("audit-may-not-close-days", "[ANALYTICS]", "[ANALYSIS]"),
    _audit_role(
        "audit-may-not-write-its-records", "[s3:GetObject, s3:PutObject]", "[s3:GetObject]"
    ),
    _audit_role("audit-may-not-read-its-records", "[s3:GetObject, s3:PutObject]", "[s3:PutObject]"),
    TemplateMutation(
        "uploads-anywhere-in-the-bucket",
        SERVICE,
        "${UploadsBucket}/uploads/*",
        "${UploadsBucket}/*",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "videos-copied-by-requests",
        SERVICE,
        "                Action: s3:GetObject\n",
        "                Action: [s3:GetObject, s3:PutObject]\n",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "videos-not-copied",
        SERVICE,
        "[s3:PutObject, s3:GetObject, s3:AbortMultipartUpload]",
        "[s3:GetObject]",
        "\n  WorkerRole:\n",
    ),
    TemplateMutation(
        "copies-over-uploads",
        SERVICE,
        "AbortMultipartUpload]\n                Resource: !Sub "
        '"arn:${AWS::Partition}:s3:::${UploadsBucket}/videos/*"',
        "AbortMultipartUpload]\n                Resource: !Sub "
        '"arn:${AWS::Partition}:s3:::${UploadsBucket}/*"',
        "\n  WorkerRole:\n",
    ),
    TemplateMutation(
        "copies-without-the-key",
        SERVICE,
        '                      - !Sub "s3.${AWS::Region}.amazonaws.com"\n',
        "",
        "\n  WorkerRole:\n",
    ),
    TemplateMutation(
        "uploads-deleted-by-requests",
        SERVICE,
        "[s3:PutObject, s3:GetObject, s3:GetObjectVersion]",
        "[s3:PutObject, s3:GetObject, s3:GetObjectVersion, s3:DeleteObjectVersion]",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "uploads-of-the-checked-version-unreadable",
        SERVICE,
        "[s3:PutObject, s3:GetObject, s3:GetObjectVersion]",
        "[s3:PutObject, s3:GetObject]",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "uploads-without-the-key",
        SERVICE,
        '                      - !Sub "s3.${AWS::Region}.amazonaws.com"\n',
        "",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "uploads-that-no-erasure-deletes",
        SERVICE,
        "Action: s3:DeleteObjectVersion",
        "Action: s3:GetObjectVersion",
        "\n  WorkerRole:\n",
    ),
    _audit_role(
        "records-under-another-prefix", "${RecordsBucket}/audit/${", "${RecordsBucket}/audits/${"
    ),
    _audit_role(
        "records-under-every-prefix", 's3:::${RecordsBucket}/audit/${TableName}/*"', 's3:::*"'
    ),
    _audit_role("records-without-the-key", "[kms:Decrypt, kms:GenerateDataKey]", "[kms:Decrypt]"),
    _audit_role(
        "records-key-through-the-table-only",
        'Sub "s3.${AWS::Region}',
        'Sub "dynamodb.${AWS::Region}',
    ),
    TemplateMutation(
        "data-keys-of-any-table",
        SERVICE,
        "StringEquals: {kms:EncryptionContext:table: !Ref SealedTableName}",
        "StringLike: {kms:EncryptionContext:table: '*'}",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "data-keys-of-no-one",
        SERVICE,
        '"Null": {kms:EncryptionContext:user: "false"}',
        '"Null": {kms:EncryptionContext:user: "true"}',
        "\n  OperatorRole:\n",
    ),
    TemplateMutation(
        "worker-makes-data-keys",
        SERVICE,
        "Action: [kms:Decrypt]",
        "Action: [kms:Decrypt, kms:GenerateDataKey]",
        "\n  WorkerRole:\n",
    ),
    TemplateMutation(
        "data-key-of-any-table-by-policy",
        DATA,
        'StringNotEquals: {kms:EncryptionContext:table: !Sub "${TableName}-${Stage}"}',
        'StringNotEquals: {kms:EncryptionContext:tables: !Sub "${TableName}-${Stage}"}',
    ),
    TemplateMutation(
        "data-key-of-no-one-by-policy",
        DATA,
        '"Null": {kms:EncryptionContext:user: "true"}',
        '"Null": {kms:EncryptionContext:user: "false"}',
    ),
    TemplateMutation(
        "web-makes-no-data-key",
        SERVICE,
        "Action: [kms:Decrypt, kms:GenerateDataKey]",
        "Action: [kms:Decrypt]",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "anybody-takes-the-role",
        SERVICE,
        "Service: ecs-tasks.amazonaws.com",
        'AWS: "*"',
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "operator-always-repairs",
        SERVICE,
        "!GetAtt OperatorRole.Arn",
        "!GetAtt RepairRole.Arn",
        "\n  OperatorTask:\n",
    ),
    TemplateMutation(
        "roles-handed-to-anybody",
        SERVICE,
        "                Condition: {StringEquals: {iam:PassedToService: "
        "ecs-tasks.amazonaws.com}}\n",
        "",
    ),
)
