"""Mistakes in who is woken: alarms that little traffic never sets off, pages that hide each other, topics that take no word."""

from tests.infrastructure.mistakes.mistake import SERVICE, Mistake


def _on(name: str, resource: str, old: str, new: str) -> Mistake:
    return Mistake(name, SERVICE, old, new, f"\n  {resource}:\n")


_OR_LEDGER = ' OR ALARM("${LedgerDamagedAlarm}")'

PAGES = (
    _on(
        "one-policy-for-two-topics",
        "NoticeTopicPolicy",
        "Topics: [!Ref NoticeTopic]",
        "Topics: [!Ref NoticeTopic, !Ref PageTopic]",
    ),
    _on(
        "policy-that-names-two-topics",
        "PageTopicPolicy",
        "Resource: !Ref PageTopic",
        "Resource: [!Ref PageTopic, !Ref NoticeTopic]",
    ),
    _on("policy-of-another-topic", "PageTopicPolicy", "Topics: [!Ref PageTopic]", "Topics: [!Ref NoticeTopic]"),
    _on("page-closed-to-alarms", "PageTopicPolicy", "cloudwatch.amazonaws.com", "budgets.amazonaws.com"),
    _on("budget-before-its-topics-policy", "Budget", "    DependsOn: NoticeTopicPolicy\n", ""),
    _on("refusal-that-must-come-twice", "ProviderRefusesUsAlarm", "Threshold: 1\n", "Threshold: 2\n"),
    _on("refusal-that-must-last", "ProviderRefusesUsAlarm", "EvaluationPeriods: 1\n", "EvaluationPeriods: 3\n"),
    _on("refused-looks-unheard", "ProviderRefusesUsAlarm", "Value: worker", "Value: web"),
    _on("provider-out-of-reach-unheard", "ProviderNotReachedAlarm", "Threshold: 2\n", "Threshold: 20\n"),
    _on("one-order-out-of-reach-pages", "ProviderNotReachedAlarm", "Threshold: 2\n", "Threshold: 1\n"),
    _on("few-errors-unheard", "FewTargetErrorsAlarm", "requests >= 5", "requests >= 20"),
    _on("few-errors-with-a-short-memory", "FewTargetErrorsAlarm", "Period: 900", "Period: 60"),
    _on("one-error-of-few-pages", "FewTargetErrorsAlarm", "Threshold: 20\n", "Threshold: 5\n"),
    _on("few-unforeseen-errors-unheard", "FewInternalErrorsAlarm", "Threshold: 3\n", "Threshold: 30\n"),
    _on("one-unforeseen-error-pages", "FewInternalErrorsAlarm", "Threshold: 3\n", "Threshold: 1\n"),
    _on("few-answers-of-the-balancer-unheard", "FewBalancerErrorsAlarm", "FILL(requests, 0)", "requests"),
    _on(
        "few-answers-of-the-balancer-page-in-a-crowd",
        "FewBalancerErrorsAlarm",
        "errors >= 3, 100 * errors /",
        "errors >= 3, 100 * errors + 0 *",
    ),
    _on("few-errors-page-nobody", "PageAvailabilityAlarm", '        OR ALARM("${FewTargetErrorsAlarm}")\n', ""),
    _on(
        "one-page-for-everything",
        "PageProviderAlarm",
        'ALARM("${ProviderRefusesUsAlarm}")',
        'ALARM("${ProviderRefusesUsAlarm}")' + _OR_LEDGER,
    ),
    _on(
        "alarm-in-two-pages",
        "PageAuditAlarm",
        'ALARM("${AuditViolationsAlarm}")',
        'ALARM("${AuditViolationsAlarm}")' + _OR_LEDGER,
    ),
    _on(
        "page-that-wakes-nobody",
        "PageLedgerAlarm",
        "AlarmActions: [!Ref PageTopic]",
        "AlarmActions: [!Ref NoticeTopic]",
    ),
    _on(
        "violations-over-after-an-hour",
        "AuditViolationsAlarm",
        "TreatMissingData: ignore",
        "TreatMissingData: notBreaching",
    ),
    _on(
        "throttled-looks-unwatched",
        "TableThrottlesAlarm",
        "MetricName: ReadThrottleEvents, Dimensions: [{Name: TableName, Value: !Ref TableName}, {Name: GlobalSecondaryIndexName, Value: GSI2}]",
        "MetricName: ReadThrottleEvents, Dimensions: [{Name: TableName, Value: !Ref TableName}]",
    ),
    _on("failed-audit-unheard", "AuditFailures", "anything-but: 0", "anything-but: 1"),
    _on(
        "audit-that-never-starts-unheard",
        "AuditFailures",
        "            - stopCode: [TaskFailedToStart]\n",
        "",
    ),
    _on(
        "audit-of-another-cluster", "AuditFailures", "family:farebox-${Stage}-audit", "family:farebox-${Stage}-operator"
    ),
)
