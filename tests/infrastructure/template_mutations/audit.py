"""Mutations of the scheduled audit: its command, its record, its schedule and who may start it."""

from tests.infrastructure.template_mutations.mutation import SERVICE, TemplateMutation

AUDIT = (
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
)
