"""Requests sent through the firewall: what passes, what is counted by which limit, what is refused
with which response, what is logged."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.checks.firewall import ACL, LOGGING, PUBLISHED
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing
from tests.infrastructure.statements import Request, counted, matches

# In the order in which they apply.
LIMITS = {
    "TotalByIp": "TotalRatePerIp",
    "RateByIp": "RatePerIp",
    "CallbacksByIp": "CallbackRatePerIp",
    "SignUpsByIp": "SignUpRatePerIp",
    "RateByCredential": "RatePerCredential",
    "AdminByIp": "AdminRatePerIp",
}
GROUPS = {
    "Reputation": "AWSManagedRulesAmazonIpReputationList",
    "KnownBadInputs": "AWSManagedRulesKnownBadInputsRuleSet",
    "Common": "AWSManagedRulesCommonRuleSet",
}
ORDER = [
    "TotalByIp",
    "RateByIp",
    "CallbacksByIp",
    "SignUpsByIp",
    "RateByCredential",
    "BodyTooLarge",
    "AdminByIp",
    "Reputation",
    "KnownBadInputs",
    "Common",
]
# Kling's callbacks have no User-Agent, and bodies are free text.
ONLY_COUNTED = {"NoUserAgent_HEADER"}
_KEY = {"authorization": "Bearer x"}
# The limits that count each request.
COUNTED: tuple[tuple[Request, str], ...] = (
    (Request("GET", "/credits", _KEY), "TotalByIp RateByIp RateByCredential"),
    (Request("GET", "/credits"), "TotalByIp RateByIp"),
    (Request("POST", "/videos", _KEY), "TotalByIp RateByIp SignUpsByIp RateByCredential"),
    (Request("POST", "/%76ideos"), "TotalByIp RateByIp SignUpsByIp"),
    (Request("OPTIONS", "/videos"), "TotalByIp"),
    (Request("POST", "/auth/google"), "TotalByIp RateByIp SignUpsByIp"),
    (Request("POST", "/%61uth/google"), "TotalByIp RateByIp SignUpsByIp"),
    (Request("POST", "/author"), "TotalByIp RateByIp"),
    (Request("POST", "/auth/sessions"), "TotalByIp RateByIp"),
    (Request("POST", "/auth/sessions/refresh"), "TotalByIp RateByIp SignUpsByIp"),
    (Request("OPTIONS", "/auth/google"), "TotalByIp"),
    (Request("POST", "/credits/redeem"), "TotalByIp RateByIp SignUpsByIp"),
    (Request("POST", "/credits/%72edeem"), "TotalByIp RateByIp SignUpsByIp"),
    (Request("POST", "/callbacks/kling/x"), "TotalByIp CallbacksByIp"),
    (Request("POST", "/callbacks"), "TotalByIp RateByIp"),
    (Request("POST", "/%63allbacks/kling/x"), "TotalByIp RateByIp"),
    (Request("POST", "/stripe/webhook"), "TotalByIp CallbacksByIp"),
    (Request("POST", "/stripe/webhook/x"), "TotalByIp RateByIp"),
    (Request("POST", "/webhooks/stripe"), "TotalByIp CallbacksByIp"),
    (Request("POST", "/webhooks/stripes"), "TotalByIp RateByIp"),
    (Request("POST", "/admin/users"), "TotalByIp RateByIp AdminByIp"),
    (Request("GET", "/%61dmin"), "TotalByIp RateByIp AdminByIp"),
    (Request("OPTIONS", "/admin/users"), "TotalByIp"),
)
# Content-Length, and whether such a body is refused there.
SIZES: tuple[tuple[str, str, bool], ...] = (
    ("/credits", "99999", False),
    ("/credits", "100000", True),
    ("/credits", "000100000", True),
    ("/videos", "15999999", False),
    ("/%76ideos/generate", "15999999", False),
    ("/videos", "16000000", True),
    ("/videos", "20000000", True),
    ("/videos", "100000000", True),
    ("/videos", "000016000000", True),
    ("/credits/quote", "15999999", False),
    ("/credits/%71uote", "15999999", False),
    ("/credits/quote", "16000000", True),
    ("/ai/generate", "999999", False),
    ("/%61i/generate", "999999", False),
    ("/ai/generate", "1000000", True),
    ("/v1/chat/completions", "999999", False),
    ("/v1/%63hat", "999999", False),
    ("/v1/chat/completions", "0001000000", True),
    ("/admin/bulk-grants", "999999", False),
    ("/admin/%62ulk-grants", "999999", False),
    ("/admin/bulk-grants", "1000000", True),
    ("/admin/users", "100000", True),
    ("/stripe/webhook", "999999", False),
    ("/webhooks/stripe", "999999", False),
    ("/stripe/webhook", "1000000", True),
    ("/stripe/webhook/x", "100000", True),
    ("/%73tripe/webhook", "100000", True),
    ("/webhooks/stripe/x", "100000", True),
)
# Whether the groups of AWS read a request. The reputation of an address counts everywhere.
INSPECTED = (
    (Request("POST", "/videos"), {"Reputation", "KnownBadInputs", "Common"}),
    (Request("POST", "/stripe/webhook"), {"Reputation"}),
    (Request("POST", "/webhooks/stripe"), {"Reputation"}),
    (Request("POST", "/%73tripe/webhook"), {"Reputation", "KnownBadInputs", "Common"}),
    (Request("POST", "/callbacks/kling/x"), {"Reputation", "KnownBadInputs", "Common"}),
)
_RETRY = [("Retry-After", "60"), ("Access-Control-Allow-Origin", "*")]
_RETRY += [("Access-Control-Expose-Headers", "Retry-After")]
_PLAIN = [("Access-Control-Allow-Origin", "*")]


def each_request_is_counted_by_its_limits(deployment: Deployment) -> Iterator[str]:
    for rules in _acls(deployment):
        rates = {name: rules[name]["Statement"]["RateBasedStatement"] for name in LIMITS}
        for request, wanted in COUNTED:
            found = {name for name, rate in rates.items() if counted(rate, request)}
            if found != set(wanted.split()):
                yield f"{request.method} {request.path} is counted by {sorted(found)}, not {wanted}"


def each_limit_is_the_parameter_a_minute(deployment: Deployment) -> Iterator[str]:
    for rules in _acls(deployment):
        for name, parameter in LIMITS.items():
            wanted = {
                "EvaluationWindowSec": 60,
                "Limit": deployment.service.parameters[parameter],
                "AggregateKeyType": "CUSTOM_KEYS" if name == "RateByCredential" else "IP",
            }
            yield from differing(name, rules[name]["Statement"]["RateBasedStatement"], wanted)


def each_body_is_refused_from_its_size_on(deployment: Deployment) -> Iterator[str]:
    for rules in _acls(deployment):
        for path, size, wanted in SIZES:
            request = Request("POST", path, {"content-length": size})
            if matches(rules["BodyTooLarge"]["Statement"], request) is not wanted:
                yield f"{size} bytes at {path}: {'pass' if wanted else 'are refused'}"
        if matches(rules["BodyTooLarge"]["Statement"], Request("POST", "/videos")):
            yield "a body without a length is refused"


def each_request_is_read_by_its_groups(deployment: Deployment) -> Iterator[str]:
    for rules in _acls(deployment):
        for request, wanted in INSPECTED:
            scopes = {name: _group(rules[name]).get("ScopeDownStatement") for name in GROUPS}
            found = {name for name, scope in scopes.items() if not scope or matches(scope, request)}
            if found != wanted:
                yield f"{request.path} is read by {sorted(found)}, not {sorted(wanted)}"


def rules_apply_in_their_order(deployment: Deployment) -> Iterator[str]:
    """Limits by address first: whoever exceeds one costs no more."""
    for rules in _acls(deployment):
        placed = sorted(rules, key=lambda name: int(rules[name]["Priority"]))
        if placed != ORDER or min(int(rule["Priority"]) for rule in rules.values()) < 0:
            yield f"the rules apply in the order {placed}"


def each_refusal_has_its_response(deployment: Deployment) -> Iterator[str]:
    for rules in _acls(deployment):
        for name in LIMITS:
            yield from _response(name, rules[name]["Action"], 429, "TooMany", _RETRY)
        yield from _response(
            "BodyTooLarge", rules["BodyTooLarge"]["Action"], 413, "TooLarge", _PLAIN
        )
        for name, group in GROUPS.items():
            wanted = {"VendorName": "AWS", "Name": group, "Version": None}
            yield from differing(name, _group(rules[name]), wanted)
            if (
                list(rules[name]["OverrideAction"]) != ["None"]
                or rules[name]["OverrideAction"]["None"]
            ):
                yield f"{name} does not do what its rules say"
            for one in _group(rules[name])["RuleActionOverrides"]:
                yield from _overridden(name, one)


def what_the_firewall_does_is_measured(deployment: Deployment) -> Iterator[str]:
    """BlockedRequestsAlarm watches the metric of the whole web ACL."""
    for acl in deployment.service.of(ACL).values():
        name = f"farebox-{deployment.stage}"
        wanted = {"Name": name, "Scope": "REGIONAL", "VisibilityConfig.MetricName": name}
        yield from differing("the web ACL", acl, wanted)
        if list(acl["DefaultAction"]) != ["Allow"] or acl["DefaultAction"]["Allow"] != {}:
            yield f"a request that no rule is about: {acl['DefaultAction']}"
        for rule in (acl, *acl["Rules"]):
            wanted = {
                "VisibilityConfig.CloudWatchMetricsEnabled": True,
                "VisibilityConfig.SampledRequestsEnabled": False,
                "VisibilityConfig.MetricName": rule["Name"],
            }
            yield from differing(rule["Name"], rule, wanted)
        for one in acl["DataProtectionConfig"]["DataProtections"]:
            if one["Action"] != "SUBSTITUTION":
                yield f"what is protected is replaced by {one['Action']}"


def what_is_refused_or_counted_is_logged_and_nothing_else(
    deployment: Deployment,
) -> Iterator[str]:
    (acl,) = deployment.service.of(ACL) or {"": {}}
    for name, logging in deployment.service.of(LOGGING).items():
        if logging["ResourceArn"] != f"<{acl}.Arn>":
            yield f"{name} logs {logging['ResourceArn']}"
        for action, wanted in (("BLOCK", True), ("COUNT", True), ("ALLOW", False)):
            if _is_kept(logging["LoggingFilter"], action) is not wanted:
                yield f"{name}: {action} is {'not ' if wanted else ''}logged"
        redacted = [one["UriPath"] for one in logging["RedactedFields"] if "UriPath" in one]
        if redacted != [{}]:
            yield f"{name} shows paths, which hold the tokens of callbacks"


def _is_kept(body: Mapping[str, Any], action: str) -> bool:
    for one in body["Filters"]:
        if one["Behavior"] not in ("KEEP", "DROP") or one["Requirement"] != "MEETS_ANY":
            raise LookupError(str(one["Behavior"]))
        actions = [part["ActionCondition"]["Action"] for part in one["Conditions"]]
        if action in actions:
            return bool(one["Behavior"] == "KEEP")
    return {"KEEP": True, "DROP": False}[body["DefaultBehavior"]]


def _acls(deployment: Deployment) -> Iterator[dict[str, Mapping[str, Any]]]:
    for acl in deployment.service.of(ACL).values():
        yield {rule["Name"]: rule for rule in acl["Rules"]}


def _group(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    group: Mapping[str, Any] = rule["Statement"]["ManagedRuleGroupStatement"]
    return group


def _overridden(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    counts = one["Name"].endswith("_BODY") or one["Name"] in ONLY_COUNTED
    if one["Name"] not in PUBLISHED[GROUPS[name]]:
        yield f"{name} has no rule {one['Name']}"
    if counts and (list(one["ActionToUse"]) != ["Count"] or one["ActionToUse"]["Count"] != {}):
        yield f"{one['Name']} must count only"
    if not counts:
        yield from _response(one["Name"], one["ActionToUse"], 403, "Refused", _PLAIN)


def _response(
    name: str, action: Mapping[str, Any], code: int, body: str, headers: list[tuple[str, str]]
) -> Iterator[str]:
    response = action["Block"]["CustomResponse"]
    found = [(header["Name"], str(header["Value"])) for header in response["ResponseHeaders"]]
    if (int(response["ResponseCode"]), response["CustomResponseBodyKey"]) != (code, body):
        yield f"{name} responds {response['ResponseCode']} {response['CustomResponseBodyKey']}"
    if found != headers:
        yield f"{name} responds with {found}, not {headers}"
