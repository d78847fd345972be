"""Mutations of the subnets, security groups, VPC endpoints and flow logs."""

from tests.infrastructure.template_mutations.mutation import BASE, SERVICE, TemplateMutation

NETWORK = (
    TemplateMutation(
        "decided-by-the-region",
        BASE,
        'HasInterfaceEndpoints: !Equals [!Ref InterfaceEndpoints, "true"]',
        "HasInterfaceEndpoints: !Equals [!Ref AWS::Region, us-gov-west-1]",
    ),
    TemplateMutation(
        "tasks-open-to-the-world",
        BASE,
        "SourceSecurityGroupId: !Ref BalancerSecurityGroup",
        "CidrIp: 0.0.0.0/0",
        "\n  WebSecurityGroup:\n",
    ),
    TemplateMutation(
        "tasks-open-on-every-port",
        BASE,
        "FromPort: 8080",
        "FromPort: 0",
        "\n  WebSecurityGroup:\n",
    ),
    TemplateMutation(
        "worker-may-be-called",
        BASE,
        "      SecurityGroupEgress:",
        "      SecurityGroupIngress:\n"
        "        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0, "
        "Description: x}\n"
        "      SecurityGroupEgress:",
        "\n  WorkerSecurityGroup:\n",
    ),
    TemplateMutation(
        "subnets-overlap", BASE, "!Select [1, !Cidr", "!Select [0, !Cidr", "\n  PublicSubnetB:\n"
    ),
    TemplateMutation(
        "subnets-in-one-zone",
        BASE,
        "!Select [1, !If",
        "!Select [0, !If",
        "\n  PrivateSubnetB:\n",
    ),
    TemplateMutation(
        "named-zones-for-one-tier-alone",
        BASE,
        '!If [HasZoneNames, !Split [",", !Ref ZoneNames], !GetAZs ""]',
        '!GetAZs ""',
        "\n  PrivateSubnetB:\n",
    ),
    TemplateMutation(
        "table-by-the-internet",
        BASE,
        "[!Ref PublicRoutes, !Ref PrivateRoutesA,",
        "[!Ref PrivateRoutesA,",
        "\n  TableEndpoint:\n",
    ),
    TemplateMutation(
        "any-table-through-the-gateway",
        BASE,
        'table/${TableName}"',
        'table/*"',
        "\n  TableEndpoint:\n",
    ),
    TemplateMutation(
        "any-bucket-through-the-gateway",
        BASE,
        "prod-${AWS::Region}-starport-layer-bucket/*",
        "*",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "layers-of-another-region",
        BASE,
        "prod-${AWS::Region}-starport",
        "prod-us-west-2-starport",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "anything-to-s3-through-the-gateway",
        BASE,
        "Action: s3:GetObject",
        "Action: s3:*",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "gateway-without-a-policy",
        BASE,
        "      PolicyDocument:\n",
        "      Tags:\n        - {Key: x, Value: y}\n    Metadata:\n      Was:\n",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "bucket-that-the-gateway-keeps-away",
        SERVICE,
        "            Statement:\n",
        "            Statement:\n"
        "              - {Effect: Allow, Action: s3:PutObject, Resource: !Sub "
        '"arn:${AWS::Partition}:s3:::farebox-${Stage}-records/*"}\n',
        "\n  AuditRole:\n",
    ),
    TemplateMutation(
        "records-that-the-gateway-keeps-away",
        BASE,
        "Action: [s3:GetObject, s3:PutObject]",
        "Action: [s3:GetObject]",
        "\n  StorageEndpoint:\n",
    ),
    TemplateMutation(
        "any-secret-through-the-endpoint",
        BASE,
        """Resource:
              - !Ref KeysSecretArn
              - !Ref KlingSecretArn
              - !Ref OperatorKeysSecretArn
              - !Ref AccessTokenKeysSecretArn
""",
        'Resource: "*"\n',
        "\n  SecretsEndpoint:\n",
    ),
    TemplateMutation(
        "any-kms-key-through-the-endpoint",
        BASE,
        "Resource: [!Ref DataKeyArn, !If [HasFormerDataKey, !Ref FormerDataKeyArn, "
        "!Ref AWS::NoValue]]",
        'Resource: "*"',
        "\n  DataKeyEndpoint:\n",
    ),
    TemplateMutation(
        "networks-log-without-its-group",
        BASE,
        "Action: logs:DescribeLogGroups",
        "Action: logs:DescribeLogStreams",
        "\n  FlowLogRole:\n",
    ),
)
