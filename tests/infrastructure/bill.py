"""What a stage costs while no one uses it: its rendered templates times release/prices.json.

Left out: what grows with use (storage, logs, traffic), the budget of free tiers, and secrets that
an operator makes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from service.core.settings import STAGES
from tests.infrastructure.checks.services import SERVICE, min_tasks
from tests.infrastructure.deployments import ROOT, Deployment, deployment

PRICES = ROOT / "release" / "prices.json"
CPU_UNITS, MEBIBYTES = 1024, 1024
_SECONDS_AN_HOUR, _MILLION = 3600, 1_000_000
_CENT = Decimal("0.01")
# Target tracking makes an alarm for more and one for fewer tasks.
_ALARMS_OF_A_TARGET = 2


@dataclass(frozen=True)
class Line:
    """Dollars a month for one kind of thing, and whether a paused stage pays them too."""

    what: str
    dollars: Decimal
    paused: bool = True


@cache
def prices() -> Mapping[str, Any]:
    """The reviewed prices, each with its source."""
    known: dict[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return known


def lines(stage: Deployment) -> list[Line]:
    """The bill of a month without a user, in a fixed order."""
    return [
        Line("tasks", sum((_task(stage, *each) for each in _services(stage)), Decimal()), False),
        Line("load balancer", _hourly("balancer_hour", len(_of(stage, _BALANCER)))),
        Line("public addresses of the balancer", _hourly("address_hour", _zones(stage))),
        Line("public addresses of tasks", _hourly("address_hour", _addresses(stage)), False),
        Line("NAT gateways, with their addresses", _nat(stage)),
        Line("interface endpoints", _hourly("interface_endpoint_zone_hour", _endpoints(stage))),
        Line("firewall", _firewall(stage)),
        Line("keys and secrets", _keys(stage)),
        Line("alarms and dashboard", _alarms(stage)),
        Line("the workers' queries for due work", _reads(stage), False),
    ]


def idle(stage: Deployment) -> tuple[Decimal, Decimal]:
    """Dollars a month, running and paused."""
    found = lines(stage)
    return (
        sum((line.dollars for line in found), Decimal()).quantize(_CENT),
        sum((line.dollars for line in found if line.paused), Decimal()).quantize(_CENT),
    )


def idle_table() -> str:
    """A row for each kind of thing, a column for each stage, and the sums."""
    bills = {stage: lines(deployment(stage)) for stage in STAGES}
    rows = [
        f"| {what} | {' | '.join(_shown(bill[place].dollars) for bill in bills.values())} |"
        for place, what in enumerate(line.what for line in next(iter(bills.values())))
    ]
    sums = [idle(deployment(stage)) for stage in STAGES]
    rows += [
        f"| **idle, in all** | {' | '.join(f'**{_shown(running)}**' for running, _ in sums)} |",
        f"| paused (`release/pause`) | {' | '.join(_shown(paused) for _, paused in sums)} |",
    ]
    head = f"| dollars a month, idle | {' | '.join(STAGES)} |"
    return "\n".join([head, f"|---|{'---|' * len(STAGES)}", *rows])


def idle_costs() -> str:
    """What `make status` reads."""
    figures = {}
    for stage in STAGES:
        running, paused = idle(deployment(stage))
        figures[stage] = {"running": _shown(running), "paused": _shown(paused)}
    return json.dumps(figures, indent=2) + "\n"


_BALANCER = "ElasticLoadBalancingV2::LoadBalancer"


def _of(stage: Deployment, kind: str) -> dict[str, Mapping[str, Any]]:
    return stage.of(kind)


def _price(name: str) -> Decimal:
    entry = prices()[name]
    return Decimal(next(entry[key] for key in ("dollars", "share", "reads") if key in entry))


def _hourly(name: str, count: int) -> Decimal:
    return _price(name) * count * int(prices()["hours_a_month"])


def _services(stage: Deployment) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from stage.service.of(SERVICE).items()


def _task(stage: Deployment, name: str, service: Mapping[str, Any]) -> Decimal:
    """The minimum of tasks of a service, for a month."""
    task = stage.service.of("ECS::TaskDefinition")[service["TaskDefinition"].strip("<>")]
    kind = "arm" if task["RuntimePlatform"]["CpuArchitecture"] == "ARM64" else "x86"
    hour = _price(f"{kind}_cpu_hour") * int(task["Cpu"]) / CPU_UNITS
    hour += _price(f"{kind}_gigabyte_hour") * int(task["Memory"]) / MEBIBYTES
    providers = {each["CapacityProvider"] for each in service["CapacityProviderStrategy"]}
    share = _price("spot_share") if providers == {"FARGATE_SPOT"} else Decimal(1)
    return hour * share * min_tasks(stage, name, service) * int(prices()["hours_a_month"])


def _zones(stage: Deployment) -> int:
    return sum(len(balancer["Subnets"]) for balancer in _of(stage, _BALANCER).values())


def _addresses(stage: Deployment) -> int:
    return sum(
        min_tasks(stage, name, service)
        for name, service in _services(stage)
        if service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED"
    )


def _nat(stage: Deployment) -> Decimal:
    gateways = len(_of(stage, "EC2::NatGateway"))
    return _hourly("nat_gateway_hour", gateways) + _hourly(
        "address_hour", len(_of(stage, "EC2::EIP"))
    )


def _endpoints(stage: Deployment) -> int:
    return sum(
        len(each["SubnetIds"])
        for each in _of(stage, "EC2::VPCEndpoint").values()
        if each["VpcEndpointType"] == "Interface"
    )


def _firewall(stage: Deployment) -> Decimal:
    return sum(
        (
            _price("firewall_month") + _price("firewall_rule_month") * len(acl["Rules"])
            for acl in _of(stage, "WAFv2::WebACL").values()
        ),
        Decimal(),
    )


def _keys(stage: Deployment) -> Decimal:
    secrets = len(_of(stage, "SecretsManager::Secret"))
    return _price("key_month") * len(_of(stage, "KMS::Key")) + _price("secret_month") * secrets


def _alarms(stage: Deployment) -> Decimal:
    metrics = sum(
        max(1, sum("MetricStat" in query for query in alarm.get("Metrics", [])))
        for alarm in _of(stage, "CloudWatch::Alarm").values()
    )
    metrics += _ALARMS_OF_A_TARGET * sum(
        policy["PolicyType"] == "TargetTrackingScaling"
        for policy in _of(stage, "ApplicationAutoScaling::ScalingPolicy").values()
    )
    return (
        _price("alarm_metric_month") * metrics
        + _price("composite_alarm_month") * len(_of(stage, "CloudWatch::CompositeAlarm"))
        + _price("dashboard_month") * len(_of(stage, "CloudWatch::Dashboard"))
    )


def _reads(stage: Deployment) -> Decimal:
    """Every worker looks for due work once in each interval."""
    (worker,) = [each for each in stage.containers if each.name == "worker"]
    rounds = _SECONDS_AN_HOUR / Decimal(worker.environment["WORKER_INTERVAL_SECONDS"])
    count = sum(
        min_tasks(stage, name, service)
        for name, service in _services(stage)
        if service["TaskDefinition"] == f"<{worker.task_name}>"
    )
    reads = rounds * count * _price("idle_reads") * int(prices()["hours_a_month"])
    return reads * _price("million_reads") / _MILLION


def _shown(dollars: Decimal) -> str:
    return str(dollars.quantize(_CENT))
