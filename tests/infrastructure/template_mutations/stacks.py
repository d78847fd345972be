"""Mutations of the stacks as wholes: parameters, rules and references."""

from tests.infrastructure.template_mutations.mutation import (
    BASE,
    DATA,
    PRODUCTION,
    TemplateMutation,
)

STACKS = (
    TemplateMutation(
        "one-task-in-production", PRODUCTION, '"WebMinTasks": "3"', '"WebMinTasks": "1"'
    ),
    TemplateMutation("parameter-that-is-not-there", PRODUCTION, '"WebMaxTasks"', '"WebMostTasks"'),
    TemplateMutation("production-on-one-nat", PRODUCTION, '"per-az"', '"single"'),
    TemplateMutation(
        "production-trusts-a-bare-google-id",
        PRODUCTION,
        '"NatGateways"',
        '"TrustBareGoogleId": "true",\n    "NatGateways"',
    ),
    TemplateMutation(
        "rule-for-tls-lost",
        BASE,
        '      - Assert: !Or [!Not [!Equals [!Ref CertificateArn, ""]], '
        '!Not [!Equals [!Ref HostedZoneId, ""]]]\n'
        '        AssertDescription: "Production needs CertificateArn, or HostedZoneId in which '
        'one is made: tokens and credits do not travel in the clear."\n',
        "",
    ),
    TemplateMutation(
        "zone-without-a-certificate-refused",
        BASE,
        '!Or [!Not [!Equals [!Ref CertificateArn, ""]], !Not [!Equals [!Ref HostedZoneId, ""]]]',
        '!Not [!Equals [!Ref CertificateArn, ""]]',
        "\n  Domain:\n",
    ),
    TemplateMutation(
        "attribute-that-is-not-there", BASE, "!GetAtt WebAcl.Arn", "!GetAtt WebAcl.ARN"
    ),
    TemplateMutation("reference-to-nothing", BASE, "!Ref InternetGateway", "!Ref Gateway"),
    TemplateMutation(
        "circle", DATA, "table, secrets, images, logs, alerts", "${Table} and more", "\n  Key:\n"
    ),
    TemplateMutation(
        "parameter-for-nothing",
        DATA,
        "Parameters:\n",
        "Parameters:\n  Unused: {Type: String, Default: x}\n",
    ),
)
