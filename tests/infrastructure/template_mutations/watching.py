"""Mutations of the alarms, their metrics and the dashboard."""

from tests.infrastructure.template_mutations.mutation import on

WATCHING = (
    on("bounces-misspelt", "MailBouncesAlarm", "Reputation.BounceRate", "Reputation.Bounces"),
    on("complaints-of-no-one", "MailComplaintsAlarm", "!Ref MailConfigurationSet", "farebox"),
    on(
        "statistic-twice",
        "TargetLatencyAlarm",
        "      ExtendedStatistic: p99\n",
        "      ExtendedStatistic: p99\n      Statistic: Average\n",
    ),
    on(
        "metric-of-no-one",
        "OldestDueJobAlarm",
        "MetricName: OldestDueJobSeconds",
        "MetricName: OldestJobSeconds",
    ),
    on(
        "metric-misspelt", "BalancerErrorsAlarm", "HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_5xx_Count"
    ),
    on("namespace-misspelt", "PaidRequestLatencyAlarm", "Namespace: Farebox", "Namespace: FareBox"),
    on("labels-that-do-not-come", "CreditStormAlarm", "{Name: code,", "{Name: reason,"),
    on(
        "error-that-does-not-exist",
        "CreditStormAlarm",
        "INSUFFICIENT_CREDITS",
        "INSUFFICIENT_CREDIT",
    ),
    on(
        "erasure-without-a-section",
        "ErasureOverdueAlarm",
        "#alarm-erasure-overdue",
        "#alarm-erasure-late",
    ),
    on(
        "copies-of-passkeys-unwatched", "PasskeyCopiedAlarm", "PasskeyCopies", "RefreshTokensReused"
    ),
    on(
        "payments-without-a-section",
        "PaymentsNeedAttentionAlarm",
        "#alarm-payments-need-attention",
        "#alarm-payments",
    ),
    on(
        "debt-of-money-back-unwatched",
        "MoneyBackDebtAlarm",
        "#alarm-money-back-debt",
        "#alarm-money-back",
    ),
    on("given-up-events-unwatched", "StripeEventsStuckAlarm", "StripeDeadEvents", "DeadLetters"),
    on("late-events-unwatched", "StripeEventsLateAlarm", "StripeEventAgeSeconds", "DeadLetters"),
    on(
        "missed-events-unwatched",
        "StripeEventsMissedAlarm",
        "MetricName: StripeEventsMissed",
        "MetricName: DeadLetters",
    ),
    on("search-unwatched", "StripeSearchStoppedAlarm", "StripeSearchAgeSeconds", "DeadLetters"),
    on("refused-events-unwatched", "StripeWebhooksFailAlarm", "StripeWebhooksRefused", "Refusals"),
    on(
        "table-out-of-reach-of-workers-alone",
        "StorageUnavailableAlarm",
        "{Name: Service, Value: worker}",
        "{Name: Service, Value: web}",
    ),
    on(
        "table-out-of-reach-of-relays-alone",
        "StorageUnavailableAlarm",
        "{Name: Service, Value: relay}",
        "{Name: Service, Value: cli}",
    ),
    on("stage-left-out", "OldestDueJobAlarm", "{Name: Stage, Value: !Ref Stage}, ", ""),
    on("usage-faults-unwatched", "UsageFaultsAlarm", "UsageFaults", "UsageFault"),
    on("ending-of-no-session", "LiveVendorFaultsAlarm", "vendor_fault", "vendor_faults"),
    on("code-of-no-socket", "LiveSaturatedAlarm", "LIVE_SATURATED", "LIVE_FULL"),
    on("sum-of-nothing", "HouseLossAlarm", "SUM(METRICS())", "SUM(losses)"),
    on("alarm-no-one-hears", "LedgerDamagedAlarm", "      AlarmActions: [!Ref NoticeTopic]\n", ""),
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
    on("relay-not-on-the-dashboard", "Dashboard", '"LiveNotSettled"', '"LiveEndings"'),
    on("route-of-no-request", "Dashboard", "POST /ai/generate", "POST /texts"),
    on("dashboard-of-nothing", "Dashboard", '"Farebox", "Holds"', '"Farebox", "Hold"'),
    on(
        "topic-closed-to-events",
        "NoticeTopicPolicy",
        "Principal: {Service: events.amazonaws.com}",
        "Principal: {Service: budgets.amazonaws.com}",
    ),
)
