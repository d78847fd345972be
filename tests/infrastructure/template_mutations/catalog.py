"""Named mistakes that somebody could make in the templates, the parameters, gunicorn's
configuration or the image."""

from tests.infrastructure.template_mutations.in_front import IN_FRONT
from tests.infrastructure.template_mutations.mutation import (
    DATA,
    IMAGE,
    PRODUCTION,
    SERVER,
    SERVICE,
    TemplateMutation,
    on,
)
from tests.infrastructure.template_mutations.pages import PAGES


def _web(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "WebTask", old, new)


def _service(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "WebService", old, new)


def _balancer(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "LoadBalancer", old, new)


def _targets(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "TargetGroup", old, new)


def _firewall(name: str, old: str, new: str, after: str = "\n  WebAcl:\n") -> TemplateMutation:
    return TemplateMutation(name, SERVICE, old, new, after)


def _table(name: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, DATA, old, new, "\n  Table:\n")


def _records(name: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, DATA, old, new, "\n  Records:\n")


def _audit_role(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "AuditRole", old, new)


TASKS = (
    _web("property-misspelt", "ReadonlyRootFilesystem: true", "ReadonlyRootFileSystem: true"),
    TemplateMutation(
        "size-fargate-does-not-have", SERVICE, 'Memory: "2048"', 'Memory: "1536"', "medium: {"
    ),
    _web("stop-timeout-beyond-fargate", "StopTimeout: 60", "StopTimeout: 300"),
    _web("stop-timeout-below-the-drain", "StopTimeout: 60", "StopTimeout: 45"),
    _web("user-root", 'User: "10001:10001"', 'User: "0:0"'),
    _web("user-left-out", '          User: "10001:10001"\n', ""),
    _web("file-system-writable", "ReadonlyRootFilesystem: true", "ReadonlyRootFilesystem: false"),
    _web("privileged", "Privileged: false", "Privileged: true"),
    _web("capabilities-kept", "            Capabilities: {Drop: [ALL]}\n", ""),
    _web("no-init-process", "InitProcessEnabled: true", "InitProcessEnabled: false"),
    _web("temporary-files-of-root", "mode=1777, ", ""),
    _web("no-temporary-files", "ContainerPath: /tmp", "ContainerPath: /var/tmp"),
    _web("secret-in-the-clear", "KLING_API_KEY_SECRET_NAME", "KLING_API_KEY"),
    _web(
        "secret-key-that-is-not-there",
        "{Name: KLING_MODE,",
        '{Name: KLING_MODE, Value: "std"}\n          Secrets: [{Name: KLING_API_KEY, ValueFrom: !Sub "${KlingSecretArn}:apikey::"}]\n          Mistake:\n            - {Name: KLING_MODE,',
    ),
    _web(
        "log-without-anybody-to-write-it", "      ExecutionRoleArn: !GetAtt ExecutionRole.Arn\n", ""
    ),
    _web("log-group-of-nobody", "/farebox/${Stage}/web", "/farebox/${Stage}/webs"),
    _web("log-that-blocks", "mode: non-blocking", "mode: blocking"),
    _web("log-without-prefix", "              awslogs-stream-prefix: web\n", ""),
    _web(
        "image-by-tag",
        "Image: !Ref ImageUri",
        'Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/farebox:latest"',
    ),
    _web(
        "readiness-ends-tasks",
        "/app/docker/healthcheck.py]",
        "/app/docker/healthcheck.py, /health/ready]",
    ),
    _web(
        "container-port-other-than-gunicorns",
        "ContainerPort: 8080, Protocol",
        "ContainerPort: 8000, Protocol",
    ),
    _web("gunicorn-on-loopback", "Value: 0.0.0.0", "Value: 127.0.0.1"),
    _web("gunicorn-on-another-port", '{Name: PORT, Value: "8080"}', '{Name: PORT, Value: "8000"}'),
    _web("setting-misspelt", "{Name: MAX_USERS,", "{Name: MAX_USER,"),
    _web(
        "setting-left-out",
        "            - {Name: KEYS_SECRET_NAME, Value: !Ref KeysSecretArn}\n",
        "",
    ),
    _web(
        "setting-twice",
        "- {Name: LOG_FORMAT, Value: json}",
        "- {Name: LOG_FORMAT, Value: json}\n            - {Name: LOG_FORMAT, Value: json}",
    ),
    _web(
        "logs-that-alarms-cannot-read",
        "{Name: LOG_FORMAT, Value: json}",
        "{Name: LOG_FORMAT, Value: pretty}",
    ),
    _web("secrets-exchanged", "Value: !Ref KlingSecretArn", "Value: !Ref KeysSecretArn"),
    TemplateMutation(
        "worker-with-another-price",
        SERVICE,
        "Value: !Ref VideoPriceCredits",
        'Value: "2"',
        "\n  WorkerTask:\n",
    ),
    TemplateMutation(
        "worker-with-the-webs-role",
        SERVICE,
        "!GetAtt WorkerRole.Arn",
        "!GetAtt WebRole.Arn",
        "\n  WorkerTask:\n",
    ),
    TemplateMutation(
        "worker-module-that-is-not-there",
        SERVICE,
        "service.worker",
        "service.workers",
        "\n  WorkerTask:\n",
    ),
    TemplateMutation(
        "drain-longer-than-the-stop",
        SERVICE,
        'DRAIN_SECONDS, Value: "15"',
        'DRAIN_SECONDS, Value: "45"',
    ),
    TemplateMutation(
        "drain-shorter-than-the-probes",
        SERVICE,
        'DRAIN_SECONDS, Value: "15"',
        'DRAIN_SECONDS, Value: "5"',
    ),
    TemplateMutation(
        "processes-beyond-the-processor", SERVICE, 'Processes: "2"', 'Processes: "16"', "small: {"
    ),
)

SERVICES = (
    _service("container-name-mismatch", "ContainerName: web", "ContainerName: app"),
    _service("container-port-mismatch", "ContainerPort: 8080", "ContainerPort: 8000"),
    _service(
        "circuit-breaker-off",
        "DeploymentCircuitBreaker: {Enable: true",
        "DeploymentCircuitBreaker: {Enable: false",
    ),
    _service("circuit-breaker-without-going-back", "Rollback: true}", "Rollback: false}"),
    _service("deployment-that-cannot-proceed", "MaximumPercent: 200", "MaximumPercent: 100"),
    _service("deployment-with-a-gap", "MinimumHealthyPercent: 100", "MinimumHealthyPercent: 50"),
    _service(
        "listener-not-waited-for",
        "      Tags: [{Key: listener, Value: !If [HasCertificate, !Ref HttpsListener, !Ref HttpListener]}]\n",
        "",
    ),
    _service(
        "public-address-in-private",
        "AssignPublicIp: !If [HasNat, DISABLED, ENABLED]",
        "AssignPublicIp: ENABLED",
    ),
    _service(
        "no-way-out", "AssignPublicIp: !If [HasNat, DISABLED, ENABLED]", "AssignPublicIp: DISABLED"
    ),
    _service(
        "count-set-back-by-deployments",
        "      HealthCheckGracePeriodSeconds: 60\n",
        "      HealthCheckGracePeriodSeconds: 60\n      DesiredCount: 2\n",
    ),
    _service("start-without-grace", "      HealthCheckGracePeriodSeconds: 60\n", ""),
    _service("operators-log-in", "EnableExecuteCommand: false", "EnableExecuteCommand: true"),
    _service(
        "silence-rolls-back",
        "!Ref InternalErrorsAlarm]",
        "!Ref InternalErrorsAlarm, !Ref NoHealthyTargetsAlarm]",
    ),
    TemplateMutation(
        "audit-without-a-record",
        SERVICE,
        '            - --record\n            - !Sub "s3://${RecordsBucket}/audit/${TableName}"\n',
        "",
        "\n  AuditTask:\n",
    ),
    TemplateMutation(
        "audit-record-in-the-templates",
        SERVICE,
        "s3://${RecordsBucket}/audit",
        "s3://${AccessLogsBucket}/audit",
        "\n  AuditTask:\n",
    ),
    TemplateMutation(
        "audit-record-of-any-table", SERVICE, "/audit/${TableName}", "/audit", "\n  AuditTask:\n"
    ),
    TemplateMutation(
        "audit-of-a-part",
        SERVICE,
        "--record\n",
        '--segment\n            - "0"\n            - --record\n',
        "\n  AuditTask:\n",
    ),
    TemplateMutation(
        "audit-once-a-day",
        SERVICE,
        "cron(15 0/2 * * ? *)",
        "cron(15 3 * * ? *)",
        "\n  AuditSchedule:\n",
    ),
    TemplateMutation(
        "audit-of-another-days",
        SERVICE,
        "      ScheduleExpression: cron",
        "      ScheduleExpressionTimezone: Europe/Berlin\n      ScheduleExpression: cron",
        "\n  AuditSchedule:\n",
    ),
    TemplateMutation(
        "one-task-in-production", PRODUCTION, '"WebMinTasks": "3"', '"WebMinTasks": "1"'
    ),
    TemplateMutation("parameter-that-is-not-there", PRODUCTION, '"WebMaxTasks"', '"WebMostTasks"'),
    TemplateMutation("production-on-one-nat", PRODUCTION, '"per-az"', '"single"'),
    TemplateMutation(
        "production-trusts-a-bare-google-id",
        PRODUCTION,
        '"NatGateways"',
        '"TrustBareGoogleId": "true",\n    "NatGateways"',
    ),
    TemplateMutation(
        "rule-for-tls-lost",
        SERVICE,
        '      - Assert: !Not [!Equals [!Ref CertificateArn, ""]]\n        AssertDescription: "Production needs CertificateArn: tokens and credits do not travel in the clear."\n',
        "",
    ),
    TemplateMutation(
        "audit-role-not-handed-on",
        SERVICE,
        "Resource: [!GetAtt ExecutionRole.Arn, !GetAtt AuditRole.Arn]",
        "Resource: [!GetAtt ExecutionRole.Arn]",
    ),
    TemplateMutation(
        "audit-in-another-family",
        SERVICE,
        "farebox-${Stage}-audit",
        "farebox-${Stage}-auditor",
        "\n  AuditTask:\n",
    ),
    TemplateMutation(
        "requests-counted-elsewhere",
        SERVICE,
        "${LoadBalancer.LoadBalancerFullName}/${TargetGroup.TargetGroupFullName}",
        "${TargetGroup.TargetGroupFullName}",
    ),
)

NETWORK = (
    _balancer(
        "balancer-attribute-misspelt", "idle_timeout.timeout_seconds", "idle_timeout.seconds"
    ),
    _balancer(
        "idle-beyond-keepalive",
        'idle_timeout.timeout_seconds, Value: "60"',
        'idle_timeout.timeout_seconds, Value: "120"',
    ),
    _balancer(
        "bad-headers-kept",
        'drop_invalid_header_fields.enabled, Value: "true"',
        'drop_invalid_header_fields.enabled, Value: "false"',
    ),
    _balancer(
        "access-logs-off",
        'access_logs.s3.enabled, Value: "true"',
        'access_logs.s3.enabled, Value: "false"',
    ),
    _balancer("balancer-inside", "Scheme: internet-facing", "Scheme: internal"),
    _balancer(
        "balancer-in-private-subnets",
        "!Ref PublicSubnetA, !Ref PublicSubnetB",
        "!Ref PrivateSubnetA, !Ref PrivateSubnetB",
    ),
    _targets(
        "target-attribute-misspelt",
        "deregistration_delay.timeout_seconds",
        "deregistration_delay.timeout",
    ),
    _targets("targets-are-instances", "TargetType: ip", "TargetType: instance"),
    _targets(
        "probe-longer-than-its-interval",
        "HealthCheckTimeoutSeconds: 4",
        "HealthCheckTimeoutSeconds: 6",
    ),
    _targets(
        "probed-for-life-only", "HealthCheckPath: /health/ready", "HealthCheckPath: /health/live"
    ),
    _targets(
        "probed-where-nothing-is", "HealthCheckPath: /health/ready", "HealthCheckPath: /healthz"
    ),
    _targets("targets-on-another-port", "Port: 8080", "Port: 80"),
    _targets("requests-cut-off", 'Value: "35"', 'Value: "5"'),
    TemplateMutation(
        "old-tls",
        SERVICE,
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "ELBSecurityPolicy-2016-08",
    ),
    TemplateMutation(
        "tls-without-a-certificate",
        SERVICE,
        "      Certificates: [{CertificateArn: !Ref CertificateArn}]\n",
        "",
        "\n  HttpsListener:\n",
    ),
    TemplateMutation(
        "plain-http-beside-tls",
        SERVICE,
        '{Type: redirect, RedirectConfig: {Protocol: HTTPS, Port: "443", StatusCode: HTTP_301}}',
        "{Type: forward, TargetGroupArn: !Ref TargetGroup}",
    ),
    TemplateMutation("redirect-for-a-while", SERVICE, "HTTP_301", "HTTP_302"),
    TemplateMutation(
        "tasks-open-to-the-world",
        SERVICE,
        "SourceSecurityGroupId: !Ref BalancerSecurityGroup",
        "CidrIp: 0.0.0.0/0",
        "\n  WebSecurityGroup:\n",
    ),
    TemplateMutation(
        "tasks-open-on-every-port",
        SERVICE,
        "FromPort: 8080",
        "FromPort: 0",
        "\n  WebSecurityGroup:\n",
    ),
    TemplateMutation(
        "worker-may-be-called",
        SERVICE,
        "      SecurityGroupEgress:",
        "      SecurityGroupIngress:\n        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0, Description: x}\n      SecurityGroupEgress:",
        "\n  WorkerSecurityGroup:\n",
    ),
    TemplateMutation(
        "subnets-overlap", SERVICE, "!Select [1, !Cidr", "!Select [0, !Cidr", "\n  PublicSubnetB:\n"
    ),
    TemplateMutation(
        "subnets-in-one-zone",
        SERVICE,
        "!Select [1, !GetAZs",
        "!Select [0, !GetAZs",
        "\n  PrivateSubnetB:\n",
    ),
    TemplateMutation(
        "table-by-the-internet",
        SERVICE,
        "[!Ref PublicRoutes, !Ref PrivateRoutesA,",
        "[!Ref PrivateRoutesA,",
        "\n  TableEndpoint:\n",
    ),
    TemplateMutation(
        "any-table-through-the-gateway",
        SERVICE,
        'table/${TableName}"',
        'table/*"',
        "\n  TableEndpoint:\n",
    ),
)

FIREWALL = (
    _firewall(
        "window-that-waf-does-not-have", "EvaluationWindowSec: 60", "EvaluationWindowSec: 45"
    ),
    _firewall("aggregate-misspelt", "AggregateKeyType: IP", "AggregateKeyType: IPS"),
    _firewall("priority-twice", "Priority: 1\n", "Priority: 0\n"),
    _firewall(
        "answer-not-defined", "CustomResponseBodyKey: TooMany", "CustomResponseBodyKey: TooOften"
    ),
    _firewall(
        "answer-that-is-no-json",
        '{"success": false, "error": "Too many',
        '{"success": false "error": "Too many',
    ),
    _firewall(
        "limit-that-only-counts",
        "          Action:\n            Block:\n              CustomResponse:\n                ResponseCode: 429\n                CustomResponseBodyKey: TooMany\n                ResponseHeaders:\n",
        "          Action:\n            Count:\n              CustomRequestHandling:\n                InsertHeaders:\n",
    ),
    _firewall("no-retry-after", '                  - {Name: Retry-After, Value: "60"}\n', ""),
    _firewall(
        "images-blocked",
        "                - {Name: SizeRestrictions_BODY, ActionToUse: {Count: {}}}\n",
        "",
    ),
    _firewall("managed-rules-with-an-action", "OverrideAction: {None: {}}", "Action: {Block: {}}"),
    _firewall(
        "credentials-in-the-firewalls-log",
        "        - SingleHeader: {Name: authorization}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "firewalls-log-misnamed",
        DATA,
        "aws-waf-logs-farebox-${Stage}",
        "farebox-${Stage}-waf",
        "\n  FirewallLogs:\n",
    ),
    _firewall(
        "firewall-before-nothing",
        "ResourceArn: !Ref LoadBalancer",
        "ResourceArn: !Ref TargetGroup",
        "\n  WebAclAssociation:\n",
    ),
    TemplateMutation(
        "firewall-not-associated",
        SERVICE,
        "Type: AWS::WAFv2::WebACLAssociation\n    Properties: {ResourceArn: !Ref LoadBalancer, WebACLArn: !GetAtt WebAcl.Arn}",
        "Type: AWS::CloudFormation::WaitConditionHandle",
        "\n  WebAclAssociation:\n",
    ),
)

DATA_MISTAKES = (
    TemplateMutation(
        "attribute-that-is-not-there", SERVICE, "!GetAtt WebAcl.Arn", "!GetAtt WebAcl.ARN"
    ),
    TemplateMutation("reference-to-nothing", SERVICE, "!Ref InternetGateway", "!Ref Gateway"),
    TemplateMutation(
        "circle", DATA, "table, secrets, images, logs, alerts", "${Table} and more", "\n  Key:\n"
    ),
    TemplateMutation(
        "parameter-for-nothing",
        DATA,
        "Parameters:\n",
        "Parameters:\n  Unused: {Type: String, Default: x}\n",
    ),
    _table(
        "index-attribute-unknown",
        "{AttributeName: GSI2SK, KeyType: RANGE}",
        "{AttributeName: GSI2SKey, KeyType: RANGE}",
    ),
    _table(
        "attribute-for-nothing",
        "        - {AttributeName: GSI2SK, AttributeType: S}\n",
        "        - {AttributeName: GSI2SK, AttributeType: S}\n        - {AttributeName: GSI3PK, AttributeType: S}\n",
    ),
    _table(
        "throughput-with-on-demand",
        "      BillingMode: PAY_PER_REQUEST\n",
        "      BillingMode: PAY_PER_REQUEST\n      ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: 5}\n",
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
        "logs-for-ever",
        DATA,
        "      RetentionInDays: !Ref LogRetentionDays\n",
        "",
        "\n  WebLogs:\n",
    ),
    TemplateMutation(
        "bucket-open",
        DATA,
        "        {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}",
        "        {BlockPublicAcls: false, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}",
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
        "Service: [cloudwatch.amazonaws.com, budgets.amazonaws.com]",
        "Service: [budgets.amazonaws.com]",
    ),
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
        "records-touched-by-nobody-knows-whom", "LogFilePrefix: records/", "LogFilePrefix: record/"
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

ROLES = (
    TemplateMutation(
        "action-misspelt", SERVICE, "dynamodb:PutItem,", "dynamodb:PutItems,", "\n  WebRole:\n"
    ),
    TemplateMutation(
        "every-action-on-the-table",
        SERVICE,
        "Action: [dynamodb:GetItem, dynamodb:Query, dynamodb:PutItem, dynamodb:UpdateItem]",
        'Action: "dynamodb:*"',
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "everything-on-everything",
        SERVICE,
        "Action: [dynamodb:GetItem, dynamodb:Query, dynamodb:PutItem, dynamodb:UpdateItem]",
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
        "web-may-not-ask-an-index",
        SERVICE,
        "table/${TableName}/index/*",
        "table/${TableName}/indexes/*",
        "\n  WebRole:\n",
    ),
    TemplateMutation(
        "web-may-not-read-its-keys",
        SERVICE,
        "Resource: [!Ref KeysSecretArn, !Ref KlingSecretArn]",
        "Resource: [!Ref KlingSecretArn]",
        "\n  WebRole:\n",
    ),
    TemplateMutation("worker-may-not-put", SERVICE, "dynamodb:PutItem, ", "", "\n  WorkerRole:\n"),
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
        "audit-may-not-write-its-records", "[s3:GetObject, s3:PutObject]", "[s3:GetObject]"
    ),
    _audit_role("audit-may-not-read-its-records", "[s3:GetObject, s3:PutObject]", "[s3:PutObject]"),
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
        "                Condition: {StringEquals: {iam:PassedToService: ecs-tasks.amazonaws.com}}\n",
        "",
    ),
)

WATCHING = (
    on(
        "statistic-twice",
        "TargetLatencyAlarm",
        "      ExtendedStatistic: p99\n",
        "      ExtendedStatistic: p99\n      Statistic: Average\n",
    ),
    on(
        "metric-of-nobody",
        "OldestDueJobAlarm",
        "MetricName: OldestDueJobSeconds",
        "MetricName: OldestJobSeconds",
    ),
    on(
        "metric-misspelt", "BalancerErrorsAlarm", "HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_5xx_Count"
    ),
    on("namespace-misspelt", "OrderLatencyAlarm", "Namespace: Farebox", "Namespace: FareBox"),
    on("labels-that-do-not-come", "CreditStormAlarm", "{Name: code,", "{Name: reason,"),
    on(
        "error-that-does-not-exist",
        "CreditStormAlarm",
        "INSUFFICIENT_CREDITS",
        "INSUFFICIENT_CREDIT",
    ),
    on("stage-left-out", "OldestDueJobAlarm", "{Name: Stage, Value: !Ref Stage}, ", ""),
    on("sum-of-nothing", "HouseLossAlarm", "SUM(METRICS())", "SUM(losses)"),
    on("alarm-nobody-hears", "LedgerDamagedAlarm", "      AlarmActions: [!Ref NoticeTopic]\n", ""),
    on(
        "alarm-without-a-section",
        "LedgerDamagedAlarm",
        "#alarm-ledger-damaged",
        "#alarm-ledger-broken",
    ),
    on(
        "silence-that-says-nothing",
        "WorkerSilentAlarm",
        "TreatMissingData: breaching",
        "TreatMissingData: notBreaching",
    ),
    on("missing-audit-noticed-at-once", "AuditMissingAlarm", "Period: 43200", "Period: 7200"),
    on(
        "missing-audit-that-says-nothing",
        "AuditMissingAlarm",
        "TreatMissingData: breaching",
        "TreatMissingData: ignore",
    ),
    on("missing-audit-of-many", "AuditMissingAlarm", "Threshold: 1\n", "Threshold: 2\n"),
    on(
        "silence-that-alarms",
        "CreditStormAlarm",
        "TreatMissingData: notBreaching",
        "TreatMissingData: breaching",
    ),
    on(
        "page-of-nothing",
        "PageLedgerAlarm",
        'ALARM("${LedgerDamagedAlarm}")',
        'ALARM("LedgerDamagedAlarm")',
    ),
    on("dashboard-that-cannot-be-read", "Dashboard", '{"widgets": [', '{"widgets": [,'),
    on("dashboard-of-nothing", "Dashboard", '"Farebox", "Holds"', '"Farebox", "Hold"'),
    on(
        "topic-closed-to-events",
        "NoticeTopicPolicy",
        "Principal: {Service: events.amazonaws.com}",
        "Principal: {Service: budgets.amazonaws.com}",
    ),
)

SERVER_AND_IMAGE = (
    TemplateMutation("keepalive-of-gunicorns-own", SERVER, "keepalive = 75", "keepalive = 2"),
    TemplateMutation(
        "workers-that-keep-nothing-alive",
        SERVER,
        "worker_class = patient(",
        'worker_class = "sync"\n_patient = patient(',
    ),
    TemplateMutation(
        "control-socket-in-the-home",
        SERVER,
        "control_socket_disable = True",
        "control_socket_disable = False",
    ),
    TemplateMutation(
        "grace-beyond-the-stop", SERVER, "graceful_timeout = 30", "graceful_timeout = 60"
    ),
    TemplateMutation(
        "grace-below-an-order", SERVER, "graceful_timeout = 30", "graceful_timeout = 10"
    ),
    TemplateMutation("drain-forgotten", SERVER, "def when_ready(", "def when_it_is_ready("),
    TemplateMutation(
        "other-threads-than-the-settings",
        SERVER,
        'threads = int(os.environ.get("WEB_THREADS") or "32")',
        "threads = 64",
    ),
    TemplateMutation("image-of-root", IMAGE, "USER 10001:10001", "USER 0:0"),
    TemplateMutation("image-on-another-port", IMAGE, "EXPOSE 8080", "EXPOSE 80"),
    TemplateMutation(
        "image-with-the-simulators",
        IMAGE,
        "COPY --from=code /app /app",
        "COPY --from=local-code /app /app",
    ),
    TemplateMutation(
        "image-of-the-local-stack",
        IMAGE,
        "FROM runtime AS production\n",
        "FROM local AS production-too\n",
    ),
    TemplateMutation("packages-without-hashes", IMAGE, " --require-hashes", ""),
    TemplateMutation(
        "image-of-whatever-is-latest", IMAGE, "python:3.13-slim-bookworm\n\n", "python:latest\n\n"
    ),
    TemplateMutation("image-stopped-otherwise", IMAGE, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT"),
)

MUTATIONS = (
    *TASKS,
    *SERVICES,
    *NETWORK,
    *FIREWALL,
    *DATA_MISTAKES,
    *ROLES,
    *WATCHING,
    *SERVER_AND_IMAGE,
    *IN_FRONT,
    *PAGES,
)
