"""What else the account has: names of its policies, budget, mail identity, analyzer, outputs."""

import re
from collections.abc import Iterator

from release.join import short
from service.core.settings import STAGES
from tests.infrastructure.account import account, stack_role
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing
from tests.infrastructure.policies import listed
from tests.infrastructure.render import RenderError
from tests.infrastructure.texts import text_of

# The name of each policy in the account, by its name in the template.
NAMES = {
    "Boundary": "farebox-boundary",
    "DeployPolicy": "farebox-deploy",
    "KeptPolicy": "farebox-kept",
    "NetworkPolicy": "farebox-cloudformation-network",
    "RolesPolicy": "farebox-cloudformation-roles",
    "RuntimePolicy": "farebox-cloudformation-runtime",
    "StoragePolicy": "farebox-cloudformation-storage",
}
MAX_INLINE_BYTES = 51_200
# Choices that the template must refuse.
REFUSED = (
    {"AlertEmail": ""},
    {"MailDomain": ""},
    {"Repository": ""},
    {"Repository": "example/*"},
    {"Repository": "example"},
    {"Repository": "example/farebox:environment:dev"},
    {"ProviderArn": "arn:aws:iam::123456789012:oidc-provider/example.com"},
    {"MonthlyBudgetDollars": "-1"},
    {"AlertEmail": "alerts"},
    {"Dev": "no"},
    {"AccessAnalyzer": "yes"},
    {"MailZoneId": "zone/1"},
    {"ProductionDomain": "*"},
    {"MailDomain": "Example <no-reply@example.com>"},
)


def no_rule_of_the_account_is_broken(deployment: Deployment) -> Iterator[str]:
    yield from deployment.account.broken_rules


def the_account_cannot_be_made_with_a_wrong_choice(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    for choice in REFUSED:
        try:
            broken = account(deployment.root, **choice).broken_rules
        except RenderError:
            continue
        if not broken:
            yield f"the account accepts {choice}"


def each_choice_makes_what_it_says(deployment: Deployment) -> Iterator[str]:
    """And nothing else."""
    if not deployment.production:
        return
    everything = set(deployment.account.resources)
    cases: tuple[tuple[dict[str, str], set[str]], ...] = (
        ({"MonthlyBudgetDollars": "0"}, {"Budget"}),
        ({"MailZoneId": ""}, {"MailRecords"}),
        ({"MailDomain": "", "MailZoneId": ""}, {"MailIdentity", "MailRecords"}),
        ({"AccessAnalyzer": "false"}, {"Analyzer"}),
        ({"ProviderArn": _PROVIDER}, {"Provider"}),
        *(
            ({stage.capitalize(): "false"}, {stack_role(stage), f"{stage.capitalize()}DeployRole"})
            for stage in STAGES
        ),
    )
    for choice, absent in cases:
        found = account(deployment.root, **choice)
        if set(found.resources) != everything - absent:
            yield f"with {choice} the account lacks {sorted(everything - set(found.resources))}"
    found = account(deployment.root, ProviderArn=_PROVIDER)
    for name, role in found.of("IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            if statement["Principal"].get("Federated", _PROVIDER) != _PROVIDER:
                yield f"{name} trusts {statement['Principal']}, not the provider that is there"


def the_account_is_sent_inline(deployment: Deployment) -> Iterator[str]:
    """There is no bucket yet; release/account sends it as short as it can be."""
    sent = len(short(text_of(deployment.root / "cloudformation" / "account.yaml")).encode())
    if sent > MAX_INLINE_BYTES:
        yield f"the template of the account has {sent} bytes"


def each_policy_has_its_name_and_its_statements_theirs(deployment: Deployment) -> Iterator[str]:
    found = deployment.account.of("IAM::ManagedPolicy")
    if set(found) != set(NAMES):
        yield f"the policies of the account are {sorted(found)}"
    for name, body in found.items():
        yield from differing(name, body, {"ManagedPolicyName": NAMES.get(name)})
        if not re.fullmatch(r"[A-Z][A-Za-z ]{10,120}", str(body["Description"])):
            yield f"{name} says {body['Description']!r}"
        if body["PolicyDocument"]["Version"] != "2012-10-17":
            yield f"{name} is in the language of {body['PolicyDocument']['Version']}"
        sids = [str(statement["Sid"]) for statement in body["PolicyDocument"]["Statement"]]
        if len(set(sids)) != len(sids) or not all(re.fullmatch("[A-Z][A-Za-z]+", s) for s in sids):
            yield f"{name} names its statements {sids}"
        for statement in body["PolicyDocument"]["Statement"]:
            if (statement["Effect"] == "Deny") is not (name == "KeptPolicy"):
                yield f"{name}: {statement['Sid']} has the effect {statement['Effect']}"


def each_condition_compares_with_something_definite(deployment: Deployment) -> Iterator[str]:
    """A tag of the role, a resource of ours, a service, a truth: a wildcard only where an operator
    knows it."""
    for name, body in deployment.account.of("IAM::ManagedPolicy").items():
        for statement in body["PolicyDocument"]["Statement"]:
            for operator, keys in statement.get("Condition", {}).items():
                for key in keys:
                    for value in listed(keys[key]):
                        if "*" in value and "Like" not in operator:
                            yield f"{name}: {statement['Sid']} compares {key} with {value}"
                        if not re.fullmatch(r"[A-Za-z0-9<>:/${}_.*-]+", value):
                            yield f"{name}: {statement['Sid']} compares {key} with {value!r}"


def the_budget_of_the_account_reports_before_and_beyond_its_limit(
    deployment: Deployment,
) -> Iterator[str]:
    parameters = deployment.account.parameters
    wanted = {
        "Budget.BudgetType": "COST",
        "Budget.TimeUnit": "MONTHLY",
        "Budget.BudgetLimit.Amount": parameters["MonthlyBudgetDollars"],
        "Budget.BudgetLimit.Unit": "USD",
        "NotificationsWithSubscribers.2": None,
    }
    for place, (kind, percent) in enumerate((("ACTUAL", 80), ("FORECASTED", 100))):
        one = f"NotificationsWithSubscribers.{place}"
        wanted |= {
            f"{one}.Notification.NotificationType": kind,
            f"{one}.Notification.ComparisonOperator": "GREATER_THAN",
            f"{one}.Notification.Threshold": percent,
            f"{one}.Notification.ThresholdType": None,
            f"{one}.Subscribers.0.SubscriptionType": "EMAIL",
            f"{one}.Subscribers.0.Address": parameters["AlertEmail"],
            f"{one}.Subscribers.1": None,
        }
    for name, body in deployment.account.of("Budgets::Budget").items():
        yield from differing(name, body, wanted)


def the_mail_domain_is_proved_by_three_records(deployment: Deployment) -> Iterator[str]:
    """SES signs with DKIM; each record points where SES says."""
    parameters, stack = deployment.account.parameters, deployment.account
    for name, body in stack.of("SES::EmailIdentity").items():
        yield from differing(
            name,
            body,
            {
                "EmailIdentity": parameters["MailDomain"],
                "DkimSigningAttributes.NextSigningKeyLength": "RSA_2048_BIT",
            },
        )
    for name, body in stack.of("Route53::RecordSetGroup").items():
        wanted: dict[str, object] = {"HostedZoneId": parameters["MailZoneId"], "RecordSets.3": None}
        for number in (1, 2, 3):
            wanted |= {
                f"RecordSets.{number - 1}.Name": f"<MailIdentity.DkimDNSTokenName{number}>",
                f"RecordSets.{number - 1}.Type": "CNAME",
                f"RecordSets.{number - 1}.TTL": "300",
                f"RecordSets.{number - 1}.ResourceRecords.0": (
                    f"<MailIdentity.DkimDNSTokenValue{number}>"
                ),
                f"RecordSets.{number - 1}.ResourceRecords.1": None,
            }
        yield from differing(name, body, wanted)


def what_others_can_reach_is_reported(deployment: Deployment) -> Iterator[str]:
    for name, body in deployment.account.of("AccessAnalyzer::Analyzer").items():
        yield from differing(name, body, {"AnalyzerName": "farebox", "Type": "ACCOUNT"})


def the_account_hands_over_boundary_and_roles(deployment: Deployment) -> Iterator[str]:
    """release/ reads them by these names."""
    wanted: dict[str, object] = {"PermissionsBoundary": "<Boundary>"}
    for stage in STAGES:
        wanted[f"{stage}StackRole"] = f"<{stack_role(stage)}.Arn>"
        wanted[f"{stage}DeployRole"] = f"<{stage.capitalize()}DeployRole.Arn>"
    for part in ("Name", "Value"):
        parts = (f"<MailIdentity.DkimDNSToken{part}{number}>" for number in (1, 2, 3))
        wanted[f"MailRecord{part}s"] = " ".join(parts)
    yield from differing("the account's outputs", deployment.account.outputs, wanted)
    if set(deployment.account.outputs) - set(wanted):
        yield f"the account's outputs are {sorted(deployment.account.outputs)}"


_PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
