"""The balancer, its target group and its listeners."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment

BALANCER = "ElasticLoadBalancingV2::LoadBalancer"
TARGETS = "ElasticLoadBalancingV2::TargetGroup"
LISTENER = "ElasticLoadBalancingV2::Listener"
# Elastic Load Balancing, ModifyLoadBalancerAttributes and ModifyTargetGroupAttributes: the keys an
# application balancer knows.
BALANCER_KEYS = {
    "access_logs.s3.bucket",
    "access_logs.s3.enabled",
    "access_logs.s3.prefix",
    "client_keep_alive.seconds",
    "connection_logs.s3.bucket",
    "connection_logs.s3.enabled",
    "connection_logs.s3.prefix",
    "deletion_protection.enabled",
    "health_check_logs.s3.bucket",
    "health_check_logs.s3.enabled",
    "health_check_logs.s3.prefix",
    "idle_timeout.timeout_seconds",
    "ipv6.deny_all_igw_traffic",
    "load_balancing.cross_zone.enabled",
    "routing.http.desync_mitigation_mode",
    "routing.http.drop_invalid_header_fields.enabled",
    "routing.http.preserve_host_header.enabled",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "routing.http.xff_client_port.enabled",
    "routing.http.xff_header_processing.mode",
    "routing.http2.enabled",
    "waf.fail_open.enabled",
    "zonal_shift.config.enabled",
}
TARGET_KEYS = {
    "deregistration_delay.timeout_seconds",
    "load_balancing.algorithm.anomaly_mitigation",
    "load_balancing.algorithm.type",
    "load_balancing.cross_zone.enabled",
    "slow_start.duration_seconds",
    "stickiness.app_cookie.cookie_name",
    "stickiness.app_cookie.duration_seconds",
    "stickiness.enabled",
    "stickiness.lb_cookie.duration_seconds",
    "stickiness.type",
    "target_group_health.dns_failover.minimum_healthy_targets.count",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
}
MODERN_POLICIES = {
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
}


def attributes(body: Mapping[str, Any], name: str) -> dict[str, str]:
    return {pair["Key"]: str(pair["Value"]) for pair in body.get(name, [])}


def balancer_attributes(deployment: Deployment) -> dict[str, str]:
    return attributes(deployment.service.one(BALANCER), "LoadBalancerAttributes")


def target_attributes(deployment: Deployment) -> dict[str, str]:
    return attributes(deployment.service.one(TARGETS), "TargetGroupAttributes")


def balancer_attributes_have_known_names(deployment: Deployment) -> Iterator[str]:
    yield from sorted(set(balancer_attributes(deployment)) - BALANCER_KEYS)


def target_group_attributes_have_known_names(deployment: Deployment) -> Iterator[str]:
    yield from sorted(set(target_attributes(deployment)) - TARGET_KEYS)


def the_balancer_is_hardened(deployment: Deployment) -> Iterator[str]:
    wanted = {
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "strictest",
        "routing.http.xff_header_processing.mode": "append",
    }
    if deployment.production:
        wanted |= {"deletion_protection.enabled": "true", "access_logs.s3.enabled": "true"}
    found = balancer_attributes(deployment)
    for name, value in wanted.items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name)}, not {value}"


def the_balancer_faces_the_internet(deployment: Deployment) -> Iterator[str]:
    balancer = deployment.service.one(BALANCER)
    if (balancer.get("Scheme"), balancer.get("Type", "application")) != (
        "internet-facing",
        "application",
    ):
        yield f"{balancer.get('Scheme')} {balancer.get('Type')}"


def targets_are_addresses(deployment: Deployment) -> Iterator[str]:
    kind = deployment.service.one(TARGETS).get("TargetType")
    if kind != "ip":
        yield f"Fargate tasks are targets by ip, not {kind}"


def targets_are_probed_for_readiness(deployment: Deployment) -> Iterator[str]:
    """Readiness takes a target out; liveness ends a task, so that an outage of the table ends
    none."""
    group = deployment.service.one(TARGETS)
    found = (
        group.get("HealthCheckPath"),
        group.get("Matcher", {}).get("HttpCode"),
        group.get("HealthCheckProtocol", "HTTP"),
    )
    if found != ("/health/ready", "200", "HTTP"):
        yield f"probed with {found}"


def a_probe_ends_before_the_next_begins(deployment: Deployment) -> Iterator[str]:
    group = deployment.service.one(TARGETS)
    timeout, interval = (
        int(group["HealthCheckTimeoutSeconds"]),
        int(group["HealthCheckIntervalSeconds"]),
    )
    if not timeout < interval:
        yield f"a probe may take {timeout} s, the next begins after {interval} s"


def a_draining_task_is_taken_out_before_its_doors_close(deployment: Deployment) -> Iterator[str]:
    """The probes that declare a target unhealthy fit into the time in which it still serves."""
    group = deployment.service.one(TARGETS)
    noticed = int(group["HealthCheckIntervalSeconds"]) * int(group["UnhealthyThresholdCount"])
    drain = deployment.server["_DRAIN_SECONDS"]
    if not noticed <= drain:
        yield f"noticed after {noticed} s, but the doors close {drain} s after the signal"


def requests_under_way_may_end_before_a_target_is_let_go(deployment: Deployment) -> Iterator[str]:
    delay = int(target_attributes(deployment).get("deregistration_delay.timeout_seconds", 300))
    longest = deployment.server["graceful_timeout"]
    if not longest <= delay <= 120:
        yield f"a target is let go after {delay} s, a request may take {longest} s"


def connections_are_closed_by_the_balancer_first(deployment: Deployment) -> Iterator[str]:
    idle = int(balancer_attributes(deployment).get("idle_timeout.timeout_seconds", 60))
    longest, keepalive = deployment.server["graceful_timeout"], deployment.server["keepalive"]
    if not longest < idle < keepalive:
        yield f"idle time-out {idle} s, keepalive {keepalive} s, longest request {longest} s"


def listeners_speak_modern_tls_or_redirect_to_it(deployment: Deployment) -> Iterator[str]:
    listeners = deployment.service.of(LISTENER)
    secure = {name: body for name, body in listeners.items() if body["Protocol"] == "HTTPS"}
    for name, listener in secure.items():
        if listener.get("SslPolicy") not in MODERN_POLICIES:
            yield f"{name} speaks {listener.get('SslPolicy')}"
        if not listener.get("Certificates"):
            yield f"{name} has no certificate"
    for name in sorted(set(listeners) - set(secure)):
        actions = {action["Type"] for action in listeners[name]["DefaultActions"]}
        if (secure or deployment.production) and actions != {"redirect"}:
            yield f"{name} serves without TLS"
    if deployment.production and not secure:
        yield "production has no TLS"


def a_redirect_goes_to_the_same_place_by_https_for_good(deployment: Deployment) -> Iterator[str]:
    for name, listener in deployment.service.of(LISTENER).items():
        for action in listener["DefaultActions"]:
            told = action.get("RedirectConfig")
            if told and (told.get("Protocol"), str(told.get("Port")), told.get("StatusCode")) != (
                "HTTPS",
                "443",
                "HTTP_301",
            ):
                yield f"{name} redirects to {told}"


def something_forwards_to_the_target_group(deployment: Deployment) -> Iterator[str]:
    (group,) = deployment.service.of(TARGETS)
    forwards = [
        action.get("TargetGroupArn")
        for listener in deployment.service.of(LISTENER).values()
        for action in listener["DefaultActions"]
        if action["Type"] == "forward"
    ]
    if forwards != [f"<{group}>"]:
        yield f"requests are forwarded to {forwards}"
