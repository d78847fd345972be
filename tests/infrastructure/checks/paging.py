"""Which alarms page, how soon, and whether the page is delivered."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moto.events.models import EventPattern

from tests.infrastructure.alarms import MINUTES, Counts, fires, watched_series
from tests.infrastructure.deployments import Deployment

ALARM = "CloudWatch::Alarm"
PAGE = "CloudWatch::CompositeAlarm"
# Counts of each minute of a quarter of an hour: one event every three minutes, a single event, and
# a busy service.
SELDOM = [1, 0, 0] * (MINUTES // 3)
ONCE = [1] + [0] * (MINUTES - 1)
THRICE = [3] + [0] * (MINUTES - 1)
BUSY = [600] * MINUTES
# What must page although there is little traffic, as a caller of the API sees it.
TROUBLES: Mapping[str, Counts] = {
    "every request ends in 5xx": {"RequestCount": SELDOM, "HTTPCode_Target_5XX_Count": SELDOM},
    "every request ends in an unforeseen error": {"Refusals web INTERNAL_ERROR": SELDOM},
    "the balancer itself responds to every request with 5xx": {"HTTPCode_ELB_5XX_Count": SELDOM},
    "the provider refused a submission": {"ProviderRefusesUs web": ONCE},
    "the provider refused a poll": {"ProviderRefusesUs worker": ONCE},
    "no submission reaches the provider": {"ProviderNotReached web": SELDOM},
}
# What must page no one.
ODD: Mapping[str, Counts] = {
    "one request of many ended in 5xx": {"RequestCount": BUSY, "HTTPCode_Target_5XX_Count": ONCE},
    "one request of few ended in 5xx": {"RequestCount": SELDOM, "HTTPCode_Target_5XX_Count": ONCE},
    "one request ended in an unforeseen error": {"Refusals web INTERNAL_ERROR": ONCE},
    "the balancer itself responded to three of many with 5xx": {
        "RequestCount": BUSY,
        "HTTPCode_ELB_5XX_Count": THRICE,
    },
    "one submission did not reach the provider": {"ProviderNotReached web": ONCE},
}


def little_traffic_that_all_fails_pages_within_a_quarter_of_an_hour(
    deployment: Deployment,
) -> Iterator[str]:
    for trouble, counts in TROUBLES.items() if deployment.guarded else ():
        if not _paged_by(deployment, counts):
            yield f"no alarm pages when {trouble}: lower its threshold or its period"


def one_odd_failure_pages_no_one(deployment: Deployment) -> Iterator[str]:
    for odd, counts in ODD.items():
        yield from (
            f"{name} pages although only {odd}: raise its threshold"
            for name in _paged_by(deployment, counts)
        )


def an_audit_that_fails_or_never_starts_is_reported(deployment: Deployment) -> Iterator[str]:
    """Matched by moto's implementation of EventBridge patterns, for which a list of one container
    is that container."""
    started = {
        "clusterArn": "<Cluster.Arn>",
        "group": f"family:farebox-{deployment.stage}-audit",
        "lastStatus": "STOPPED",
    }
    endings: Mapping[str, tuple[bool, Mapping[str, Any]]] = {
        "found violations": (
            True,
            {"containers": {"exitCode": 1}, "stopCode": "EssentialContainerExited"},
        ),
        "could not run": (
            True,
            {"containers": {"exitCode": 2}, "stopCode": "EssentialContainerExited"},
        ),
        "could not start": (
            True,
            {"containers": {"name": "audit"}, "stopCode": "TaskFailedToStart"},
        ),
        "found nothing": (
            False,
            {"containers": {"exitCode": 0}, "stopCode": "EssentialContainerExited"},
        ),
    }
    for what, (is_reported, detail) in endings.items():
        event: Any = {
            "source": "aws.ecs",
            "detail-type": "ECS Task State Change",
            "detail": started | detail,
        }
        rules = [
            rule
            for rule in deployment.service.of("Events::Rule").values()
            if _matches(rule["EventPattern"], event)
        ]
        if bool(rules) != is_reported:
            yield (
                f"an audit that {what} is {'not ' if is_reported else ''}reported: "
                "correct the EventPattern"
            )


def _matches(pattern: dict[str, Any], event: Any) -> bool:
    return EventPattern(None, pattern).matches_event(event)


def no_page_hides_another(deployment: Deployment) -> Iterator[str]:
    """A page is silent while it is in alarm. So each alarm is part of one page, and an alarm that
    stays on until somebody acts has a page of its own."""
    alarms = deployment.service.of(ALARM)
    pages = {name: _pointed(page) for name, page in deployment.service.of(PAGE).items()}
    counted = Counter(alarm for parts in pages.values() for alarm in parts)
    yield from (
        f"{alarm} is part of {times} pages: keep it in one"
        for alarm, times in counted.items()
        if times > 1
    )
    for name, parts in pages.items():
        standing = [
            alarm for alarm in parts if alarms.get(alarm, {}).get("TreatMissingData") == "ignore"
        ]
        if standing and len(parts) > 1:
            yield f"{name} is silent while {standing[0]} stays on: give that alarm its own page"
        if len({_theme(alarms.get(alarm, {})) for alarm in parts}) > 1:
            yield f"{name} mixes alarms of several subjects: split it"


def every_page_reaches_the_pager(deployment: Deployment) -> Iterator[str]:
    pagers = {
        subscription["TopicArn"]
        for subscription in deployment.service.of("SNS::Subscription").values()
        if subscription["Protocol"] == "https"
    }
    for name, page in deployment.service.of(PAGE).items():
        if pagers and not pagers <= set(page["AlarmActions"]):
            yield f"{name} does not notify the topic of the pager: add it to AlarmActions"


def a_page_is_made_of_alarms_that_exist(deployment: Deployment) -> Iterator[str]:
    alarms = set(deployment.service.of(ALARM))
    for name, page in deployment.service.of(PAGE).items():
        used = _parts(page)
        wrong = [
            alarm
            for alarm in used
            if alarm.strip("<>").removesuffix(".Arn") not in alarms or "<" not in alarm
        ]
        if not used or wrong:
            yield f"{name} refers to {wrong}, which are no alarms of the stack: correct AlarmRule"


def every_publisher_may_publish_to_its_topic(deployment: Deployment) -> Iterator[str]:
    topics = {f"<{name}>" for name in deployment.service.of("SNS::Topic")}
    granted = {
        (principal, resource)
        for policy in deployment.service.of("SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        for principal in _listed(statement["Principal"]["Service"])
        for resource in _listed(statement["Resource"])
    }
    used = {
        ("cloudwatch.amazonaws.com", topic)
        for kind in (ALARM, PAGE)
        for alarm in deployment.service.of(kind).values()
        for topic in alarm["AlarmActions"]
    }
    used |= {
        ("events.amazonaws.com", target["Arn"])
        for rule in deployment.service.of("Events::Rule").values()
        for target in rule["Targets"]
    }
    yield from (
        f"{who} may not publish to {topic}: allow it in the policy of the topic"
        for who, topic in sorted(used)
        if topic in topics and (who, topic) not in granted
    )


def every_publisher_may_use_the_key_of_the_topics(deployment: Deployment) -> Iterator[str]:
    """Topics are encrypted: without the key an alarm is not delivered, and nothing reports that."""
    statements = deployment.data.of("KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    permitted = {
        who
        for statement in statements
        for who in _listed(statement["Principal"].get("Service", []))
    }
    for who in sorted({"cloudwatch.amazonaws.com", "events.amazonaws.com"} - permitted):
        yield f"{who} may not use the key of the topics: allow it in KeyPolicy"


def each_topic_has_a_policy_of_its_own(deployment: Deployment) -> Iterator[str]:
    """SNS accepts one resource in a policy, which must be the topic itself (SNS, Amazon SNS API
    permissions, policy quotas)."""
    for name, policy in deployment.service.of("SNS::TopicPolicy").items():
        named = {
            resource
            for statement in policy["PolicyDocument"]["Statement"]
            for resource in _listed(statement["Resource"])
        }
        if len(policy["Topics"]) != 1 or named != set(policy["Topics"]):
            yield (
                f"{name} is for {policy['Topics']} and names {sorted(named)}: "
                "both must be one topic"
            )


def _paged_by(deployment: Deployment, counts: Counts) -> list[str]:
    """The paging alarms that watch one of these series and go off."""
    alarms = deployment.service.of(ALARM)
    paging = {alarm for page in deployment.service.of(PAGE).values() for alarm in _pointed(page)}
    # An alarm on a ratio watches RequestCount too, so RequestCount alone does not select it.
    watching = {
        name
        for name in paging & set(alarms)
        if watched_series(alarms[name]) & (set(counts) - {"RequestCount"})
    }
    return sorted(name for name in watching if fires(alarms[name], counts))


def _theme(alarm: Mapping[str, Any]) -> str:
    """The subject of an alarm: ledger, audit, provider, or the availability of the service."""
    series = " ".join(watched_series(alarm))
    return next(
        (theme for theme in ("Ledger", "Audit", "Provider") if theme in series), "availability"
    )


def _parts(page: Mapping[str, Any]) -> list[str]:
    return re.findall(r"(?:ALARM|OK|INSUFFICIENT_DATA)\(\"?([^\")]+)\"?\)", page["AlarmRule"])


def _pointed(page: Mapping[str, Any]) -> list[str]:
    return [part.strip("<>").removesuffix(".Arn") for part in _parts(page)]


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
