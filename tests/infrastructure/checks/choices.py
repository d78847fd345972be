"""Each Rule of the template broken alone, the defaults of parameters, what the stages choose."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from service.app import sections
from service.settings import declared
from tests.infrastructure.deployments import (
    FILLED,
    TEMPLATES,
    Deployment,
    accepted,
    broken_rules,
    stage_parameters,
    template,
)

_NOTHING: Mapping[str, str] = {
    "CertificateArn": "",
    "DomainName": "",
    "HostedZoneId": "",
    "GoogleClientIds": "",
    "MailFrom": "",
    "MailIdentity": "",
    "AppUrl": "",
}
_POOL, _CLIENT = "us-east-1_AbCdEf123", "1example23456789"
# A choice, and how the descriptions of exactly those assertions begin that it breaks.
BROKEN: tuple[tuple[str, Mapping[str, str], tuple[str, ...]], ...] = (
    ("production", {}, ()),
    ("production", {"NatGateways": "single"}, ("Production needs NatGateways",)),
    ("production", {"NatGateways": "none"}, ("Production needs NatGateways",)),
    ("production", {"TrustBareGoogleId": "true"}, ("Production never trusts",)),
    ("production", {"OnlySpot": "true"}, ("Production never runs on Spot",)),
    ("production", {"AllowedCidr": "192.0.2.0/24"}, ("Production is for everyone",)),
    ("production", {"AlertEmail": "", "PagerUrl": ""}, ("Production needs AlertEmail",)),
    ("production", {"AlertEmail": ""}, ()),
    (
        "production",
        {"GoogleClientIds": ""},
        ("Production needs GoogleClientIds", "GoogleClientIds must name"),
    ),
    (
        "production",
        {"GoogleClientIds": "", "CognitoUserPoolId": _POOL, "CognitoClientIds": _CLIENT},
        (),
    ),
    (
        "production",
        {"CertificateArn": "", "DomainName": "", "HostedZoneId": ""},
        ("Production needs CertificateArn, or HostedZoneId",),
    ),
    ("production", {"CertificateArn": ""}, ()),
    ("production", {"HostedZoneId": ""}, ()),
    (
        "production",
        {"CertificateArn": "", "HostedZoneId": ""},
        ("Production needs CertificateArn, or", "DomainName needs CertificateArn, or HostedZoneId"),
    ),
    ("dev", {}, ()),
    ("dev", {"DomainName": "dev.example.com"}, ("DomainName needs CertificateArn, or",)),
    ("dev", {"DomainName": "dev.example.com", "HostedZoneId": "Z1"}, ()),
    ("dev", {"CertificateArn": FILLED["CertificateArn"]}, ("CertificateArn needs DomainName",)),
    ("dev", {"HostedZoneId": "Z1"}, ("HostedZoneId needs DomainName",)),
    ("dev", {"TrustBareGoogleId": "false"}, ("GoogleClientIds must name",)),
    ("dev", {"TrustBareGoogleId": "false", "GoogleClientIds": "x"}, ()),
    ("dev", {"CognitoUserPoolId": _POOL}, ("CognitoUserPoolId needs CognitoClientIds",)),
    ("dev", {"CognitoClientIds": _CLIENT}, ("CognitoClientIds needs CognitoUserPoolId",)),
    ("dev", {"MailFrom": "a@b.c", "AppUrl": "https://b.c"}, ("MailFrom needs MailIdentity",)),
    ("dev", {"MailFrom": "a@b.c", "MailIdentity": "b.c"}, ("MailFrom needs AppUrl",)),
    ("dev", {"StripeSecretArn": "arn:x"}, ("StripeSecretArn needs AppUrl",)),
    ("dev", {"StripeSecretArn": "arn:x", "AppUrl": "https://b.c"}, ()),
    ("staging", {}, ()),
    ("staging", {"NatGateways": "none"}, ()),
)
# Choices that CloudFormation itself refuses.
REFUSED: tuple[Mapping[str, str], ...] = (
    {"Stage": "test"},
    {"ImageUri": "farebox:latest"},
    {"PreviousImageUri": "farebox:latest"},
    {"NatGateways": "two"},
    {"ZoneCount": "1"},
    {"ZoneCount": "4"},
    {"ZoneNames": "us-east-1a"},
    {"ZoneNames": "us-east-1a, us-east-1b"},
    {"CpuArchitecture": "MIPS"},
    {"WebSize": "nano"},
    {"WorkerSize": "nano"},
    {"OnlySpot": "yes"},
    {"FirstDeployment": "yes"},
    {"AllowedCidr": "everyone"},
    {"WorkerIntervalSeconds": "0.1"},
    {"WebMinTasks": "0"},
    {"WorkerMinTasks": "0"},
    {"RelaySize": "nano"},
    {"RelayMinTasks": "0"},
    {"RelayMaxTasks": "0"},
    {"WebMaxTasks": "0"},
    {"WorkerMaxTasks": "0"},
    {"SpotWeight": "-1"},
    {"SpotWeight": "11"},
    {"RatePerIp": "9"},
    {"TotalRatePerIp": "9"},
    {"CallbackRatePerIp": "9"},
    {"RatePerCredential": "9"},
    {"SignUpRatePerIp": "9"},
    {"AdminRatePerIp": "9"},
    {"InterfaceEndpoints": "yes"},
    {"TrustBareGoogleId": "yes"},
    {"StripeTax": "yes"},
    {"UploadMalwareScan": "yes"},
    {"LogLevel": "LOUD"},
    {"SessionCookieSameSite": "Loose"},
    {"DevicePolicy": "allow"},
    {"KeyArn": "key"},
    {"TableName": "t"},
    {"RunbookUrl": "http://runbook"},
    {"KlingMode": "best"},
    {"KlingDuration": "2"},
    {"MaxUsers": "0"},
    {"MaxOpenJobsPerUser": "6"},
    {"AuditReadsPerSecond": "20001"},
    {"UploadMaxAudioMegabytes": "5121"},
    {"TextPlaces": "0"},
    {"TextDefaultModel": "GPT 4"},
    {"AssemblyAiSpeechModel": "best"},
    {"LiveVendorTokens": "yes"},
    {"LiveBlockSeconds": "59"},
    {"LiveBlockSeconds": "10801"},
    {"VideoPriceCredits": "1.2345"},
    {"AdminApprovalCredits": "-1"},
)
# Sizes and limits that no setting has, and what they are by default.
DEFAULTS = {
    "Stage": "dev",
    "CpuArchitecture": "ARM64",
    "AllowedCidr": "0.0.0.0/0",
    "OnlySpot": "false",
    "FirstDeployment": "false",
    "WorkerIntervalSeconds": "1",
    "VpcCidr": "10.40.0.0/16",
    "ZoneCount": "3",
    "NatGateways": "none",
    "InterfaceEndpoints": "false",
    "WebSize": "small",
    "WorkerSize": "small",
    "RelaySize": "small",
    "RelayMinTasks": "1",
    "RelayMaxTasks": "3",
    "WebMinTasks": "1",
    "WebMaxTasks": "2",
    "WorkerMinTasks": "1",
    "WorkerMaxTasks": "2",
    "SpotWeight": "0",
    "RequestsPerTask": "3000",
    "RatePerIp": "600",
    "TotalRatePerIp": "6000",
    "CallbackRatePerIp": "3000",
    "RatePerCredential": "300",
    "SignUpRatePerIp": "60",
    "AdminRatePerIp": "120",
    "AuditReadsPerSecond": "500",
    "RunbookUrl": "docs/runbook.md",
    "HouseLossCreditsPerHour": "10",
    "UploadDays": "7",
    "VideoCopyDays": "0",
    "TrustBareGoogleId": "false",
    "LogRetentionDays": "30",
}
# Each stage's own: a year of logs where money is, three zones, room to grow tenfold.
CHOSEN: Mapping[str, Mapping[str, str]] = {
    "dev": {
        "LogRetentionDays": "14",
        "ZoneCount": "2",
        "NatGateways": "none",
        "WebSize": "tiny",
        "WorkerSize": "tiny",
        "RelaySize": "tiny",
        "RelayMaxTasks": "1",
        "WebMaxTasks": "1",
        "WorkerMaxTasks": "1",
        "OnlySpot": "true",
        "WorkerIntervalSeconds": "5",
    },
    "staging": {"LogRetentionDays": "30", "ZoneCount": "2", "NatGateways": "single"},
    "production": {
        "LogRetentionDays": "365",
        "ZoneCount": "3",
        "NatGateways": "per-az",
        "WebSize": "medium",
        "WebMinTasks": "3",
        "WebMaxTasks": "30",
        "WorkerMinTasks": "2",
        "WorkerMaxTasks": "20",
        "RelayMinTasks": "2",
        "RelayMaxTasks": "20",
        "SpotWeight": "3",
    },
}
# Half a processor for each process, a quarter for the only one, and memory that Fargate offers with
# it.
SIZES = {
    "tiny": ("256", "512", "1"),
    "small": ("512", "1024", "2"),
    "medium": ("1024", "2048", "2"),
    "large": ("2048", "4096", "4"),
}


def each_rule_is_broken_by_its_own_choice_alone(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    covered = set()
    for stage, changes, wanted in BROKEN:
        nothing = _NOTHING if stage == "dev" else {}
        broken = broken_rules(deployment.root, stage, changes, nothing)
        covered |= set(broken)
        left = [text for text in broken if not text.startswith(wanted or ("-",))]
        lost = [start for start in wanted if not any(text.startswith(start) for text in broken)]
        if left or lost:
            yield f"{stage} with {dict(changes)} breaks {broken}, not {wanted}"
    for template_name in TEMPLATES:
        for name, rule in _source(deployment, template_name).get("Rules", {}).items():
            for assertion in rule["Assertions"]:
                if assertion["AssertDescription"] not in covered:
                    yield f"no choice of BROKEN breaks {name}: {assertion['AssertDescription']}"


def what_cannot_run_is_refused_as_a_parameter(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    known = {name for stack in deployment.stacks for name in stack.parameters}
    for choice in REFUSED:
        if not set(choice) <= known:
            yield f"no template has {dict(choice)}: correct REFUSED"
        elif accepted(deployment.root, "production", choice):
            yield f"the template accepts {dict(choice)}"


def each_default_is_that_of_the_code(deployment: Deployment) -> Iterator[str]:
    """A parameter that is spelled like a setting has its default, so that a stage without a choice
    behaves as the settings' documents say."""
    if not deployment.production:
        return
    known = _setting_defaults()
    for stack in TEMPLATES:
        for name, rules in _source(deployment, stack)["Parameters"].items():
            found = str(rules.get("Default", "none"))
            wanted = DEFAULTS.get(name, known.get(name.lower(), found))
            if found != wanted:
                yield f"{name} is {found} by default, and must be {wanted}"


def each_stage_chooses_what_it_is_for(deployment: Deployment) -> Iterator[str]:
    given = stage_parameters(deployment.root, deployment.stage)
    chosen = given["data"] | given["base"] | given["service"]
    for name, wanted in CHOSEN[deployment.stage].items():
        if chosen.get(name, DEFAULTS.get(name)) != wanted:
            yield f"{deployment.stage} has {name} {chosen.get(name)}, and must have {wanted}"
    if (chosen.get("TrustBareGoogleId", "false") == "true") is not (deployment.stage == "dev"):
        yield f"{deployment.stage} trusts a bare GoogleID"
    if (chosen.get("LogLevel", "INFO") == "DEBUG") is not (deployment.stage == "dev"):
        yield f"{deployment.stage} logs {chosen.get('LogLevel')}"


def each_size_is_one_that_fits(deployment: Deployment) -> Iterator[str]:
    body = _source(deployment, "service")
    sizes = body["Mappings"]["Sizes"]
    found = {
        name: tuple(str(size[key]) for key in ("Cpu", "Memory", "Processes"))
        for name, size in sizes.items()
    }
    for name, wanted in SIZES.items():
        if found.get(name) != wanted:
            yield f"{name} is {found.get(name)}, and must be {wanted}"
    for name in ("Web", "Worker", "Relay"):
        if set(body["Parameters"][f"{name}Size"]["AllowedValues"]) - set(found):
            yield f"{name}Size offers sizes that do not exist"


def _source(deployment: Deployment, name: str) -> dict[str, Any]:
    return template(deployment.root / "cloudformation" / f"{name}.yaml")


@lru_cache(maxsize=1)
def _setting_defaults() -> dict[str, str]:
    """The default of each setting that is a plain number or word, by its name as a parameter is
    spelled, in lower case."""
    return {
        one.name.replace("_", ""): str(one.default).lower()
        if isinstance(one.default, bool)
        else str(one.default)
        for one in declared(sections())
        if isinstance(one.default, bool | int | str) and str(one.default)
    }
