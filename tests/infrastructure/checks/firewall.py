"""The web application firewall before the balancer. How much it lets through: limits.py."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from service.web.errors import status_of
from tests.documents import errors
from tests.infrastructure.deployments import Deployment

ACL = "WAFv2::WebACL"
LOGGING = "WAFv2::LoggingConfiguration"
# Headers that say who somebody is (docs/frontend.md#cors).
IDENTITY = {"authorization", "cookie", "x-google-id"}
# AWS WAF quotas: custom response headers in a web ACL (can be raised on request), headers in one
# answer, rate-based rules.
MAX_HEADERS, MAX_HEADERS_OF_ONE, MAX_RATES = 100, 10, 10
# AWS's published lists of the rules that block
# (https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html).
PUBLISHED = {
    "AWSManagedRulesAmazonIpReputationList": {
        "AWSManagedIPReputationList",
        "AWSManagedReconnaissanceList",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {
        *(
            f"JavaDeserializationRCE_{where}"
            for where in ("HEADER", "BODY", "URIPATH", "QUERYSTRING")
        ),
        *(f"Log4JRCE_{where}" for where in ("HEADER", "BODY", "URIPATH", "QUERYSTRING")),
        *(
            "Host_localhost_HEADER",
            "PROPFIND_METHOD",
            "ExploitablePaths_URIPATH",
            "ReactJSRCE_BODY",
        ),
    },
    "AWSManagedRulesCommonRuleSet": {
        *("NoUserAgent_HEADER", "UserAgent_BadBots_HEADER"),
        *(
            f"SizeRestrictions_{where}"
            for where in ("QUERYSTRING", "Cookie_HEADER", "BODY", "URIPATH")
        ),
        *(f"EC2MetaDataSSRF_{where}" for where in ("BODY", "COOKIE", "URIPATH", "QUERYARGUMENTS")),
        *(f"GenericLFI_{where}" for where in ("QUERYARGUMENTS", "URIPATH", "BODY")),
        *(f"RestrictedExtensions_{where}" for where in ("URIPATH", "QUERYARGUMENTS")),
        *(f"GenericRFI_{where}" for where in ("QUERYARGUMENTS", "BODY", "URIPATH")),
        *(
            f"CrossSiteScripting_{where}"
            for where in ("COOKIE", "QUERYARGUMENTS", "BODY", "URIPATH")
        ),
    },
}


def rules(deployment: Deployment) -> list[Mapping[str, Any]]:
    return [rule for acl in deployment.service.of(ACL).values() for rule in acl["Rules"]]


def answers(acl: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Whatever it refuses, by the rule's name, with the answer that it gives; an empty one is WAF's
    own."""
    for rule in acl["Rules"]:
        overrides = (
            rule["Statement"].get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", [])
        )
        actions = {rule["Name"]: rule.get("Action", {})} | {
            told["Name"]: told["ActionToUse"] for told in overrides
        }
        for name, action in actions.items():
            if "Block" in action:
                yield name, action["Block"].get("CustomResponse", {})


def production_has_a_firewall(deployment: Deployment) -> Iterator[str]:
    if deployment.production and not deployment.service.of(ACL):
        yield "there is none"


def the_firewall_stands_before_the_balancer(deployment: Deployment) -> Iterator[str]:
    (balancer,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    found = [
        (body["ResourceArn"], body["WebACLArn"])
        for body in deployment.service.of("WAFv2::WebACLAssociation").values()
    ]
    wanted = [(f"<{balancer}>", f"<{name}.Arn>") for name in deployment.service.of(ACL)]
    if found != wanted:
        yield f"associated: {found}"
    if any(acl["Scope"] != "REGIONAL" for acl in deployment.service.of(ACL).values()):
        yield "a balancer takes a regional firewall"


def each_rule_has_a_priority_a_name_and_a_metric_of_its_own(
    deployment: Deployment,
) -> Iterator[str]:
    for what in ("Priority", "Name"):
        counted = Counter(rule[what] for rule in rules(deployment))
        yield from (
            f"{what} {value} is used {times} times" for value, times in counted.items() if times > 1
        )
    metrics = Counter(rule["VisibilityConfig"]["MetricName"] for rule in rules(deployment))
    yield from (
        f"metric {name} is used {times} times" for name, times in metrics.items() if times > 1
    )


def each_rule_has_an_action_of_the_kind_it_needs(deployment: Deployment) -> Iterator[str]:
    """A rule group overrides, any other rule acts; CloudFormation takes either, WAF only the right
    one."""
    for rule in rules(deployment):
        groups = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"} & set(
            rule["Statement"]
        )
        if ("OverrideAction" in rule, "Action" in rule) != (bool(groups), not groups):
            yield f"{rule['Name']} has the wrong kind of action"


def every_answer_of_the_firewall_is_defined(deployment: Deployment) -> Iterator[str]:
    for acl in deployment.service.of(ACL).values():
        bodies = acl.get("CustomResponseBodies", {})
        used = {
            answer["CustomResponseBodyKey"]
            for _, answer in answers(acl)
            if "CustomResponseBodyKey" in answer
        }
        yield from (f"body {key} is not defined" for key in sorted(used - set(bodies)))
        yield from (f"body {key} is not used" for key in sorted(set(bodies) - used))


def every_answer_of_the_firewall_has_the_shape_of_ours(deployment: Deployment) -> Iterator[str]:
    for acl in deployment.service.of(ACL).values():
        for key, body in acl.get("CustomResponseBodies", {}).items():
            told = _parsed(body["Content"])
            if body["ContentType"] != "APPLICATION_JSON" or told is None:
                yield f"{key} is no JSON"
            elif told.get("success") is not False or not {
                "error",
                "code",
                "details",
                "requestId",
            } <= set(told):
                yield f"{key} is not our envelope"


def an_image_sent_along_is_not_too_big_for_the_firewall(deployment: Deployment) -> Iterator[str]:
    """The common rules block bodies beyond 8 KB; ours carry images of 10 MB."""
    for rule in rules(deployment):
        group = rule["Statement"].get("ManagedRuleGroupStatement", {})
        if (
            group.get("Name") == "AWSManagedRulesCommonRuleSet"
            and "Count" not in rule["OverrideAction"]
        ):
            counted = {
                part["Name"]
                for part in group.get("RuleActionOverrides", [])
                if "Count" in part["ActionToUse"]
            }
            if "SizeRestrictions_BODY" not in counted:
                yield f"{rule['Name']} blocks every image"


def the_log_of_the_firewall_is_named_as_it_must_be(deployment: Deployment) -> Iterator[str]:
    if len(deployment.service.of(LOGGING)) != len(deployment.service.of(ACL)):
        yield "what the firewall does is not logged"
    groups = {group.get("LogGroupName") for group in deployment.of("Logs::LogGroup").values()}
    for body in deployment.service.of(LOGGING).values():
        for destination in body["LogDestinationConfigs"]:
            name = destination.partition(":log-group:")[2]
            if not name.startswith("aws-waf-logs-") or name.endswith(":*") or name not in groups:
                yield f"{destination}: must be the bare ARN of a log group aws-waf-logs-… of ours"


def the_log_of_the_firewall_holds_no_credentials(deployment: Deployment) -> Iterator[str]:
    """A callback's address holds a token."""
    for body in deployment.service.of(LOGGING).values():
        fields = body.get("RedactedFields", [])
        hidden = {field.get("SingleHeader", {}).get("Name", "").lower() for field in fields}
        yield from sorted(IDENTITY - hidden)
        if not any("UriPath" in field for field in fields):
            yield "the address"


def no_sample_and_no_detail_shows_what_the_log_hides(deployment: Deployment) -> Iterator[str]:
    """Redaction has no effect on either (WAF, VisibilityConfig and DataProtectionConfig), and no
    protection covers an address."""
    for name, acl in deployment.service.of(ACL).items():
        told = acl.get("DataProtectionConfig", {}).get("DataProtections", [])
        whole = [
            part
            for part in told
            if not {"ExcludeRuleMatchDetails", "ExcludeRateBasedDetails"} & set(part)
        ]
        fields = [part["Field"] for part in whole if part["Field"]["FieldType"] == "SINGLE_HEADER"]
        protected = {key.lower() for field in fields for key in field.get("FieldKeys", [])}
        yield from (f"{name} shows {header}" for header in sorted(IDENTITY - protected))
        for rule in (acl, *acl["Rules"]):
            if rule["VisibilityConfig"]["SampledRequestsEnabled"] is not False:
                yield f"{rule['Name']} keeps samples"


def every_page_can_read_what_the_firewall_answers(deployment: Deployment) -> Iterator[str]:
    """Without these headers a browser shows its page nothing but a failure."""
    for acl in deployment.service.of(ACL).values():
        for name, answer in answers(acl):
            headers = {
                told["Name"].lower(): told["Value"] for told in answer.get("ResponseHeaders", [])
            }
            if headers.get("access-control-allow-origin") != "*":
                yield f"{name} answers without CORS"
            if (
                "retry-after" in headers
                and "retry-after" not in headers.get("access-control-expose-headers", "").lower()
            ):
                yield f"{name} hides when to come back"


def each_answer_of_the_firewall_is_one_of_our_errors(deployment: Deployment) -> Iterator[str]:
    known = {(status_of(error), error.code) for error in errors()}
    for acl in deployment.service.of(ACL).values():
        bodies = acl.get("CustomResponseBodies", {})
        for name, answer in answers(acl):
            told = (
                _parsed(bodies.get(answer.get("CustomResponseBodyKey", ""), {}).get("Content", ""))
                or {}
            )
            if (int(answer.get("ResponseCode", 403)), told.get("code")) not in known:
                yield f"{name} answers {answer.get('ResponseCode', 403)} {told.get('code')}"


def what_managed_rules_refuse_is_answered_by_us(deployment: Deployment) -> Iterator[str]:
    """WAF ignores a name that it does not know, and says nothing (RuleActionOverride)."""
    for rule in rules(deployment):
        group = rule["Statement"].get("ManagedRuleGroupStatement")
        if group:
            named = {told["Name"] for told in group.get("RuleActionOverrides", [])}
            yield from (
                f"{name} answers as AWS does" for name in sorted(PUBLISHED[group["Name"]] - named)
            )
            yield from (
                f"{group['Name']} has no {name}"
                for name in sorted(named - PUBLISHED[group["Name"]])
            )


def the_firewall_stays_within_its_quotas(deployment: Deployment) -> Iterator[str]:
    for name, acl in deployment.service.of(ACL).items():
        headers = [len(answer.get("ResponseHeaders", [])) for _, answer in answers(acl)]
        limits = [rule for rule in acl["Rules"] if "RateBasedStatement" in rule["Statement"]]
        if (
            sum(headers) > MAX_HEADERS
            or max(headers, default=0) > MAX_HEADERS_OF_ONE
            or len(limits) > MAX_RATES
        ):
            yield f"{name}: {sum(headers)} headers, {len(limits)} limits"


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
