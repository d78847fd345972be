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
    return attributes(deployment.targets, "TargetGroupAttributes")


def balancer_attributes_have_known_names(deployment: Deployment) -> Iterator[str]:
    for name in sorted(set(balancer_attributes(deployment)) - BALANCER_KEYS):
        yield f"{name} is not an attribute of a load balancer: correct its spelling"


def target_group_attributes_have_known_names(deployment: Deployment) -> Iterator[str]:
    for name in sorted(set(target_attributes(deployment)) - TARGET_KEYS):
        yield f"{name} is not an attribute of a target group: correct its spelling"


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
            yield f"the balancer has {name} = {found.get(name)}: set it to {value}"


def the_balancer_faces_the_internet(deployment: Deployment) -> Iterator[str]:
    balancer = deployment.service.one(BALANCER)
    if (balancer.get("Scheme"), balancer.get("Type", "application")) != (
        "internet-facing",
        "application",
    ):
        yield (
            f"the balancer is {balancer.get('Scheme')} {balancer.get('Type')}: "
            "it must be an internet-facing application balancer"
        )


def targets_are_addresses(deployment: Deployment) -> Iterator[str]:
    kind = deployment.targets.get("TargetType")
    if kind != "ip":
        yield f"the targets are of type {kind}: Fargate tasks need TargetType ip"


def targets_are_probed_for_readiness(deployment: Deployment) -> Iterator[str]:
    """Failed readiness only removes a target from the balancer. Failed liveness ends the task, so
    liveness must not depend on the table: its outage would end every task."""
    group = deployment.targets
    found = (
        group.get("HealthCheckPath"),
        group.get("Matcher", {}).get("HttpCode"),
        group.get("HealthCheckProtocol", "HTTP"),
    )
    if found != ("/health/ready", "200", "HTTP"):
        yield f"targets are probed with {found}: they need /health/ready, 200, HTTP"


def a_probe_ends_before_the_next_begins(deployment: Deployment) -> Iterator[str]:
    group = deployment.targets
    timeout, interval = (
        int(group["HealthCheckTimeoutSeconds"]),
        int(group["HealthCheckIntervalSeconds"]),
    )
    if not timeout < interval:
        yield (
            f"a probe may take {timeout} s and the next begins after {interval} s: "
            "shorten HealthCheckTimeoutSeconds"
        )


def a_draining_task_is_taken_out_before_it_stops_accepting(deployment: Deployment) -> Iterator[str]:
    """The probes that declare a target unhealthy fit into the time in which the task still
    serves."""
    group = deployment.targets
    detected_seconds = int(group["HealthCheckIntervalSeconds"]) * int(
        group["UnhealthyThresholdCount"]
    )
    drain = deployment.server["_DRAIN_SECONDS"]
    if not detected_seconds <= drain:
        yield (
            f"the balancer needs {detected_seconds} s to remove a draining task, which stops "
            f"accepting "
            f"{drain} s after the signal: probe more often or raise DRAIN_SECONDS"
        )


def requests_under_way_may_end_before_a_target_is_let_go(deployment: Deployment) -> Iterator[str]:
    delay = int(target_attributes(deployment).get("deregistration_delay.timeout_seconds", 300))
    max_request_seconds = deployment.server["graceful_timeout"]
    if not max_request_seconds <= delay <= 120:
        yield (
            f"a target is removed after {delay} s and a request may take {max_request_seconds} s: "
            "the deregistration delay must lie between that and 120 s"
        )


def connections_are_closed_by_the_balancer_first(deployment: Deployment) -> Iterator[str]:
    idle = int(balancer_attributes(deployment).get("idle_timeout.timeout_seconds", 60))
    max_request_seconds, keepalive = (
        deployment.server["graceful_timeout"],
        deployment.server["keepalive"],
    )
    if not max_request_seconds < idle < keepalive:
        yield (
            f"the balancer closes an idle connection after {idle} s, gunicorn after "
            f"{keepalive} s, and "
            f"a request may take {max_request_seconds} s: keep request < balancer < gunicorn"
        )


def listeners_speak_modern_tls_or_redirect_to_it(deployment: Deployment) -> Iterator[str]:
    listeners = deployment.service.of(LISTENER)
    secure = {name: body for name, body in listeners.items() if body["Protocol"] == "HTTPS"}
    for name, listener in secure.items():
        if listener.get("SslPolicy") not in MODERN_POLICIES:
            yield (
                f"{name} has the TLS policy {listener.get('SslPolicy')}: use one of MODERN_POLICIES"
            )
        if not listener.get("Certificates"):
            yield f"{name} has no certificate: add Certificates"
    for name in sorted(set(listeners) - set(secure)):
        actions = {action["Type"] for action in listeners[name]["DefaultActions"]}
        if (secure or deployment.production) and actions != {"redirect"}:
            yield f"{name} serves without TLS: let it redirect to HTTPS"
    if deployment.production and not secure:
        yield "production has no HTTPS listener: CertificateArn is missing"


def a_redirect_goes_to_the_same_place_by_https_for_good(deployment: Deployment) -> Iterator[str]:
    for name, listener in deployment.service.of(LISTENER).items():
        for action in listener["DefaultActions"]:
            redirect = action.get("RedirectConfig")
            if redirect and (
                redirect.get("Protocol"),
                str(redirect.get("Port")),
                redirect.get("StatusCode"),
            ) != (
                "HTTPS",
                "443",
                "HTTP_301",
            ):
                yield f"{name} redirects to {redirect}: it must be HTTPS, port 443, HTTP_301"


def something_forwards_to_the_target_group(deployment: Deployment) -> Iterator[str]:
    forwards = [
        action.get("TargetGroupArn")
        for listener in deployment.service.of(LISTENER).values()
        for action in listener["DefaultActions"]
        if action["Type"] == "forward"
    ]
    if forwards != ["<TargetGroup>"]:
        yield f"requests are forwarded to {forwards}: by default web tasks serve them"
