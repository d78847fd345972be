"""How the balancer treats connections and targets, value by value; why is in
cloudformation/base."""

from collections.abc import Iterator

from tests.infrastructure.checks.balancer import BALANCER, LISTENER, TARGETS, attributes
from tests.infrastructure.deployments import FILLED, Deployment
from tests.infrastructure.deployments import deployment as rendered
from tests.infrastructure.facts import differing

CERTIFICATE = "CertificateManager::Certificate"


def connections_end_and_headers_are_read_as_they_must_be(deployment: Deployment) -> Iterator[str]:
    balancer = deployment.service.one(BALANCER)
    wanted = {
        "idle_timeout.timeout_seconds": "60",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "strictest",
        "routing.http.xff_header_processing.mode": "append",
        "access_logs.s3.enabled": "true",
        "deletion_protection.enabled": "true" if deployment.production else "false",
    }
    found = attributes(balancer, "LoadBalancerAttributes")
    bound = {"access_logs.s3.bucket", "access_logs.s3.prefix"}
    for name in sorted(set(found) ^ (set(wanted) | bound)):
        yield f"the balancer's {name} is {found.get(name, 'not set')}: describe it here"
    yield from (
        f"the balancer's {name} is {found.get(name)}, and must be {value}"
        for name, value in wanted.items()
        if found.get(name) != value
    )
    yield from differing("the balancer", balancer, {"Type": "application", "IpAddressType": None})


def a_target_joins_and_leaves_within_seconds(deployment: Deployment) -> Iterator[str]:
    """Two probes of five seconds each way; requests under way have 35 s."""
    group = deployment.service.of(TARGETS)["TargetGroup"]
    wanted = {
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 4,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "HealthCheckPath": "/health/ready",
        "HealthCheckProtocol": None,
        "HealthCheckEnabled": None,
        "Matcher.HttpCode": "200",
        "TargetType": "ip",
        "ProtocolVersion": None,
    }
    yield from differing("TargetGroup", group, wanted)
    found = attributes(group, "TargetGroupAttributes")
    exact = {
        "deregistration_delay.timeout_seconds": "35",
        "load_balancing.algorithm.type": "least_outstanding_requests",
    }
    if found != exact:
        yield f"TargetGroup has {found}, and must have {exact}"


def every_listener_has_the_certificate_of_the_domain(deployment: Deployment) -> Iterator[str]:
    for name, listener in deployment.service.of(LISTENER).items():
        found = [one["CertificateArn"] for one in listener.get("Certificates", [])]
        if found != ([deployment.certificate] if listener["Protocol"] == "HTTPS" else []):
            yield f"{name} has the certificates {found}"


def the_end_of_the_certificate_is_noticed(deployment: Deployment) -> Iterator[str]:
    """Of the one that clients get. One that ACM issued ends as well, once its record is gone."""
    found = [
        pair["Value"]
        for alarm in deployment.service.of("CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "DaysToExpiry"
        for pair in alarm["Dimensions"]
    ]
    presented = deployment.certificate
    wanted = [presented] if presented and deployment.guarded else []
    if found != wanted:
        yield f"the end of {wanted or 'no certificate'} must be noticed, not of {found}"
    if deployment.service.outputs.get("BalancerCertificateArn", "") != presented:
        yield f"the output BalancerCertificateArn is not {presented or 'left out'}"


def dev_has_no_alarm_of_its_certificate_either(deployment: Deployment) -> Iterator[str]:
    if deployment.guarded:
        return
    chosen = {name: FILLED[name] for name in ("DomainName", "CertificateArn")}
    yield from rendered("dev", deployment.root, **chosen).service.of("CloudWatch::Alarm")


def a_certificate_is_made_where_a_zone_stands_in_for_one(deployment: Deployment) -> Iterator[str]:
    """For the domain and no other name, proved by a record in the zone: a mail to whoever owns the
    domain would hold the stack until someone reads it."""
    given, made = deployment.service.parameters, deployment.service.of(CERTIFICATE)
    if set(made) != ({"Certificate"} if deployment.certificate == "<Certificate>" else set()):
        yield f"the certificates {sorted(made)} are made"
    wanted = {
        "DomainName": given["DomainName"],
        "SubjectAlternativeNames": None,
        "ValidationMethod": "DNS",
        "DomainValidationOptions.0.DomainName": given["DomainName"],
        "DomainValidationOptions.0.HostedZoneId": given["HostedZoneId"],
        "DomainValidationOptions.0.ValidationDomain": None,
        "DomainValidationOptions.1": None,
        "KeyAlgorithm": "EC_prime256v1",
        "CertificateTransparencyLoggingPreference": "ENABLED",
        "CertificateExport": None,
        "CertificateAuthorityArn": None,
    }
    for name, body in made.items():
        yield from differing(name, body, wanted)
