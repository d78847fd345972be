"""Alarms and the dashboard. Which of the alarms page: paging.py."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.core.metrics import NAMESPACE, Metric
from service.live.entities import SOCKET_ERRORS, Ending
from tests.documents import errors
from tests.infrastructure.deployments import Deployment

ALARM = "CloudWatch::Alarm"
SERVICES = {"web", "worker", "relay", "cli"}
CODES = {error.code for error in (*errors(), *SOCKET_ERRORS)}
# Metrics that AWS publishes, from the documentation of each service.
KNOWN = {
    "AWS/ApplicationELB": {
        "ActiveConnectionCount",
        "HTTPCode_ELB_4XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "HTTPCode_Target_2XX_Count",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HealthyHostCount",
        "RejectedConnectionCount",
        "RequestCount",
        "RequestCountPerTarget",
        "TargetConnectionErrorCount",
        "TargetResponseTime",
        "UnHealthyHostCount",
    },
    "AWS/CertificateManager": {"DaysToExpiry"},
    "AWS/DynamoDB": {
        "ConditionalCheckFailedRequests",
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "SuccessfulRequestLatency",
        "SystemErrors",
        "ThrottledRequests",
        "TransactionConflict",
        "UserErrors",
        "WriteThrottleEvents",
    },
    "AWS/ECS": {"CPUUtilization", "MemoryUtilization"},
    "AWS/SES": {"Reputation.BounceRate", "Reputation.ComplaintRate"},
    "AWS/WAFV2": {"AllowedRequests", "BlockedRequests", "CountedRequests"},
    "ECS/ContainerInsights": {"DesiredTaskCount", "PendingTaskCount", "RunningTaskCount"},
}
# The sets of dimensions that each namespace publishes. An alarm with another set never goes off.
DIMENSIONS = {
    "AWS/ApplicationELB": ({"LoadBalancer"}, {"LoadBalancer", "TargetGroup"}),
    "AWS/CertificateManager": ({"CertificateArn"},),
    "AWS/DynamoDB": (
        {"TableName"},
        {"TableName", "Operation"},
        {"TableName", "GlobalSecondaryIndexName"},
    ),
    "AWS/ECS": ({"ClusterName", "ServiceName"},),
    "AWS/SES": ({"ses:configuration-set"},),
    "AWS/WAFV2": ({"WebACL", "Region", "Rule"},),
    "ECS/ContainerInsights": ({"ClusterName", "ServiceName"},),
}
OF_TARGETS = {"HealthyHostCount", "UnHealthyHostCount", "RequestCountPerTarget"}
# Metrics of what must never break; each must have at least one alarm.
MUST_BE_WATCHED = {
    Metric.AUDIT_VIOLATIONS,
    Metric.DEAD_LETTERS,
    Metric.EVENTS,
    Metric.GRANT_ALARMS,
    Metric.HOUSE_BUDGET_USED,
    Metric.HOUSE_LIMIT_REFUSALS,
    Metric.HOUSE_LOSS,
    Metric.JOB_ALARMS,
    Metric.LEDGER_DAMAGED,
    Metric.MONEY_BACK_DEBT,
    Metric.OLDEST_DUE_JOB_SECONDS,
    Metric.PASSKEY_COPIES,
    Metric.PROVIDER_ERRORS,
    Metric.PAYMENT_ALARMS,
    Metric.ORDER_MISMATCHES,
    Metric.STRIPE_DEAD_EVENTS,
    Metric.STRIPE_EVENT_AGE_SECONDS,
    Metric.STRIPE_EVENTS_MISSED,
    Metric.STRIPE_SEARCH_AGE_SECONDS,
    Metric.STRIPE_WEBHOOKS_NOT_STORED,
    Metric.STRIPE_WEBHOOKS_REFUSED,
    Metric.PROVIDER_FOREIGN_TASKS,
    Metric.PROVIDER_NOT_REACHED,
    Metric.PROVIDER_REFUSES_US,
    Metric.PROVIDER_SILENT,
    Metric.USAGE_FAULTS,
    Metric.USER_CAP_REFUSALS,
    Metric.VIDEO_COPY_FAILURES,
    Metric.WEBHOOKS_DISABLED,
}
# Where there is a relay.
MUST_BE_WATCHED_LIVE = {Metric.LIVE_ENDINGS, Metric.LIVE_NOT_SETTLED}


def alarm_metrics(deployment: Deployment) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Every metric of an alarm as (alarm, namespace, metric, dimensions)."""
    for name, alarm in deployment.service.of(ALARM).items():
        stated = [alarm] if "MetricName" in alarm else []
        stated += [
            query["MetricStat"]["Metric"]
            for query in alarm.get("Metrics", [])
            if "MetricStat" in query
        ]
        for metric in stated:
            dimensions = {pair["Name"]: str(pair["Value"]) for pair in metric.get("Dimensions", [])}
            yield name, metric["Namespace"], metric["MetricName"], dimensions


def every_alarm_watches_a_metric_that_exists(deployment: Deployment) -> Iterator[str]:
    for name, namespace, metric, dimensions in alarm_metrics(deployment):
        yield from (
            f"{name}: {fault}"
            for fault in _metric_faults(deployment, namespace, metric, dimensions)
        )


def every_alarm_of_several_metrics_adds_up(deployment: Deployment) -> Iterator[str]:
    """Each id is used, each name in an expression is an id, exactly one query returns data, and all
    have the same period."""
    for name, alarm in deployment.service.of(ALARM).items():
        queries = alarm.get("Metrics", [])
        ids = {query["Id"] for query in queries}
        returning = [query for query in queries if query.get("ReturnData", True) is True]
        if queries and len(returning) != 1:
            yield f"{name} has {len(returning)} queries that return data: keep one"
        if len({query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}) > 1:
            yield f"{name} combines different periods: use one"
        for expression in (query["Expression"] for query in queries if "Expression" in query):
            words = set(re.findall(r"\b[a-z][A-Za-z0-9_]*\b", expression))
            yield from (
                f"{name}: the expression uses {word}, which is no id of a query"
                for word in sorted(words - ids)
            )
            unused = {query["Id"] for query in queries if "MetricStat" in query} - words
            if "METRICS()" not in expression:
                yield from (
                    f"{name}: no expression uses the query {word}" for word in sorted(unused)
                )


def every_alarm_has_a_receiver(deployment: Deployment) -> Iterator[str]:
    receivers = {
        f"<{name}>"
        for kind in ("SNS::Topic", "ApplicationAutoScaling::ScalingPolicy")
        for name in deployment.service.of(kind)
    }
    for kind in (ALARM, "CloudWatch::CompositeAlarm"):
        for name, alarm in deployment.service.of(kind).items():
            actions = set(alarm.get("AlarmActions", []))
            if not actions or actions - receivers or alarm.get("ActionsEnabled", True) is not True:
                yield (
                    f"{name} notifies {sorted(actions)}: name topics or scaling policies of the "
                    f"stack"
                )


def every_alarm_names_its_runbook_section(deployment: Deployment) -> Iterator[str]:
    """Each description ends with a command to run first and the address of a section of the
    runbook."""
    runbook = deployment.root / "docs" / "runbook.md"
    sections = _sections(runbook.read_text(encoding="utf-8")) if runbook.exists() else set()
    for kind in (ALARM, "CloudWatch::CompositeAlarm"):
        for name, alarm in deployment.service.of(kind).items():
            found = re.search(
                r"Run: make .*\bSTAGE=\w.* docs/runbook\.md#([a-z0-9-]+)$",
                str(alarm.get("AlarmDescription", "")),
            )
            if found is None or found[1] not in sections:
                yield (
                    f"{name} refers to {found[1] if found else 'no section'}: "
                    "name an existing section of docs/runbook.md"
                )


def every_alarm_decides_what_missing_data_means(deployment: Deployment) -> Iterator[str]:
    """Missing data of a metric that is published every minute is an alarm; of a metric that is
    published on an event it is none. Every alarm states which."""
    steady = {
        "HealthyHostCount",
        Metric.OLDEST_DUE_JOB_SECONDS.value,
        Metric.AUDIT_VIOLATIONS.value,
    }
    for name, alarm in deployment.service.of(ALARM).items():
        missing = alarm.get("TreatMissingData")
        if missing is None:
            yield f"{name} does not state what missing data means: set TreatMissingData"
        watched = {metric for owner, _, metric, _ in alarm_metrics(deployment) if owner == name}
        if missing == "breaching" and not watched <= steady:
            yield f"{name} would go off whenever nothing happens: use notBreaching"


def an_audit_alarm_stays_on_until_an_audit_finds_nothing(
    deployment: Deployment,
) -> Iterator[str]:
    """The metric comes once a day: an alarm that missing data ends would be over before anybody has
    acted."""
    for name, alarm in deployment.service.of(ALARM).items():
        found = (
            alarm.get("MetricName") == Metric.AUDIT_VIOLATIONS
            and alarm["Statistic"] != "SampleCount"
        )
        if found and alarm["TreatMissingData"] != "ignore":
            yield f"{name} ends without an audit that finds nothing: ignore missing data"


def throttling_is_watched_wherever_it_can_happen(deployment: Deployment) -> Iterator[str]:
    """The metrics of a table do not include those of its indexes (DynamoDB, metrics and
    dimensions)."""
    if not deployment.guarded:
        return
    indexes = [
        index["IndexName"]
        for index in deployment.data.one("DynamoDB::Table")["GlobalSecondaryIndexes"]
    ]
    watched = {
        (name, where.get("GlobalSecondaryIndexName"))
        for _, _, name, where in alarm_metrics(deployment)
    }
    wanted = {
        (f"{kind}ThrottleEvents", index) for kind in ("Read", "Write") for index in (None, *indexes)
    }
    yield from (
        f"no alarm watches {name} of {index or 'the table'}"
        for name, index in sorted(wanted - watched, key=str)
    )


def what_must_never_break_is_watched(deployment: Deployment) -> Iterator[str]:
    if not deployment.guarded:
        return
    watched = {
        metric for _, namespace, metric, _ in alarm_metrics(deployment) if namespace == NAMESPACE
    }
    wanted = MUST_BE_WATCHED | (MUST_BE_WATCHED_LIVE if deployment.relay else set())
    missing = sorted(metric.value for metric in wanted if metric.value not in watched)
    yield from (f"no alarm watches {name}" for name in missing)
    silent = [
        alarm
        for alarm in deployment.service.of(ALARM).values()
        if alarm.get("MetricName") == Metric.OLDEST_DUE_JOB_SECONDS
        and alarm.get("TreatMissingData") == "breaching"
    ]
    if not silent:
        yield "no alarm goes off when the worker is gone: breach on missing OldestDueJobSeconds"


def an_audit_that_never_ends_is_noticed(deployment: Deployment) -> Iterator[str]:
    """An audit may end early on one day and late on the next, so the alarm looks back a day and a
    half. Only the end of an audit, or a violation, publishes the metric."""
    if not deployment.guarded:
        return
    found = [
        alarm
        for alarm in deployment.service.of(ALARM).values()
        if alarm.get("MetricName") == Metric.AUDIT_VIOLATIONS
        and alarm.get("Statistic") == "SampleCount"
    ]
    hours = [int(alarm["Period"]) * int(alarm["EvaluationPeriods"]) / 3600 for alarm in found]
    if not any(
        alarm["TreatMissingData"] == "breaching"
        and alarm["ComparisonOperator"] == "LessThanThreshold"
        and int(alarm["Threshold"]) == 1
        and int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))
        == int(alarm["EvaluationPeriods"])
        and 36 <= length <= 48
        for alarm, length in zip(found, hours, strict=True)
    ):
        yield f"alarms for a missing audit look back {hours} hours: 36 to 48 are needed"


def a_dead_service_is_noticed(deployment: Deployment) -> Iterator[str]:
    if not deployment.guarded:
        return
    found = [
        alarm
        for alarm in deployment.service.of(ALARM).values()
        if alarm.get("MetricName") == "HealthyHostCount"
    ]
    if not any(
        alarm["TreatMissingData"] == "breaching"
        and alarm["ComparisonOperator"].startswith("LessThan")
        for alarm in found
    ):
        yield "no alarm goes off without a healthy target"


def no_alarm_on_missing_data_rolls_a_deployment_back(deployment: Deployment) -> Iterator[str]:
    """Such an alarm is on before the first task has published anything, and would roll the first
    deployment back."""
    alarms = deployment.service.of(ALARM)
    for name, service in deployment.service.of("ECS::Service").items():
        for alarm in service["DeploymentConfiguration"].get("Alarms", {}).get("AlarmNames", []):
            if alarms.get(alarm.strip("<>"), {}).get("TreatMissingData") == "breaching":
                yield f"{name} rolls back on {alarm}, which missing data sets off: remove it"


def the_dashboard_shows_metrics_that_exist(deployment: Deployment) -> Iterator[str]:
    for name, dashboard in deployment.service.of("CloudWatch::Dashboard").items():
        try:
            widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        except (ValueError, KeyError, TypeError) as error:
            yield f"the body of {name} is not valid: {error!r}"
            continue
        for widget in widgets:
            for row in widget["properties"].get("metrics", []):
                yield from (f"{name}: {fault}" for fault in _row_faults(deployment, row))


def the_widgets_of_the_dashboard_do_not_overlap(deployment: Deployment) -> Iterator[str]:
    for name, dashboard in deployment.service.of("CloudWatch::Dashboard").items():
        taken: set[tuple[int, int]] = set()
        for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
            cells = {
                (widget["x"] + i, widget["y"] + j)
                for i in range(widget["width"])
                for j in range(widget["height"])
            }
            if cells & taken or widget["x"] + widget["width"] > 24:
                yield f"{name}: the widget {widget['properties'].get('title')} overlaps another"
            taken |= cells


def _row_faults(deployment: Deployment, row: list[Any]) -> Iterator[str]:
    words = [part for part in row if isinstance(part, str)]
    if len(words) < 2:
        return
    namespace, metric, *pairs = words
    yield from _metric_faults(
        deployment, namespace, metric, dict(zip(pairs[::2], pairs[1::2], strict=True))
    )


def _metric_faults(
    deployment: Deployment, namespace: str, metric: str, dimensions: Mapping[str, str]
) -> Iterator[str]:
    if namespace == NAMESPACE:
        yield from _own_faults(deployment, metric, dimensions)
    elif metric not in KNOWN.get(namespace, set()):
        yield f"{namespace} has no metric {metric}"
    elif set(dimensions) not in DIMENSIONS[namespace] or (
        metric in OF_TARGETS and "TargetGroup" not in dimensions
    ):
        yield f"{metric} is not published with the dimensions {sorted(dimensions)}"
    else:
        yield from _pointing_faults(deployment, metric, dimensions)


def _own_faults(
    deployment: Deployment, metric: str, dimensions: Mapping[str, str]
) -> Iterator[str]:
    labels = deployment.emitted.get(metric)
    if labels is None:
        yield f"the code publishes no metric {metric}"
        return
    if dimensions.get("Stage") != deployment.stage or dimensions.get("Service") not in SERVICES:
        yield f"{metric} has the dimensions Stage and Service, not {dict(dimensions)}"
    if set(dimensions) - {"Stage", "Service"} not in labels:
        yield f"{metric} is not published with the dimensions {sorted(dimensions)}"
    if "code" in dimensions and dimensions["code"] not in CODES:
        yield f"{metric}: the API has no error {dimensions['code']}"
    if "ending" in dimensions and dimensions["ending"] not in set(Ending):
        yield f"{metric}: no live session ends by {dimensions['ending']}"


def _pointing_faults(
    deployment: Deployment, metric: str, dimensions: Mapping[str, str]
) -> Iterator[str]:
    wanted: dict[str, set[str]] = {
        "TableName": {str(deployment.service.parameters["TableName"])},
        "LoadBalancer": _attribute(
            deployment, "ElasticLoadBalancingV2::LoadBalancer", ".LoadBalancerFullName"
        ),
        "TargetGroup": _attribute(
            deployment, "ElasticLoadBalancingV2::TargetGroup", ".TargetGroupFullName"
        ),
        "ses:configuration-set": _attribute(deployment, "SES::ConfigurationSet", ""),
        "ClusterName": _attribute(deployment, "ECS::Cluster", ""),
        "ServiceName": _attribute(deployment, "ECS::Service", ".Name"),
    }
    for name, value in dimensions.items():
        if name in wanted and value not in wanted[name]:
            yield f"{metric}: {name} is {value}, it must be one of {sorted(wanted[name])}"


def _attribute(deployment: Deployment, kind: str, attribute: str) -> set[str]:
    return {f"<{name}{attribute}>" for name in deployment.service.of(kind)}


def _sections(text: str) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them; and those set by hand."""
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    made = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
