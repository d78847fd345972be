"""What each stack of the pretended account hands on."""

DATA_OUTPUTS = {
    "TableName": "UserCredits-dev",
    "KeyArn": "arn:key",
    "DataKeyArn": "arn:data-key",
    "SealedTableName": "UserCredits-dev",
    "KeysSecretArn": "arn:keys",
    "KlingSecretArn": "arn:kling",
    "OperatorKeysSecretArn": "arn:operators",
    "AccessTokenKeysSecretArn": "arn:access-tokens",
    "RepositoryArn": "arn:repository",
    "RepositoryUri": "registry.example/farebox-dev",
    "AccessLogsBucket": "access-logs",
    "RecordsBucket": "records",
    "TemplatesBucket": "templates",
    "TemplatesUrl": "https://s3/templates",
}
IDENTITY_OUTPUTS = {
    "CognitoUserPoolId": "us-east-1_AbCdEf123",
    "CognitoClientIds": "1app",
    "CognitoHookSecretArn": "arn:hook",
}
BASE_OUTPUTS = {
    "Url": "https://api.example.com",
    "BalancerName": "balancer.example.com",
    "BalancerFullName": "app/balancer/1",
    "TargetGroup": "arn:targets",
    "TargetGroupFullName": "targetgroup/web/1",
    "WebSecurityGroup": "web-group",
    "WorkerSecurityGroup": "group",
    "TaskSubnets": "subnet-a,subnet-b",
    "TaskPublicAddress": "DISABLED",
}
SERVICE_OUTPUTS = {
    "ClusterName": "farebox-dev",
    "WebServiceName": "web",
    "WorkerServiceName": "worker",
    "OperatorTask": "operator:1",
    "RepairRoleArn": "arn:repair",
}


def outputs_of(stack: str) -> dict[str, str]:
    """Of the stack with that name: `farebox-dev` is the service's."""
    named = {"data": DATA_OUTPUTS, "base": BASE_OUTPUTS, "identity": IDENTITY_OUTPUTS}
    return named.get(stack.rpartition("-")[2], SERVICE_OUTPUTS)
