"""Mutations of the load balancer, its target group, its listeners and who reads its zone."""

from tests.infrastructure.template_mutations.mutation import BASE, TemplateMutation, on


def _balancer(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "LoadBalancer", old, new, BASE)


def _targets(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "TargetGroup", old, new, BASE)


def _certificate(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "Certificate", old, new, BASE)


def _zone(name: str, actions: str) -> TemplateMutation:
    """Of what a deploy role may do with the zone."""
    deploy = "cloudformation/account/deploy.yaml"
    return TemplateMutation(name, deploy, "route53:GetHostedZone", actions, "- Sid: ReadZone\n")


BALANCER = (
    _balancer(
        "balancer-attribute-misspelt", "idle_timeout.timeout_seconds", "idle_timeout.seconds"
    ),
    _balancer(
        "idle-beyond-keepalive",
        'idle_timeout.timeout_seconds, Value: "60"',
        'idle_timeout.timeout_seconds, Value: "120"',
    ),
    _balancer(
        "bad-headers-kept",
        'drop_invalid_header_fields.enabled, Value: "true"',
        'drop_invalid_header_fields.enabled, Value: "false"',
    ),
    _balancer(
        "access-logs-off",
        'access_logs.s3.enabled, Value: "true"',
        'access_logs.s3.enabled, Value: "false"',
    ),
    _balancer("balancer-inside", "Scheme: internet-facing", "Scheme: internal"),
    _balancer(
        "balancer-in-private-subnets",
        "!Ref PublicSubnetA, !Ref PublicSubnetB",
        "!Ref PrivateSubnetA, !Ref PrivateSubnetB",
    ),
    _targets(
        "target-attribute-misspelt",
        "deregistration_delay.timeout_seconds",
        "deregistration_delay.timeout",
    ),
    _targets("targets-are-instances", "TargetType: ip", "TargetType: instance"),
    _targets(
        "probe-longer-than-its-interval",
        "HealthCheckTimeoutSeconds: 4",
        "HealthCheckTimeoutSeconds: 6",
    ),
    _targets(
        "probed-for-life-only", "HealthCheckPath: /health/ready", "HealthCheckPath: /health/live"
    ),
    _targets(
        "probed-where-nothing-is", "HealthCheckPath: /health/ready", "HealthCheckPath: /healthz"
    ),
    _targets("targets-on-another-port", "Port: 8080", "Port: 80"),
    _targets("requests-cut-off", 'Value: "35"', 'Value: "5"'),
    TemplateMutation(
        "old-tls",
        BASE,
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "ELBSecurityPolicy-2016-08",
    ),
    TemplateMutation(
        "tls-without-a-certificate",
        BASE,
        "      Certificates: "
        "[{CertificateArn: !If [MakesCertificate, !Ref Certificate, !Ref CertificateArn]}]\n",
        "",
        "\n  HttpsListener:\n",
    ),
    on(
        "certificate-made-and-not-used",
        "HttpsListener",
        "!If [MakesCertificate, !Ref Certificate, !Ref CertificateArn]",
        "!Ref CertificateArn",
        BASE,
    ),
    on(
        "certificate-given-and-not-used",
        "HttpsListener",
        "[MakesCertificate, !Ref Certificate, !Ref CertificateArn]",
        "[HasZone, !Ref Certificate, !Ref CertificateArn]",
        BASE,
    ),
    TemplateMutation(
        "certificate-made-in-spite-of-one",
        BASE,
        'MakesCertificate: !And [!Condition HasZone, !Equals [!Ref CertificateArn, ""]]',
        "MakesCertificate: !Condition HasZone",
    ),
    TemplateMutation(
        "certificate-never-made",
        BASE,
        'HasCertificate: !Or [!Condition HasZone, !Not [!Equals [!Ref CertificateArn, ""]]]',
        'HasCertificate: !Not [!Equals [!Ref CertificateArn, ""]]',
    ),
    _certificate(
        "certificate-of-another-name", "DomainName: !Ref DomainName", "DomainName: example.com"
    ),
    _certificate("certificate-by-mail", "ValidationMethod: DNS", "ValidationMethod: EMAIL"),
    _certificate("certificate-by-the-default", "      ValidationMethod: DNS\n", ""),
    _certificate(
        "certificate-proved-in-another-zone", "HostedZoneId: !Ref HostedZoneId", "HostedZoneId: Z1"
    ),
    _certificate("certificate-proved-by-hand", ", HostedZoneId: !Ref HostedZoneId}]", "}]"),
    _certificate(
        "certificate-proved-for-another-name",
        "[{DomainName: !Ref DomainName,",
        '[{DomainName: !Sub "www.${DomainName}",',
    ),
    _certificate(
        "certificate-of-every-name-below",
        "      ValidationMethod",
        '      SubjectAlternativeNames: [!Sub "*.${DomainName}"]\n      ValidationMethod',
    ),
    _certificate("certificate-in-no-log", "Preference: ENABLED", "Preference: DISABLED"),
    _certificate("certificate-with-a-small-key", "EC_prime256v1", "RSA_1024"),
    _certificate(
        "certificate-that-can-be-exported",
        "      ValidationMethod",
        "      CertificateExport: ENABLED\n      ValidationMethod",
    ),
    TemplateMutation(
        "plain-http-beside-tls",
        BASE,
        '{Type: redirect, RedirectConfig: {Protocol: HTTPS, Port: "443", StatusCode: HTTP_301}}',
        "{Type: forward, TargetGroupArn: !Ref TargetGroup}",
    ),
    TemplateMutation("redirect-for-a-while", BASE, "HTTP_301", "HTTP_302"),
    _zone("zone-not-read", "route53:GetHealthCheck"),
    _zone("names-set-by-a-deployer", "[route53:GetHostedZone, route53:ChangeResourceRecordSets]"),
)
