"""Mistakes in what stands in front of the service and around it: the firewall, the endpoints, the
network's log."""

from tests.infrastructure.template_mutations.mutation import SERVICE, TemplateMutation

_ORIGIN = '                  - {Name: Access-Control-Allow-Origin, Value: "*"}\n'


def _rule(name: str, rule: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, SERVICE, old, new, f"\n        - Name: {rule}\n")


IN_FRONT = (
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
        "preflights-without-a-limit",
        "TotalByIp",
        "AggregateKeyType: IP",
        "AggregateKeyType: FORWARDED_IP",
    ),
    _rule(
        "no-outermost-limit",
        "TotalByIp",
        "              Limit: !Ref TotalRatePerIp\n",
        "              Limit: !Ref TotalRatePerIp\n              ScopeDownStatement: {NotStatement: {Statement: {ByteMatchStatement: {FieldToMatch: {Method: {}}, PositionalConstraint: EXACTLY, SearchString: OPTIONS, TextTransformations: [{Priority: 0, Type: NONE}]}}}}\n",
    ),
    TemplateMutation(
        "outermost-limit-too-narrow",
        SERVICE,
        "TotalRatePerIp: {Type: Number, Default: 6000",
        "TotalRatePerIp: {Type: Number, Default: 3000",
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
    _rule(
        "managed-rule-misspelt", "Common", "GenericLFI_QUERYARGUMENTS", "GenericLFI_QUERYARGUMENT"
    ),
    _rule(
        "managed-rule-with-awss-answer",
        "KnownBadInputs",
        "{Name: PROPFIND_METHOD, ActionToUse: {Block: {CustomResponse:",
        "{Name: PROPFIND_METHODS, ActionToUse: {Block: {CustomResponse:",
    ),
    _rule(
        "managed-rule-with-another-status", "Reputation", "ResponseCode: 403", "ResponseCode: 404"
    ),
    _rule(
        "managed-rule-that-no-page-can-read",
        "Reputation",
        ', ResponseHeaders: [{Name: Access-Control-Allow-Origin, Value: "*"}]',
        "",
    ),
    TemplateMutation(
        "refusal-with-a-code-of-nobody", SERVICE, '"code": "REQUEST_REFUSED"', '"code": "FORBIDDEN"'
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
        SERVICE,
        "FieldKeys: [authorization, cookie, x-google-id]",
        "FieldKeys: [cookie, x-google-id]",
    ),
    TemplateMutation(
        "credentials-in-the-details-of-a-limit",
        SERVICE,
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
        SERVICE,
        "        - UriPath: {}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "identities-in-the-firewalls-log",
        SERVICE,
        "        - SingleHeader: {Name: x-google-id}\n",
        "",
        "\n  WebAclLogging:\n",
    ),
    TemplateMutation(
        "any-bucket-through-the-gateway",
        SERVICE,
        "prod-${AWS::Region}-starport-layer-bucket/*",
        "*",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "layers-of-another-region",
        SERVICE,
        "prod-${AWS::Region}-starport",
        "prod-us-west-2-starport",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "anything-to-s3-through-the-gateway",
        SERVICE,
        "Action: s3:GetObject",
        "Action: s3:*",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "gateway-without-a-policy",
        SERVICE,
        "      PolicyDocument:\n",
        "      Tags:\n        - {Key: x, Value: y}\n    Metadata:\n      Was:\n",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "bucket-that-the-gateway-keeps-away",
        SERVICE,
        "            Statement:\n",
        '            Statement:\n              - {Effect: Allow, Action: s3:PutObject, Resource: !Sub "arn:${AWS::Partition}:s3:::farebox-${Stage}-records/*"}\n',
        "\n  AuditRole:\n",
    ),
    TemplateMutation(
        "records-that-the-gateway-keeps-away",
        SERVICE,
        "Action: [s3:GetObject, s3:PutObject]",
        "Action: [s3:GetObject]",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "any-secret-through-the-endpoint",
        SERVICE,
        "Resource: [!Ref KeysSecretArn, !Ref KlingSecretArn]",
        'Resource: "*"',
        "\n  SecretsEndpoint:\n",
    ),
    TemplateMutation(
        "networks-log-without-its-group",
        SERVICE,
        "Action: logs:DescribeLogGroups",
        "Action: logs:DescribeLogStreams",
        "\n  FlowLogRole:\n",
    ),
)
