"""Mutations of who is paged, by what and how soon."""

from tests.infrastructure.template_mutations.mutation import on

_OR_LEDGER = ' OR ALARM("${LedgerDamagedAlarm}")'


PAGING = (
    on(
        "one-policy-for-two-topics",
        "NoticeTopicPolicy",
        "Topics: [!Ref NoticeTopic]",
        "Topics: [!Ref NoticeTopic, !Ref PageTopic]",
    ),
    on(
        "policy-that-names-two-topics",
        "PageTopicPolicy",
        "Resource: !Ref PageTopic",
        "Resource: [!Ref PageTopic, !Ref NoticeTopic]",
    ),
    on(
        "policy-of-another-topic",
        "PageTopicPolicy",
        "Topics: [!Ref PageTopic]",
        "Topics: [!Ref NoticeTopic]",
    ),
    on(
        "page-closed-to-alarms",
        "PageTopicPolicy",
        "cloudwatch.amazonaws.com",
        "budgets.amazonaws.com",
    ),
    on(
        "refusal-that-must-come-twice", "ProviderRefusesUsAlarm", "Threshold: 1\n", "Threshold: 2\n"
    ),
    on(
        "refusal-that-must-last",
        "ProviderRefusesUsAlarm",
        "EvaluationPeriods: 1\n",
        "EvaluationPeriods: 3\n",
    ),
    on("refused-looks-unheard", "ProviderRefusesUsAlarm", "Value: worker", "Value: web"),
    on(
        "provider-out-of-reach-unheard",
        "ProviderNotReachedAlarm",
        "Threshold: 2\n",
        "Threshold: 20\n",
    ),
    on(
        "one-order-out-of-reach-pages",
        "ProviderNotReachedAlarm",
        "Threshold: 2\n",
        "Threshold: 1\n",
    ),
    on("few-errors-unheard", "FewTargetErrorsAlarm", "requests >= 5", "requests >= 20"),
    on("few-errors-with-a-short-memory", "FewTargetErrorsAlarm", "Period: 900", "Period: 60"),
    on("one-error-of-few-pages", "FewTargetErrorsAlarm", "Threshold: 20\n", "Threshold: 5\n"),
    on(
        "few-unforeseen-errors-unheard",
        "FewInternalErrorsAlarm",
        "Threshold: 3\n",
        "Threshold: 30\n",
    ),
    on("one-unforeseen-error-pages", "FewInternalErrorsAlarm", "Threshold: 3\n", "Threshold: 1\n"),
    on(
        "few-answers-of-the-balancer-unheard",
        "FewBalancerErrorsAlarm",
        "FILL(requests, 0)",
        "requests",
    ),
    on(
        "few-answers-of-the-balancer-page-in-a-crowd",
        "FewBalancerErrorsAlarm",
        "errors >= 3, 100 * errors /",
        "errors >= 3, 100 * errors + 0 *",
    ),
    on(
        "few-errors-page-no-one",
        "PageAvailabilityAlarm",
        '        OR ALARM("${FewTargetErrorsAlarm}")\n',
        "",
    ),
    on(
        "one-page-for-everything",
        "PageProviderAlarm",
        'ALARM("${ProviderRefusesUsAlarm}")',
        'ALARM("${ProviderRefusesUsAlarm}")' + _OR_LEDGER,
    ),
    on(
        "alarm-in-two-pages",
        "PageAuditAlarm",
        'ALARM("${AuditViolationsAlarm}")',
        'ALARM("${AuditViolationsAlarm}")' + _OR_LEDGER,
    ),
    on(
        "page-that-wakes-no-one",
        "PageLedgerAlarm",
        "AlarmActions: [!Ref PageTopic]",
        "AlarmActions: [!Ref NoticeTopic]",
    ),
    on(
        "violations-over-after-an-hour",
        "AuditViolationsAlarm",
        "TreatMissingData: ignore",
        "TreatMissingData: notBreaching",
    ),
    on(
        "throttled-looks-unwatched",
        "TableThrottlesAlarm",
        ", {Name: GlobalSecondaryIndexName, Value: GSI2}]",
        "]",
    ),
    on("failed-audit-unheard", "AuditFailures", "anything-but: 0", "anything-but: 1"),
    on(
        "audit-that-never-starts-unheard",
        "AuditFailures",
        "            - stopCode: [TaskFailedToStart]\n",
        "",
    ),
    on(
        "audit-of-another-cluster",
        "AuditFailures",
        "family:farebox-${Stage}-audit",
        "family:farebox-${Stage}-operator",
    ),
)
