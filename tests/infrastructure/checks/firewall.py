"""The web application firewall before the balancer."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment

ACL = "WAFv2::WebACL"
LOGGING = "WAFv2::LoggingConfiguration"


def rules(deployment: Deployment) -> list[Mapping[str, Any]]:
    return [rule for acl in deployment.service.of(ACL).values() for rule in acl["Rules"]]


def production_has_a_firewall(deployment: Deployment) -> Iterator[str]:
    if deployment.production and not deployment.service.of(ACL):
        yield "there is none"


def the_firewall_stands_before_the_balancer(deployment: Deployment) -> Iterator[str]:
    (balancer,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    found = [
        (body["ResourceArn"], body["WebACLArn"]) for body in deployment.service.of("WAFv2::WebACLAssociation").values()
    ]
    wanted = [(f"<{balancer}>", f"<{name}.Arn>") for name in deployment.service.of(ACL)]
    if found != wanted:
        yield f"associated: {found}"
    if any(acl["Scope"] != "REGIONAL" for acl in deployment.service.of(ACL).values()):
        yield "a balancer takes a regional firewall"


def each_rule_has_a_priority_a_name_and_a_metric_of_its_own(deployment: Deployment) -> Iterator[str]:
    for what in ("Priority", "Name"):
        counted = Counter(rule[what] for rule in rules(deployment))
        yield from (f"{what} {value} is used {times} times" for value, times in counted.items() if times > 1)
    metrics = Counter(rule["VisibilityConfig"]["MetricName"] for rule in rules(deployment))
    yield from (f"metric {name} is used {times} times" for name, times in metrics.items() if times > 1)


def each_rule_has_an_action_of_the_kind_it_needs(deployment: Deployment) -> Iterator[str]:
    """A rule group overrides, any other rule acts; CloudFormation takes either, WAF only the right one."""
    for rule in rules(deployment):
        groups = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"} & set(rule["Statement"])
        if ("OverrideAction" in rule, "Action" in rule) != (bool(groups), not groups):
            yield f"{rule['Name']} has the wrong kind of action"


def addresses_that_ask_too_often_are_turned_away(deployment: Deployment) -> Iterator[str]:
    limits = [rule for rule in rules(deployment) if "RateBasedStatement" in rule["Statement"]]
    if deployment.service.of(ACL) and not limits:
        yield "no rule limits the rate"
    yield from (f"{rule['Name']} turns nobody away" for rule in limits if "Block" not in rule["Action"])
    by_address = [rule for rule in limits if rule["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"]
    if limits and not by_address:
        yield "no rule limits the rate of an address"


def every_answer_of_the_firewall_is_defined(deployment: Deployment) -> Iterator[str]:
    for acl in deployment.service.of(ACL).values():
        bodies = acl.get("CustomResponseBodies", {})
        answers = [rule.get("Action", {}).get("Block", {}).get("CustomResponse", {}) for rule in acl["Rules"]]
        used = {answer["CustomResponseBodyKey"] for answer in answers if "CustomResponseBodyKey" in answer}
        yield from (f"body {key} is not defined" for key in sorted(used - set(bodies)))
        yield from (f"body {key} is not used" for key in sorted(set(bodies) - used))


def every_answer_of_the_firewall_has_the_shape_of_ours(deployment: Deployment) -> Iterator[str]:
    for acl in deployment.service.of(ACL).values():
        for key, body in acl.get("CustomResponseBodies", {}).items():
            told = _parsed(body["Content"])
            if body["ContentType"] != "APPLICATION_JSON" or told is None:
                yield f"{key} is no JSON"
            elif told.get("success") is not False or not {"error", "code", "details", "requestId"} <= set(told):
                yield f"{key} is not our envelope"


def a_limited_caller_is_told_when_to_come_back(deployment: Deployment) -> Iterator[str]:
    for rule in rules(deployment):
        if "RateBasedStatement" in rule["Statement"] and "Block" in rule["Action"]:
            answer = rule["Action"]["Block"].get("CustomResponse", {})
            headers = {header["Name"].lower() for header in answer.get("ResponseHeaders", [])}
            if int(answer.get("ResponseCode", 403)) != 429 or "retry-after" not in headers:
                yield f"{rule['Name']} answers {answer.get('ResponseCode', 403)} with {sorted(headers)}"


def an_image_sent_along_is_not_too_big_for_the_firewall(deployment: Deployment) -> Iterator[str]:
    """The common rules block bodies beyond 8 KB; ours carry images of 10 MB."""
    for rule in rules(deployment):
        group = rule["Statement"].get("ManagedRuleGroupStatement", {})
        if group.get("Name") == "AWSManagedRulesCommonRuleSet" and "Count" not in rule["OverrideAction"]:
            counted = {part["Name"] for part in group.get("RuleActionOverrides", []) if "Count" in part["ActionToUse"]}
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
    for body in deployment.service.of(LOGGING).values():
        hidden = {field.get("SingleHeader", {}).get("Name", "").lower() for field in body.get("RedactedFields", [])}
        yield from sorted({"authorization"} - hidden)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
