"""Scaling, simulated: target tracking and steps, with their cooldowns and bounds (Application Auto
Scaling User Guide, Target tracking; Step scaling)."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.packets import name_of

TARGET, POLICY = "ApplicationAutoScaling::ScalableTarget", "ApplicationAutoScaling::ScalingPolicy"
CPU, REQUESTS = "ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"
# A web task must keep a third of its processor free, for a burst until the next task is there.
HIGHEST_CPU, LOWEST_CPU = 70, 50
DAY_MINUTES = 24 * 60


def each_target_is_the_count_of_a_service(deployment: Deployment) -> Iterator[str]:
    stack = deployment.service
    parameters = stack.parameters
    scaled = set()
    for name, target in stack.of(TARGET).items():
        kind = name.removesuffix("Scaling")
        scaled.add(f"{kind}Service")
        if target["ResourceId"] != f"service/<Cluster>/<{kind}Service.Name>":
            yield f"{name} scales {target['ResourceId']}"
        found = (target["ServiceNamespace"], target["ScalableDimension"])
        if found != ("ecs", "ecs:service:DesiredCount"):
            yield f"{name} scales {found}"
        bounds = [int(target[key]) for key in ("MinCapacity", "MaxCapacity")]
        wanted = [int(parameters[f"{kind}{key}Tasks"]) for key in ("Min", "Max")]
        if bounds != wanted:
            yield f"{name} scales between {bounds}, the parameters say {wanted}"
        if bounds[0] > bounds[1] or (deployment.production and bounds[1] < 3 * bounds[0]):
            yield f"{name} scales between {bounds}: there is no room to grow"
    if scaled != set(stack.of("ECS::Service")):
        yield f"{sorted(set(stack.of('ECS::Service')) ^ scaled)} are not scaled"


def each_policy_is_one_that_exists(deployment: Deployment) -> Iterator[str]:
    names = []
    for name, policy in deployment.service.of(POLICY).items():
        names.append((policy["ScalingTargetId"], policy["PolicyName"]))
        kinds = {
            "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
            "StepScaling": "StepScalingPolicyConfiguration",
        }
        if kinds.get(policy["PolicyType"]) not in policy:
            yield f"{name} is a {policy['PolicyType']} without its configuration"
        if policy["PolicyName"] not in ("cpu", "requests", "in", "out"):
            yield f"{name} is called {policy['PolicyName']}"
    if len(set(names)) != len(names):
        yield f"two policies of a target share a name: {names}"


def web_tasks_follow_their_load(deployment: Deployment) -> Iterator[str]:
    """For an hour so many requests come that the tasks are at their target, then twice as many,
    then half: the number of tasks follows in minutes, up faster than down, within its bounds."""
    stack = deployment.service
    tracking = _tracking(deployment, "WebScaling")
    if set(tracking) != {CPU, REQUESTS}:
        yield f"web tasks are scaled by {sorted(tracking)}: CPU and requests are needed"
        return
    target = stack.of(TARGET)["WebScaling"]
    low, high = int(target["MinCapacity"]), int(target["MaxCapacity"])
    if float(tracking[REQUESTS]["TargetValue"]) != float(stack.parameters["RequestsPerTask"]):
        yield f"a web task takes {tracking[REQUESTS]['TargetValue']} requests, not RequestsPerTask"
    if not LOWEST_CPU <= float(tracking[CPU]["TargetValue"]) <= HIGHEST_CPU:
        yield f"a web task runs at {tracking[CPU]['TargetValue']} % of its processor"
    for kind, policy in tracking.items():
        yield from _paused(kind, policy)
        goal = float(policy["TargetValue"])
        doubled = _track(policy, lambda count, goal=goal: 2 * goal * low / count, low, high, low)
        if doubled[2] != min(high, 2 * low):
            yield f"after twice the load by {kind} there are {doubled[2]} tasks in two minutes"
        halved = _track(policy, lambda count, goal=goal: goal / 4, low, high, high)
        gone = [minute for minute, count in enumerate(halved) if count < high]
        if high > low and not (gone and 4 <= gone[0] + _cooled(policy) <= 10):
            yield f"tasks stop {gone[:1]} minutes after the load by {kind}: not at once, and soon"
        if max(doubled) > high or min(halved) < low:
            yield f"{kind} leaves the bounds of web tasks"


def _paused(kind: str, policy: Mapping[str, Any]) -> Iterator[str]:
    if not 30 <= int(policy["ScaleOutCooldown"]) <= 90:
        yield f"web tasks start every {policy['ScaleOutCooldown']} s by {kind}"
    if policy.get("DisableScaleIn"):
        yield f"web tasks never stop by {kind}"


def workers_follow_the_age_of_due_work(deployment: Deployment) -> Iterator[str]:
    """By the age of the oldest due job: a little late, one more; very late, several; none late for
    long, one less, never below the minimum."""
    stack = deployment.service
    out, inward = (stack.of(POLICY)[f"WorkerScaling{way}"] for way in ("Out", "In"))
    late, idle = (
        stack.of("CloudWatch::Alarm")[f"Worker{word}Alarm"] for word in ("Behind", "Idle")
    )
    for age, change in ((29, 0), (30, 1), (149, 1), (150, 3), (900, 3), (86400, 3)):
        found = (
            _steps(out, age - float(late["Threshold"])) if age >= float(late["Threshold"]) else 0
        )
        if found != change:
            yield f"a job {age} s late starts {found} workers, not {change}"
    for age, change in ((0, -1), (9.9, -1), (10, 0)):
        found = (
            _steps(inward, age - float(idle["Threshold"])) if age < float(idle["Threshold"]) else 0
        )
        if found != change:
            yield f"a job {age} s late stops {found} workers, not {change}"
    if not float(idle["Threshold"]) < float(late["Threshold"]):
        yield "workers start and stop at the same age: they would flap"


def workers_start_fast_and_stop_slowly(deployment: Deployment) -> Iterator[str]:
    stack = deployment.service
    out, inward = (stack.of(POLICY)[f"WorkerScaling{way}"] for way in ("Out", "In"))
    cooldowns = [int(one["StepScalingPolicyConfiguration"]["Cooldown"]) for one in (out, inward)]
    if not 60 <= cooldowns[0] <= 180 or not 300 <= cooldowns[1] <= 900:
        yield f"workers start every {cooldowns[0]} s and stop every {cooldowns[1]} s"
    for name, policy in (("out", out), ("in", inward)):
        steps = policy["StepScalingPolicyConfiguration"]
        if (steps["AdjustmentType"], steps["MetricAggregationType"]) != (
            "ChangeInCapacity",
            "Maximum",
        ):
            yield f"workers scale {name} by {steps['AdjustmentType']} of another measure"
        if policy["ScalingTargetId"] != "<WorkerScaling>" or policy["PolicyType"] != "StepScaling":
            yield f"{policy['PolicyName']} scales {policy['ScalingTargetId']}"


def tasks_on_demand_come_first_and_spot_after(deployment: Deployment) -> Iterator[str]:
    """The minimum never is on Spot; of what comes on top, SpotWeight for each on demand."""
    parameters = deployment.service.parameters
    weight = int(parameters["SpotWeight"])
    (cluster,) = deployment.service.of("ECS::Cluster").values()
    for name, service in deployment.service.of("ECS::Service").items():
        low = int(parameters[f"{name.removesuffix('Service')}MinTasks"])
        strategy = {one["CapacityProvider"]: one for one in service["CapacityProviderStrategy"]}
        if service["Cluster"] != "<Cluster>" or service["AvailabilityZoneRebalancing"] != "ENABLED":
            yield f"{name} runs in {service['Cluster']}, or stays where a zone failed"
        if parameters["OnlySpot"] == "true":
            if set(strategy) != {"FARGATE_SPOT"} or int(strategy["FARGATE_SPOT"]["Weight"]) != 1:
                yield f"{name} must run on Spot alone, not on {sorted(strategy)}"
            continue
        if set(strategy) != {"FARGATE", "FARGATE_SPOT"} - (
            {"FARGATE_SPOT"} if len(strategy) == 1 else set()
        ):
            yield f"{name} runs on {sorted(strategy)}"
            continue
        if not set(strategy) <= set(cluster["CapacityProviders"]):
            yield f"{name} runs on {sorted(strategy)}, which the cluster does not have"
        found = [_on_demand(strategy, count) for count in (low, low + 1 + weight)]
        if found != [low, low + 1]:
            yield f"{name} has {found} tasks on demand of {low} and {low + 1 + weight}"


def _tracking(deployment: Deployment, target: str) -> dict[str, Mapping[str, Any]]:
    found = {}
    for policy in deployment.service.of(POLICY).values():
        if name_of(policy["ScalingTargetId"]) == target:
            body = policy["TargetTrackingScalingPolicyConfiguration"]
            found[body["PredefinedMetricSpecification"]["PredefinedMetricType"]] = body
    return found


def _cooled(policy: Mapping[str, Any]) -> int:
    return int(policy["ScaleInCooldown"]) // 60


def _track(
    policy: Mapping[str, Any], load: Callable[[int], float], low: int, high: int, start: int
) -> list[int]:
    """The number of tasks of each of sixty minutes under a load for each task."""
    goal, count, history = float(policy["TargetValue"]), start, [start]
    ready = {"up": 0, "down": int(policy["ScaleInCooldown"]) // 60}
    pauses = {
        "up": int(policy["ScaleOutCooldown"]) // 60,
        "down": int(policy["ScaleInCooldown"]) // 60,
    }
    for minute in range(1, 60):
        wanted = min(max(math.ceil(count * load(count) / goal), low), high)
        way = "up" if wanted > count else "down"
        if wanted != count and minute >= ready[way]:
            count = wanted
            ready = {one: minute + pauses[one] for one in ready}
        history.append(count)
    return history


def _steps(policy: Mapping[str, Any], beyond: float) -> int:
    """The change for a breach so far beyond its threshold. Raises `LookupError` in a gap."""
    found = []
    for step in policy["StepScalingPolicyConfiguration"]["StepAdjustments"]:
        lower = float(step.get("MetricIntervalLowerBound", "-inf"))
        upper = float(step.get("MetricIntervalUpperBound", "inf"))
        inside = lower <= beyond < upper if beyond >= 0 else lower < beyond <= upper
        if inside:
            found.append(int(step["ScalingAdjustment"]))
    (change,) = found or [0]
    return change


def _on_demand(strategy: Mapping[str, Mapping[str, Any]], count: int) -> int:
    base = int(strategy["FARGATE"].get("Base", 0))
    weights = {name: int(one["Weight"]) for name, one in strategy.items()}
    if "Base" in strategy.get("FARGATE_SPOT", {}):
        raise LookupError("the min number may be on Spot")
    rest = max(0, count - base)
    return min(count, base) + rest * weights["FARGATE"] // sum(weights.values())
