"""The relay of live sessions: what reaches it, how long its sockets live, and that it exists only
where transcription is configured."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.live.entities import STREAM_PATH
from service.live.serving import CLOSE_SECONDS, PING_SECONDS
from service.live.settings import LiveSettings
from tests.infrastructure.checks.balancer import balancer_attributes
from tests.infrastructure.checks.firewall import rules
from tests.infrastructure.checks.roles import listed, statements, task_roles
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing
from tests.infrastructure.statements import Request, matches

GROUP, RULE = "ElasticLoadBalancingV2::TargetGroup", "ElasticLoadBalancingV2::ListenerRule"
HANDSHAKE = Request("GET", STREAM_PATH, {"upgrade": "websocket", "connection": "Upgrade"})
KEY_USES = {
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"),
    *("kms:GenerateDataKey*", "kms:ReEncrypt*"),
}
_TRACKING = "TargetTrackingScalingPolicyConfiguration"


def relays_exist_only_with_transcription(deployment: Deployment) -> Iterator[str]:
    wanted = bool(deployment.service.parameters["AssemblyAiSecretArn"])
    found = {
        "container": deployment.relay is not None,
        "target group": "RelayTargetGroup" in deployment.service.of(GROUP),
        "rule": bool(deployment.service.of(RULE)),
        "log": "RelayLogs" in deployment.data.of("Logs::LogGroup") and wanted,
        "output": deployment.service.outputs.get("RelayServiceName") == "<RelayService.Name>",
    }
    for what, exists in found.items():
        if exists is not wanted:
            yield f"the {what} of the relay {'exists' if exists else 'is missing'}"


def only_the_handshake_of_a_session_reaches_the_relay(deployment: Deployment) -> Iterator[str]:
    """A POST to the same path makes a ticket in a web process."""
    secure = bool(deployment.certificate)
    for name, rule in deployment.service.of(RULE).items():
        wanted = {
            "ListenerArn": "<HttpsListener>" if secure else "<HttpListener>",
            "Priority": 10,
            "Conditions.0.Field": "http-request-method",
            "Conditions.1.Field": "path-pattern",
            "Conditions.2": None,
            "Actions.0.Type": "forward",
            "Actions.0.TargetGroupArn": "<RelayTargetGroup>",
            "Actions.1": None,
        }
        yield from differing(name, rule, wanted)
        methods, paths = rule["Conditions"]
        if methods["HttpRequestMethodConfig"]["Values"] != ["GET"]:
            yield f"{name} takes {list(methods['HttpRequestMethodConfig']['Values'])}"
        if paths["PathPatternConfig"]["Values"] != [STREAM_PATH]:
            yield f"{name} takes {list(paths['PathPatternConfig']['Values'])}"


def the_firewall_lets_a_handshake_pass(deployment: Deployment) -> Iterator[str]:
    """WAF reads the handshake, and nothing of what is said in the socket. Groups of AWS's rules are
    not tried."""
    for rule in rules(deployment):
        if set(rule["Statement"]) & {"RateBasedStatement", "ManagedRuleGroupStatement"}:
            continue
        if matches(rule["Statement"], HANDSHAKE):
            yield f"{rule['Name']} blocks live sessions"


def a_relay_is_let_go_at_once_and_has_time_to_settle(deployment: Deployment) -> Iterator[str]:
    """No session ends within any delay, so a long one only holds a deployment up; then the process
    waits until the balancer has left, ends each with a code of its own, and settles it."""
    relay = deployment.relay
    if relay is None:
        return
    settings = LiveSettings()
    leave = settings.live_leave_seconds
    drain = leave + settings.live_drain_seconds + CLOSE_SECONDS
    if drain >= int(relay.definition["StopTimeout"]):
        yield f"a relay needs {drain:g} s to settle, and is killed before"
    group = deployment.service.of(GROUP)["RelayTargetGroup"]
    noticed = int(group["HealthCheckIntervalSeconds"]) * int(group["UnhealthyThresholdCount"])
    if noticed >= leave:
        yield f"the balancer notices after {noticed} s that a relay leaves, which waits {leave:g} s"
    idle = int(balancer_attributes(deployment)["idle_timeout.timeout_seconds"])
    if idle <= 2 * PING_SECONDS:
        yield f"the balancer closes a silent socket after {idle} s, between two pings"
    if relay.environment.get("LIVE_HOST") != "0.0.0.0":
        yield "the relay listens only to itself: set LIVE_HOST"
    if relay.environment.get("LIVE_PORT", str(LiveSettings.live_port)) != str(relay.ports[0]):
        yield f"the relay does not listen on {relay.ports[0]}"


def a_relay_is_probed_like_a_web_task(deployment: Deployment) -> Iterator[str]:
    group = deployment.service.of(GROUP).get("RelayTargetGroup")
    if group is None or deployment.relay is None:
        return
    wanted: Mapping[str, Any] = {
        "TargetType": "ip",
        "HealthCheckPath": "/health/ready",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 4,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "Matcher.HttpCode": "200",
        "TargetGroupAttributes.0.Key": "deregistration_delay.timeout_seconds",
        "TargetGroupAttributes.0.Value": 10,
        "TargetGroupAttributes.1.Key": "load_balancing.algorithm.type",
        "TargetGroupAttributes.1.Value": "least_outstanding_requests",
        "TargetGroupAttributes.2": None,
    }
    yield from differing("RelayTargetGroup", group, wanted)
    health = deployment.relay.definition["HealthCheck"]
    if list(health["Command"]) != ["CMD", "python", "-I", "/app/docker/healthcheck.py"]:
        yield f"the relay's container is probed by {list(health['Command'])}"
    wanted = {"Interval": 15, "Timeout": 5, "Retries": 3, "StartPeriod": 30}
    yield from differing("the relay's health check", health, wanted)


def a_relay_may_do_what_sessions_need_and_no_more(deployment: Deployment) -> Iterator[str]:
    """As tests/infrastructure/test_relay_role.py records it."""
    if deployment.relay is None:
        return
    parameters = deployment.service.parameters
    wanted = {
        "Table": ({"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}, None),
        "Indexes": ({"dynamodb:Query"}, None),
        "Secrets": (
            {"secretsmanager:GetSecretValue"},
            {parameters["KeysSecretArn"], parameters["AssemblyAiSecretArn"]},
        ),
        "Key": (KEY_USES, {parameters["KeyArn"]}),
        "DataKeys": ({"kms:Decrypt", "kms:GenerateDataKey"}, None),
    }
    found = {one["Sid"]: one for one in statements(task_roles(deployment)["relay"])}
    if set(found) != set(wanted):
        yield f"a relay's role has the statements {sorted(found)}"
    for sid, (actions, resources) in wanted.items():
        if sid in found and set(listed(found[sid]["Action"])) != actions:
            yield f"a relay may {sorted(listed(found[sid]['Action']))}"
        if sid in found and resources and set(listed(found[sid]["Resource"])) != resources:
            yield f"a relay reaches {sorted(listed(found[sid]['Resource']))}"


def a_relay_comes_after_its_rule_and_scales_by_its_processor(
    deployment: Deployment,
) -> Iterator[str]:
    """Each session takes about the same of it. Scaling in ends sessions, so it waits."""
    if deployment.relay is None:
        return
    if "RelayRule" not in deployment.service.before("RelayService"):
        yield "RelayService does not wait for RelayRule"
    policy = deployment.service.of("ApplicationAutoScaling::ScalingPolicy").get("RelayScalingByCpu")
    if policy is None and deployment.guarded:
        yield "relays do not scale"
    if policy is not None:
        kind = f"{_TRACKING}.PredefinedMetricSpecification"
        wanted_policy: Mapping[str, Any] = {
            "ScalingTargetId": "<RelayScaling>",
            f"{kind}.PredefinedMetricType": "ECSServiceAverageCPUUtilization",
            f"{_TRACKING}.TargetValue": 50,
            f"{_TRACKING}.ScaleOutCooldown": 60,
            f"{_TRACKING}.ScaleInCooldown": 900,
        }
        yield from differing("RelayScalingByCpu", policy, wanted_policy)
