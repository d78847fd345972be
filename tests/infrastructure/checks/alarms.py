"""Every alarm and every page, run on what must set it off and on what must not."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.alarm_scenarios import QUIET_DAY, SCENARIOS, Data
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import REGION
from tests.infrastructure.sounding import Run, run

ALARM, PAGE = "CloudWatch::Alarm", "CloudWatch::CompositeAlarm"
DAY_MINUTES = 1440
# Alarms that scale workers: their receivers are policies.
SCALING = {"WorkerBehindAlarm": "<WorkerScalingOut>", "WorkerIdleAlarm": "<WorkerScalingIn>"}
# It has no page of its own and cannot wait: paid work is refused for everybody.
PAGED_DIRECTLY = {"HouseBudgetUsedUpAlarm"}
PAGES: Mapping[str, frozenset[str]] = {
    "PageAvailabilityAlarm": frozenset(
        {
            "TargetErrorsAlarm",
            "FewTargetErrorsAlarm",
            "InternalErrorsAlarm",
            "FewInternalErrorsAlarm",
            "BalancerErrorsAlarm",
            "FewBalancerErrorsAlarm",
            "NoHealthyTargetsAlarm",
            "OldestDueJobAlarm",
            "WorkerSilentAlarm",
            "TableThrottlesAlarm",
            "StorageUnavailableAlarm",
        }
    ),
    "PageProviderAlarm": frozenset({"ProviderRefusesUsAlarm", "ProviderNotReachedAlarm"}),
    "PageLedgerAlarm": frozenset({"LedgerDamagedAlarm"}),
    "PageAuditAlarm": frozenset({"AuditViolationsAlarm"}),
}


def each_alarm_sounds_when_it_must(deployment: Deployment) -> Iterator[str]:
    for name, alarm in deployment.service.of(ALARM).items():
        scenario = SCENARIOS.get(name)
        if scenario is None:
            yield f"{name} has no scenario: describe it in alarm_scenarios.py"
            continue
        for data in scenario.sounding:
            found = _run(alarm, data, 6 * scenario.after + 60)
            if found.sounded != scenario.after:
                yield (
                    f"{name} sounds after {found.sounded} min, not {scenario.after}, on "
                    f"{_short(data)}"
                )
            elif found.is_on is not scenario.stays:
                yield f"{name} is {'on' if found.is_on else 'off'} long after the last data"


def each_alarm_is_silent_when_it_must_be(deployment: Deployment) -> Iterator[str]:
    for name, alarm in deployment.service.of(ALARM).items():
        for data in SCENARIOS[name].quiet if name in SCENARIOS else ():
            end = max((minute for series in data.values() for minute in series), default=0) + 1
            if not data and SCENARIOS[name].stays:
                continue
            found = _run(alarm, data, end + (0 if SCENARIOS[name].stays else 120))
            if found.sounded is not None:
                yield f"{name} sounds after {found.sounded} min on {_short(data)}"


def an_ordinary_day_is_quiet(deployment: Deployment) -> Iterator[str]:
    for name, alarm in deployment.service.of(ALARM).items():
        if name not in SCALING and _run(alarm, QUIET_DAY, DAY_MINUTES).sounded is not None:
            yield f"{name} sounds on an ordinary day"


def each_page_is_the_or_of_its_alarms(deployment: Deployment) -> Iterator[str]:
    """Composite alarms as Booleans: each part alone sets them off, and no other alarm does."""
    alarms = deployment.service.of(ALARM)
    pages = deployment.service.of(PAGE)
    if set(pages) != set(PAGES):
        yield f"the pages are {sorted(pages)}: describe them in PAGES"
    for name, page in pages.items():
        for alarm in ("", *alarms):
            wanted = alarm in PAGES.get(name, ())
            if _true(page["AlarmRule"], {alarm}) is not wanted:
                yield f"{name} is {'not ' if wanted else ''}set off by {alarm or 'nothing'}"
        if page["AlarmName"] != f"farebox-{deployment.stage}-{_dashed(name)}":
            yield f"{name} is called {page['AlarmName']}"
        for key in ("AlarmActions", "OKActions"):
            if page[key] != ["<PageTopic>"]:
                yield f"{name}: {key} is {page[key]}"
        if page.get("ActionsEnabled", True) is not True or "ActionsSuppressor" in page:
            yield f"{name} may stay silent"


def each_alarm_is_reported_when_it_begins_and_when_it_ends(deployment: Deployment) -> Iterator[str]:
    for name, alarm in deployment.service.of(ALARM).items():
        topic = "<PageTopic>" if name in PAGED_DIRECTLY else "<NoticeTopic>"
        wanted = ([SCALING[name]], []) if name in SCALING else ([topic], [topic])
        found = (list(alarm["AlarmActions"]), list(alarm.get("OKActions", [])))
        if found != wanted:
            yield f"{name} reports to {found}: it must report to {wanted}"
        if alarm.get("ActionsEnabled", True) is not True or alarm.get("InsufficientDataActions"):
            yield f"{name} may stay silent, or reports missing data"
        if not str(alarm["AlarmDescription"]).strip():
            yield f"{name} says nothing"


def each_alarm_watches_this_stack(deployment: Deployment) -> Iterator[str]:
    """Dimensions that are the same for every alarm of a stage, or of the relay, or of the rest."""
    facts = {
        "Stage": deployment.stage,
        "LoadBalancer": "<LoadBalancer.LoadBalancerFullName>",
        "CertificateArn": deployment.certificate,
        "TableName": deployment.service.parameters["TableName"],
        "ClusterName": "<Cluster>",
        "WebACL": f"farebox-{deployment.stage}",
        "Region": REGION,
        "Rule": "ALL",
        "ses:configuration-set": "<MailConfigurationSet>",
    }
    for name, alarm in deployment.service.of(ALARM).items():
        group = "RelayTargetGroup" if name.startswith("Relay") else "TargetGroup"
        known = {**facts, "TargetGroup": f"<{group}.TargetGroupFullName>"}
        for metric in _metrics(alarm):
            for pair in metric["Dimensions"]:
                wanted = known.get(pair["Name"], pair["Value"])
                if pair["Value"] != wanted:
                    yield f"{name} watches {pair['Name']} {pair['Value']}, not {wanted}"


def key(metric: Mapping[str, Any]) -> str:
    """The name of a metric in the scenarios."""
    named = ("Service", "code", "ending", "route", "type", "GlobalSecondaryIndexName")
    values = {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions", [])}
    return " ".join([metric["MetricName"], *(values[name] for name in named if name in values)])


def _metrics(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def _run(alarm: Mapping[str, Any], data: Data, minutes: int) -> Run:
    return run(alarm, data, key, minutes)


def _true(rule: str, on: set[str]) -> bool:
    """Whether a rule of a composite alarm is true while those alarms are on. Raises `SyntaxError`
    or `ValueError` for a rule that is no Boolean expression of alarms."""
    text = re.sub(r'ALARM\("<(\w+)>"\)', lambda match: str(match[1] in on), rule.replace("\n", " "))
    text = re.sub(r'OK\("<(\w+)>"\)', lambda match: str(match[1] not in on), text)
    words = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "FALSE": "False"}
    text = re.sub(r"\b[A-Z]+\b", lambda match: words[match[0]], text)
    if set(re.findall(r"\w+", text)) - {"True", "False", "and", "or", "not"}:
        raise ValueError(rule)
    return bool(eval(text, {"__builtins__": {}}))


def _dashed(name: str) -> str:
    return "-".join(re.findall("[A-Z][a-z]+", name)[:-1]).lower()


def _short(data: Data) -> str:
    return (
        "; ".join(f"{name} {dict(list(one.items())[:3])}" for name, one in data.items())
        or "nothing"
    )
