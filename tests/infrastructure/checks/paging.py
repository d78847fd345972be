"""Who is woken, by what, and how soon."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moto.events.models import EventPattern

from tests.infrastructure.alarms import MINUTES, Told, looks_at, sounds
from tests.infrastructure.deployments import Deployment

ALARM = "CloudWatch::Alarm"
PAGE = "CloudWatch::CompositeAlarm"
# One thing every three minutes, every one of them failing; and one odd failure in a busy quarter of
# an hour.
SELDOM = [1, 0, 0] * (MINUTES // 3)
ONCE = [1] + [0] * (MINUTES - 1)
THRICE = [3] + [0] * (MINUTES - 1)
BUSY = [600] * MINUTES
# What must page although there is little traffic: told from the side of whoever orders.
TROUBLES: Mapping[str, Told] = {
    "every request ends in 5xx": {"RequestCount": SELDOM, "HTTPCode_Target_5XX_Count": SELDOM},
    "every request ends in an error nobody foresaw": {"Refusals web INTERNAL_ERROR": SELDOM},
    "the balancer answers every request itself": {"HTTPCode_ELB_5XX_Count": SELDOM},
    "an order was refused": {"ProviderRefusesUs web": ONCE},
    "a look was refused": {"ProviderRefusesUs worker": ONCE},
    "no order reaches the provider": {"ProviderNotReached web": SELDOM},
}
# What must wake nobody.
ODD: Mapping[str, Told] = {
    "one request of many ended in 5xx": {"RequestCount": BUSY, "HTTPCode_Target_5XX_Count": ONCE},
    "one request of few ended in 5xx": {"RequestCount": SELDOM, "HTTPCode_Target_5XX_Count": ONCE},
    "one request ended in an error nobody foresaw": {"Refusals web INTERNAL_ERROR": ONCE},
    "the balancer answered three of many itself": {
        "RequestCount": BUSY,
        "HTTPCode_ELB_5XX_Count": THRICE,
    },
    "one order did not reach the provider": {"ProviderNotReached web": ONCE},
}


def little_traffic_that_all_fails_pages_within_a_quarter_of_an_hour(
    deployment: Deployment,
) -> Iterator[str]:
    for trouble, told in TROUBLES.items():
        if not _woken_by(deployment, told):
            yield f"nobody hears that {trouble}"


def one_odd_failure_wakes_nobody(deployment: Deployment) -> Iterator[str]:
    for odd, told in ODD.items():
        yield from (f"{name} pages because {odd}" for name in _woken_by(deployment, told))


def an_audit_that_fails_or_never_starts_is_told(deployment: Deployment) -> Iterator[str]:
    """By EventBridge's own rules, as moto knows them (it takes an event's list of one container for
    that container)."""
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
    for what, (is_told, detail) in endings.items():
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
        if bool(rules) != is_told:
            yield f"an audit that {what} is {'not ' if is_told else ''}told"


def _matches(pattern: dict[str, Any], event: Any) -> bool:
    return EventPattern(None, pattern).matches_event(event)


def no_page_hides_another(deployment: Deployment) -> Iterator[str]:
    """A page tells nothing while it is on: each alarm has its place in one, and what stands until
    somebody acts is alone there."""
    alarms = deployment.service.of(ALARM)
    pages = {name: _pointed(page) for name, page in deployment.service.of(PAGE).items()}
    counted = Counter(alarm for parts in pages.values() for alarm in parts)
    yield from (f"{alarm} is in {times} pages" for alarm, times in counted.items() if times > 1)
    for name, parts in pages.items():
        standing = [
            alarm for alarm in parts if alarms.get(alarm, {}).get("TreatMissingData") == "ignore"
        ]
        if standing and len(parts) > 1:
            yield f"{name} says no more while {standing[0]} stands"
        if len({_theme(alarms.get(alarm, {})) for alarm in parts}) > 1:
            yield f"{name} is of several troubles"


def every_page_reaches_the_pager(deployment: Deployment) -> Iterator[str]:
    pagers = {
        told["TopicArn"]
        for told in deployment.service.of("SNS::Subscription").values()
        if told["Protocol"] == "https"
    }
    for name, page in deployment.service.of(PAGE).items():
        if pagers and not pagers <= set(page["AlarmActions"]):
            yield name


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
            yield f"{name}: {wrong}"


def topics_may_be_published_to_by_those_who_do(deployment: Deployment) -> Iterator[str]:
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
        f"{who} may not publish to {topic}"
        for who, topic in sorted(used)
        if topic in topics and (who, topic) not in granted
    )


def the_key_may_be_used_by_those_who_publish(deployment: Deployment) -> Iterator[str]:
    """A topic is encrypted: without the key an alarm is silent, and nothing says so."""
    statements = deployment.data.one("KMS::Key")["KeyPolicy"]["Statement"]
    permitted = {
        who
        for statement in statements
        for who in _listed(statement["Principal"].get("Service", []))
    }
    yield from sorted({"cloudwatch.amazonaws.com", "events.amazonaws.com"} - permitted)


def each_topic_has_a_policy_of_its_own(deployment: Deployment) -> Iterator[str]:
    """SNS takes one resource in a policy, and it must be the policy's topic (SNS, Amazon SNS API
    permissions, policy quotas)."""
    for name, policy in deployment.service.of("SNS::TopicPolicy").items():
        named = {
            resource
            for told in policy["PolicyDocument"]["Statement"]
            for resource in _listed(told["Resource"])
        }
        if len(policy["Topics"]) != 1 or named != set(policy["Topics"]):
            yield f"{name} is for {policy['Topics']} and names {sorted(named)}"


def the_budget_waits_until_its_topic_takes_its_word(deployment: Deployment) -> Iterator[str]:
    """Budgets tries the topic when it is made."""
    policies = deployment.service.of("SNS::TopicPolicy")
    for name, budget in deployment.service.of("Budgets::Budget").items():
        told = {
            subscriber["Address"]
            for notice in budget["NotificationsWithSubscribers"]
            for subscriber in notice["Subscribers"]
        }
        wanted = {policy for policy, body in policies.items() if told & set(body["Topics"])}
        waited = set(_listed(deployment.service.resources[name].get("DependsOn", [])))
        yield from (f"{name} does not wait for {policy}" for policy in sorted(wanted - waited))


def _woken_by(deployment: Deployment, told: Told) -> list[str]:
    """The alarms with a page that look at one of these series and sound."""
    alarms = deployment.service.of(ALARM)
    paging = {alarm for page in deployment.service.of(PAGE).values() for alarm in _pointed(page)}
    # What the balancer and its targets answered is counted; that is enough to know which alarms are
    # asked.
    asked = {
        name
        for name in paging & set(alarms)
        if looks_at(alarms[name]) & (set(told) - {"RequestCount"})
    }
    return sorted(name for name in asked if sounds(alarms[name], told))


def _theme(alarm: Mapping[str, Any]) -> str:
    """The ledger's own damage and the provider's refusals are troubles apart from whether anybody
    is served."""
    watched = " ".join(looks_at(alarm))
    return next(
        (theme for theme in ("Ledger", "Audit", "Provider") if theme in watched), "availability"
    )


def _parts(page: Mapping[str, Any]) -> list[str]:
    return re.findall(r"(?:ALARM|OK|INSUFFICIENT_DATA)\(\"?([^\")]+)\"?\)", page["AlarmRule"])


def _pointed(page: Mapping[str, Any]) -> list[str]:
    return [part.strip("<>").removesuffix(".Arn") for part in _parts(page)]


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
