"""Mutations of the web application firewall: its rules, limits, responses and log."""

from tests.infrastructure.template_mutations.mutation import BASE, DATA, TemplateMutation

_ORIGIN = '                  - {Name: Access-Control-Allow-Origin, Value: "*"}\n'


def _firewall(name: str, old: str, new: str, after: str = "\n  WebAcl:\n") -> TemplateMutation:
    return TemplateMutation(name, BASE, old, new, after)


def _rule(name: str, rule: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, BASE, old, new, f"\n        - Name: {rule}\n")


FIREWALL = (
    _firewall(
        "window-that-waf-does-not-have", "EvaluationWindowSec: 60", "EvaluationWindowSec: 45"
    ),
    _firewall("aggregate-misspelt", "AggregateKeyType: IP", "AggregateKeyType: IPS"),
    _firewall("priority-twice", "Priority: 1\n", "Priority: 0\n"),
    _firewall(
        "answer-not-defined", "CustomResponseBodyKey: TooMany", "CustomResponseBodyKey: TooOften"
    ),
    _firewall(
        "answer-that-is-no-json",
        '{"success": false, "error": "Too many',
        '{"success": false "error": "Too many',
    ),
    _firewall(
        "limit-that-only-counts",
        "          Action:\n"
        "            Block:\n"
        "              CustomResponse:\n"
        "                ResponseCode: 429\n"
        "                CustomResponseBodyKey: TooMany\n"
        "                ResponseHeaders:\n",
        "          Action:\n"
        "            Count:\n"
        "              CustomRequestHandling:\n"
        "                InsertHeaders:\n",
    ),
    _firewall("no-retry-after", '                  - {Name: Retry-After, Value: "60"}\n', ""),
    _firewall(
        "images-blocked",
        "                - {Name: SizeRestrictions_BODY, ActionToUse: {Count: {}}}\n",
        "",
    ),
    _firewall("managed-rules-with-an-action", "OverrideAction: {None: {}}", "Action: {Block: {}}"),
    _firewall(
        "credentials-in-the-firewalls-log",
        "        - SingleHeader: {Name: authorization}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "firewalls-log-misnamed",
        DATA,
        "aws-waf-logs-farebox-${Stage}",
        "farebox-${Stage}-waf",
        "\n  FirewallLogs:\n",
    ),
    _firewall(
        "firewall-before-nothing",
        "ResourceArn: !Ref LoadBalancer",
        "ResourceArn: !Ref TargetGroup",
        "\n  WebAclAssociation:\n",
    ),
    TemplateMutation(
        "firewall-not-associated",
        BASE,
        "Type: AWS::WAFv2::WebACLAssociation\n    Condition: IsGuarded\n"
        "    Properties: {ResourceArn: !Ref LoadBalancer, WebACLArn: !GetAtt WebAcl.Arn}",
        "Type: AWS::CloudFormation::WaitConditionHandle",
        "\n  WebAclAssociation:\n",
    ),
    _rule("limit-that-no-page-can-read", "SignUpsByIp", _ORIGIN, ""),
    _rule(
        "limit-for-one-page-only",
        "RateByIp",
        'Allow-Origin, Value: "*"',
        "Allow-Origin, Value: https://app.example.com",
    ),
    _rule(
        "limit-that-hides-when-to-come-back",
        "RateByCredential",
        "                  - {Name: Access-Control-Expose-Headers, Value: Retry-After}\n",
        "",
    ),
    _rule(
        "too-large-that-no-page-can-read",
        "BodyTooLarge",
        '                ResponseHeaders: [{Name: Access-Control-Allow-Origin, Value: "*"}]\n',
        "",
    ),
    _rule(
        "preflights-counted-with-requests",
        "RateByIp",
        "SearchString: OPTIONS",
        "SearchString: OPTION",
    ),
    _rule(
        "preflights-counted-with-orders",
        "SignUpsByIp",
        "SearchString: OPTIONS",
        "SearchString: HEAD",
    ),
    _rule(
        "events-of-stripes-too-large",
        "BodyTooLarge",
        "SearchString: /stripe/webhook",
        "SearchString: /stripe/webhooks",
    ),
    _rule(
        "bodies-of-any-size",
        "BodyTooLarge",
        'RegexString: "^0*[1-9][0-9]{6,}$"',
        'RegexString: "^0*[1-9][0-9]{16,}$"',
    ),
    _rule("long-prompts-refused", "BodyTooLarge", "SearchString: /ai/", "SearchString: /ai/jobs"),
    _rule("sdk-prompts-refused", "BodyTooLarge", "SearchString: /v1/", "SearchString: /v2/"),
    _rule(
        "prompts-with-an-address-refused",
        "Common",
        "{Name: EC2MetaDataSSRF_BODY, ActionToUse: {Count: {}}}",
        "{Name: EC2MetaDataSSRF_BODY, ActionToUse: {Block: {}}}",
    ),
    _rule(
        "prompts-with-code-refused",
        "KnownBadInputs",
        "{Name: Log4JRCE_BODY, ActionToUse: {Count: {}}}",
        "{Name: Log4JRCE_BODY, ActionToUse: {Captcha: {}}}",
    ),
    _firewall(
        "prompts-in-the-firewalls-log",
        "          - Field: {FieldType: BODY}\n            Action: SUBSTITUTION\n",
        "",
    ),
    _rule(
        "names-of-buyers-blocked",
        "Common",
        "SearchString: /webhooks/stripe",
        "SearchString: /webhooks/stripes",
    ),
    _rule(
        "everything-below-the-webhook-exempt",
        "KnownBadInputs",
        "PositionalConstraint: EXACTLY",
        "PositionalConstraint: STARTS_WITH",
    ),
    _rule(
        "events-of-stripes-counted-with-requests",
        "RateByIp",
        "SearchString: /webhooks/stripe",
        "SearchString: /webhooks/stripes",
    ),
    _rule(
        "lists-of-bulk-grants-too-large",
        "BodyTooLarge",
        "SearchString: /admin/bulk-grants",
        "SearchString: /admin/bulk_grants",
    ),
    _rule(
        "guesses-of-promo-codes-unlimited",
        "SignUpsByIp",
        "SearchString: /credits/redeem",
        "SearchString: /credits/redeemed",
    ),
    _rule(
        "back-ends-limited-like-strangers",
        "SignUpsByIp",
        "SearchString: /auth/sessions",
        "SearchString: /auth/session",
    ),
    _rule(
        "preflights-without-a-limit",
        "TotalByIp",
        "AggregateKeyType: IP",
        "AggregateKeyType: FORWARDED_IP",
    ),
    _rule(
        "no-outermost-limit",
        "TotalByIp",
        "              Limit: !Ref TotalRatePerIp\n",
        "              Limit: !Ref TotalRatePerIp\n"
        "              ScopeDownStatement: {NotStatement: {Statement: {ByteMatchStatement: "
        "{FieldToMatch: {Method: {}}, PositionalConstraint: EXACTLY, SearchString: OPTIONS, "
        "TextTransformations: [{Priority: 0, Type: NONE}]}}}}\n",
    ),
    TemplateMutation(
        "outermost-limit-too-narrow",
        BASE,
        "TotalRatePerIp: {Type: Number, Default: 6000",
        "TotalRatePerIp: {Type: Number, Default: 3000",
    ),
    _rule(
        "credential-counted-by-its-spelling",
        "RateByCredential",
        ", {Priority: 1, Type: LOWERCASE}",
        "",
    ),
    _rule(
        "callbacks-limited-like-users",
        "CallbacksByIp",
        "Limit: !Ref CallbackRatePerIp",
        "Limit: !Ref RatePerIp",
    ),
    _rule(
        "callbacks-without-a-limit",
        "CallbacksByIp",
        "SearchString: /callbacks/",
        "SearchString: /callback/",
    ),
    _rule("operators-without-a-limit", "AdminByIp", "SearchString: /admin", "SearchString: /adm1n"),
    _rule(
        "operators-limit-evaded-by-spelling",
        "AdminByIp",
        "SearchString: /admin\n                        TextTransformations: "
        "[{Priority: 0, Type: URL_DECODE}]",
        "SearchString: /admin\n                        TextTransformations: "
        "[{Priority: 0, Type: NONE}]",
    ),
    _rule(
        "managed-rule-misspelt", "Common", "GenericLFI_QUERYARGUMENTS", "GenericLFI_QUERYARGUMENT"
    ),
    _rule(
        "managed-rule-with-awss-answer",
        "KnownBadInputs",
        "- Name: PROPFIND_METHOD\n",
        "- Name: PROPFIND_METHODS\n",
    ),
    _rule(
        "managed-rule-with-another-status", "Reputation", "ResponseCode: 403", "ResponseCode: 404"
    ),
    _rule(
        "managed-rule-that-no-page-can-read",
        "Reputation",
        f'{" " * 24}ResponseHeaders: [{{Name: Access-Control-Allow-Origin, Value: "*"}}]\n',
        "",
    ),
    TemplateMutation(
        "refusal-with-a-code-of-no-one", BASE, '"code": "REQUEST_REFUSED"', '"code": "FORBIDDEN"'
    ),
    _rule(
        "headers-beyond-the-quota",
        "CallbacksByIp",
        _ORIGIN,
        _ORIGIN
        + "".join(f'                  - {{Name: x-{place}, Value: "1"}}\n' for place in range(8)),
    ),
    TemplateMutation(
        "credentials-in-samples",
        BASE,
        "FieldKeys: [authorization, cookie, x-google-id, sec-websocket-protocol]",
        "FieldKeys: [cookie, x-google-id, sec-websocket-protocol]",
    ),
    TemplateMutation(
        "tickets-in-the-details-of-a-rule",
        BASE,
        "FieldType: SINGLE_QUERY_ARGUMENT, FieldKeys: [ticket]",
        "FieldType: SINGLE_QUERY_ARGUMENT, FieldKeys: [token]",
    ),
    TemplateMutation(
        "ticket-headers-in-the-firewalls-log",
        BASE,
        "        - SingleHeader: {Name: sec-websocket-protocol}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "ticket-queries-in-the-firewalls-log",
        BASE,
        "        - QueryString: {}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "credentials-in-the-details-of-a-limit",
        BASE,
        "            Action: SUBSTITUTION\n",
        "            Action: SUBSTITUTION\n            ExcludeRateBasedDetails: true\n",
    ),
    _rule(
        "addresses-in-samples",
        "CallbacksByIp",
        "SampledRequestsEnabled: false",
        "SampledRequestsEnabled: true",
    ),
    TemplateMutation(
        "addresses-in-the-firewalls-log",
        BASE,
        "        - UriPath: {}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "identities-in-the-firewalls-log",
        BASE,
        "        - SingleHeader: {Name: x-google-id}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
)
