"""The web application firewall in front of the balancer. Its rate limits: limits.py."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from service.admin.campaign_routes import MAX_BULK_BODY_BYTES
from service.billing.event_routes import MAX_EVENT_BYTES
from service.text.work import MAX_BODY_BYTES as MAX_TEXT_BODY_BYTES
from service.videos.work import MAX_VIDEO_BODY_BYTES
from service.web.errors import status_of
from tests.documents import errors
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.statements import Request, matches

ACL = "WAFv2::WebACL"
LOGGING = "WAFv2::LoggingConfiguration"
# Headers that identify the caller (docs/frontend.md#cors; docs/transcription.md#live: a ticket).
IDENTITY = {"authorization", "cookie", "x-google-id", "sec-websocket-protocol"}
# AWS WAF quotas: custom response headers in a web ACL (can be raised on request), headers in one
# response, rate-based rules.
MAX_HEADERS, MAX_HEADERS_OF_ONE, MAX_RATES = 100, 10, 10
# What inspects bodies, and where Stripe sends its events.
BODY_GROUPS = {"AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"}
STRIPE_PATHS = ("/stripe/webhook", "/webhooks/stripe")
# Where the service accepts more than the 64 KiB of most routes, and how much
# (tests/journeys/test_body_sizes.py); and from where on the firewall refuses it.
LARGE_BODIES = {
    "/videos": MAX_VIDEO_BODY_BYTES,
    "/videos/generate": MAX_VIDEO_BODY_BYTES,
    "/credits/quote": MAX_VIDEO_BODY_BYTES,
    "/ai/generate": MAX_TEXT_BODY_BYTES,
    "/v1/chat/completions": MAX_TEXT_BODY_BYTES,
    "/admin/bulk-grants": MAX_BULK_BODY_BYTES,
    **dict.fromkeys(STRIPE_PATHS, MAX_EVENT_BYTES),
}
MAX_SIZES_AT_ALL = dict.fromkeys(("/videos", "/videos/generate", "/credits/quote"), 16_000_000)
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


def responses(acl: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every blocking action as (rule's name, custom response); an empty response is WAF's own."""
    for rule in acl["Rules"]:
        overrides = (
            rule["Statement"].get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", [])
        )
        actions = {rule["Name"]: rule.get("Action", {})} | {
            override["Name"]: override["ActionToUse"] for override in overrides
        }
        for name, action in actions.items():
            if "Block" in action:
                yield name, action["Block"].get("CustomResponse", {})


def production_has_a_firewall(deployment: Deployment) -> Iterator[str]:
    if deployment.production and not deployment.service.of(ACL):
        yield "production has no web ACL: set the parameter that creates it"


def the_firewall_is_associated_with_the_balancer(deployment: Deployment) -> Iterator[str]:
    (balancer,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    found = [
        (body["ResourceArn"], body["WebACLArn"])
        for body in deployment.service.of("WAFv2::WebACLAssociation").values()
    ]
    wanted = [(f"<{balancer}>", f"<{name}.Arn>") for name in deployment.service.of(ACL)]
    if found != wanted:
        yield f"the web ACL is associated with {found}: it must be {wanted}"
    if any(acl["Scope"] != "REGIONAL" for acl in deployment.service.of(ACL).values()):
        yield "a balancer needs a web ACL with Scope REGIONAL"


def each_rule_has_a_priority_a_name_and_a_metric_of_its_own(
    deployment: Deployment,
) -> Iterator[str]:
    for what in ("Priority", "Name"):
        counted = Counter(rule[what] for rule in rules(deployment))
        yield from (
            f"{what} {value} is used by {times} rules: each needs its own"
            for value, times in counted.items()
            if times > 1
        )
    metrics = Counter(rule["VisibilityConfig"]["MetricName"] for rule in rules(deployment))
    yield from (
        f"metric {name} is used by {times} rules: each needs its own"
        for name, times in metrics.items()
        if times > 1
    )


def each_rule_has_an_action_of_the_kind_it_needs(deployment: Deployment) -> Iterator[str]:
    """A rule group needs OverrideAction, any other rule Action. CloudFormation accepts either, WAF
    only the right one."""
    for rule in rules(deployment):
        groups = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"} & set(
            rule["Statement"]
        )
        if ("OverrideAction" in rule, "Action" in rule) != (bool(groups), not groups):
            yield (
                f"{rule['Name']} has the wrong kind of action: "
                "OverrideAction for a rule group, Action otherwise"
            )


def every_response_of_the_firewall_is_defined(deployment: Deployment) -> Iterator[str]:
    for acl in deployment.service.of(ACL).values():
        bodies = acl.get("CustomResponseBodies", {})
        used = {
            response["CustomResponseBodyKey"]
            for _, response in responses(acl)
            if "CustomResponseBodyKey" in response
        }
        yield from (f"the body {key} is not defined" for key in sorted(used - set(bodies)))
        yield from (f"the body {key} is not used" for key in sorted(set(bodies) - used))


def every_response_of_the_firewall_has_the_error_shape(deployment: Deployment) -> Iterator[str]:
    for acl in deployment.service.of(ACL).values():
        for key, body in acl.get("CustomResponseBodies", {}).items():
            envelope = _parsed(body["Content"])
            if body["ContentType"] != "APPLICATION_JSON" or envelope is None:
                yield f"the body {key} is not valid JSON"
            elif envelope.get("success") is not False or not {
                "error",
                "code",
                "details",
                "requestId",
            } <= set(envelope):
                yield f"the body {key} is not the error envelope of the API"


def no_text_of_a_user_is_refused_for_its_content(deployment: Deployment) -> Iterator[str]:
    """A prompt may hold a link to an address, a path or a piece of code. No rule that reads bodies
    may block, and none may show what it has read."""
    for rule in rules(deployment):
        group = rule["Statement"].get("ManagedRuleGroupStatement", {})
        counted = {
            part["Name"]
            for part in group.get("RuleActionOverrides", [])
            if part["ActionToUse"] == {"Count": {}}
        }
        reading = {name for name in PUBLISHED.get(group.get("Name"), ()) if name.endswith("_BODY")}
        yield from (
            f"{name} blocks prompts for their content: count it instead"
            for name in sorted(reading - counted)
        )
    for name, acl in deployment.service.of(ACL).items():
        protections = acl.get("DataProtectionConfig", {}).get("DataProtections", [])
        if {"Field": {"FieldType": "BODY"}, "Action": "SUBSTITUTION"} not in protections:
            yield f"{name} logs what it has matched in a body: add BODY to DataProtections"


def no_body_that_the_service_accepts_is_too_large_for_the_firewall(
    deployment: Deployment,
) -> Iterator[str]:
    for path, size in LARGE_BODIES.items():
        for rule in rules(deployment):
            if rule["Name"] == "BodyTooLarge" and matches(rule["Statement"], _sent(path, size)):
                yield f"BodyTooLarge blocks {size} bytes at {path}: exempt it up to a higher limit"
    for path in ("/credits", *LARGE_BODIES):
        for rule in rules(deployment):
            over = MAX_SIZES_AT_ALL.get(path, 1_000_000)
            if rule["Name"] == "BodyTooLarge" and not matches(rule["Statement"], _sent(path, over)):
                yield f"BodyTooLarge lets {over} bytes pass to {path}"


def _sent(path: str, size: int) -> Request:
    return Request("POST", path, {"content-length": str(size)})


def an_event_of_stripes_passes_the_firewall(deployment: Deployment) -> Iterator[str]:
    """Its signature is checked over every byte, so no group of rules that reads bodies may keep one
    away. Other spellings of the addresses have no such right."""
    for path in STRIPE_PATHS:
        wanted = Request("POST", path, {})
        for rule in rules(deployment):
            group = rule["Statement"].get("ManagedRuleGroupStatement", {})
            scope = group.get("ScopeDownStatement")
            if group.get("Name") not in BODY_GROUPS:
                continue
            if scope is None or matches(scope, wanted):
                yield f"{rule['Name']} may block what buyers have entered: exempt {path}"
            elif not matches(scope, Request("POST", f"{path}/x", {})):
                yield f"{rule['Name']} exempts more than {path}"


def the_log_of_the_firewall_is_named_as_it_must_be(deployment: Deployment) -> Iterator[str]:
    if len(deployment.service.of(LOGGING)) != len(deployment.service.of(ACL)):
        yield "a web ACL has no logging configuration"
    groups = {group.get("LogGroupName") for group in deployment.of("Logs::LogGroup").values()}
    for body in deployment.service.of(LOGGING).values():
        for destination in body["LogDestinationConfigs"]:
            name = destination.partition(":log-group:")[2]
            if not name.startswith("aws-waf-logs-") or name.endswith(":*") or name not in groups:
                yield f"{destination} must be the bare ARN of our log group aws-waf-logs-…"


def the_log_of_the_firewall_holds_no_credentials(deployment: Deployment) -> Iterator[str]:
    """Credentials are in the identity headers, in the path of a callback, which holds a token, and
    in the query of a live session, which may hold its ticket."""
    for body in deployment.service.of(LOGGING).values():
        fields = body.get("RedactedFields", [])
        hidden = {field.get("SingleHeader", {}).get("Name", "").lower() for field in fields}
        yield from (f"the log shows {name}: redact it" for name in sorted(IDENTITY - hidden))
        if not any("UriPath" in field for field in fields):
            yield "the log shows the path, which holds callback tokens: redact UriPath"
        if [field["QueryString"] for field in fields if "QueryString" in field] != [{}]:
            yield "the log shows queries, which may hold a ticket: redact QueryString"


def no_sample_and_no_detail_shows_what_the_log_hides(deployment: Deployment) -> Iterator[str]:
    """Redaction has no effect on either (WAF, VisibilityConfig and DataProtectionConfig), and no
    protection covers an address."""
    for name, acl in deployment.service.of(ACL).items():
        protections = acl.get("DataProtectionConfig", {}).get("DataProtections", [])
        whole = [
            part
            for part in protections
            if not {"ExcludeRuleMatchDetails", "ExcludeRateBasedDetails"} & set(part)
        ]
        fields = [part["Field"] for part in whole if part["Field"]["FieldType"] == "SINGLE_HEADER"]
        protected = {key.lower() for field in fields for key in field.get("FieldKeys", [])}
        yield from (
            f"{name} does not protect {header}: add it to DataProtections"
            for header in sorted(IDENTITY - protected)
        )
        queries = [
            part["Field"] for part in whole if part["Field"]["FieldType"] == "SINGLE_QUERY_ARGUMENT"
        ]
        if not any("ticket" in field.get("FieldKeys", []) for field in queries):
            yield f"{name} does not protect the query's ticket: add it to DataProtections"
        for rule in (acl, *acl["Rules"]):
            if rule["VisibilityConfig"]["SampledRequestsEnabled"] is not False:
                yield f"{rule['Name']} keeps samples: set SampledRequestsEnabled to false"


def every_page_can_read_the_responses_of_the_firewall(deployment: Deployment) -> Iterator[str]:
    """Without these headers a browser hides the response from the page."""
    for acl in deployment.service.of(ACL).values():
        for name, response in responses(acl):
            headers = {
                header["Name"].lower(): header["Value"]
                for header in response.get("ResponseHeaders", [])
            }
            if headers.get("access-control-allow-origin") != "*":
                yield f"{name} responds without Access-Control-Allow-Origin: *"
            if (
                "retry-after" in headers
                and "retry-after" not in headers.get("access-control-expose-headers", "").lower()
            ):
                yield f"{name} does not expose Retry-After to pages"


def each_response_of_the_firewall_is_a_documented_error(deployment: Deployment) -> Iterator[str]:
    known = {(status_of(error), error.code) for error in errors()}
    for acl in deployment.service.of(ACL).values():
        bodies = acl.get("CustomResponseBodies", {})
        for name, response in responses(acl):
            envelope = (
                _parsed(
                    bodies.get(response.get("CustomResponseBodyKey", ""), {}).get("Content", "")
                )
                or {}
            )
            if (int(response.get("ResponseCode", 403)), envelope.get("code")) not in known:
                yield (
                    f"{name} responds {response.get('ResponseCode', 403)} {envelope.get('code')}, "
                    "which is no error of the API"
                )


def every_refusal_of_a_managed_rule_has_our_response(deployment: Deployment) -> Iterator[str]:
    """WAF silently ignores an override of a rule that it does not know (RuleActionOverride)."""
    for rule in rules(deployment):
        group = rule["Statement"].get("ManagedRuleGroupStatement")
        if group:
            named = {override["Name"] for override in group.get("RuleActionOverrides", [])}
            yield from (
                f"{name} responds as AWS does: override its action"
                for name in sorted(PUBLISHED[group["Name"]] - named)
            )
            yield from (
                f"{group['Name']} has no rule {name}: correct the override"
                for name in sorted(named - PUBLISHED[group["Name"]])
            )


def the_firewall_stays_within_its_quotas(deployment: Deployment) -> Iterator[str]:
    for name, acl in deployment.service.of(ACL).items():
        headers = [len(response.get("ResponseHeaders", [])) for _, response in responses(acl)]
        limits = [rule for rule in acl["Rules"] if "RateBasedStatement" in rule["Statement"]]
        if (
            sum(headers) > MAX_HEADERS
            or max(headers, default=0) > MAX_HEADERS_OF_ONE
            or len(limits) > MAX_RATES
        ):
            yield f"{name} exceeds a quota: {sum(headers)} headers, {len(limits)} rate limits"


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
