"""How each type of our templates is made: which calls, and what they give back."""

import json
from typing import Any

from tests.infrastructure.moto_extension import Changer, Made, Maker, call, check
from tests.infrastructure.render import ACCOUNT, REGION


def _without(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


def _table(name: str, told: dict[str, Any]) -> Made:
    apart = ("PointInTimeRecoverySpecification", "TimeToLiveSpecification")
    encryption = {"SSESpecification": _renamed(told["SSESpecification"], SSEEnabled="Enabled")}
    table = call("dynamodb", "CreateTable", **_without(told, *apart) | encryption)[
        "TableDescription"
    ]
    place = {"TableName": table["TableName"]}
    call(
        "dynamodb",
        "UpdateContinuousBackups",
        **place,
        PointInTimeRecoverySpecification=told[apart[0]],
    )
    call("dynamodb", "UpdateTimeToLive", **place, TimeToLiveSpecification=told[apart[1]])
    return Made(table["TableName"], {"Arn": table["TableArn"]})


def _key(name: str, told: dict[str, Any]) -> Made:
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in told.get("Tags", [])]
    policy = json.dumps(told["KeyPolicy"])
    made = call("kms", "CreateKey", Description=told["Description"], Policy=policy, Tags=tags)[
        "KeyMetadata"
    ]
    if told.get("EnableKeyRotation"):
        call("kms", "EnableKeyRotation", KeyId=made["KeyId"])
    return Made(made["KeyId"], {"Arn": made["Arn"]})


def _alias(name: str, told: dict[str, Any]) -> Made:
    call("kms", "CreateAlias", **told)
    return Made(told["AliasName"])


def _secret(name: str, told: dict[str, Any]) -> Made:
    return Made(call("secretsmanager", "CreateSecret", **told)["ARN"])


def _log_group(name: str, told: dict[str, Any]) -> Made:
    group = told.get("LogGroupName", name)
    call("logs", "CreateLogGroup", **_without(told, "RetentionInDays"))
    call("logs", "PutRetentionPolicy", logGroupName=group, retentionInDays=told["RetentionInDays"])
    return Made(group, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"})


def _repository(name: str, told: dict[str, Any]) -> Made:
    made = call("ecr", "CreateRepository", **_without(told, "LifecyclePolicy"))["repository"]
    policy = told["LifecyclePolicy"]["LifecyclePolicyText"]
    call(
        "ecr",
        "PutLifecyclePolicy",
        repositoryName=made["repositoryName"],
        lifecyclePolicyText=policy,
    )
    return Made(
        made["repositoryName"],
        {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]},
    )


def _bucket(name: str, told: dict[str, Any]) -> Made:
    place = {"Bucket": told.get("BucketName", name.lower())}
    call("s3", "CreateBucket", **place)
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": _renamed(
                rule["ServerSideEncryptionByDefault"], KMSMasterKeyID="KMSMasterKeyID"
            )
        }
        for rule in told["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    call("s3", "PutBucketEncryption", **place, ServerSideEncryptionConfiguration={"Rules": rules})
    block = told["PublicAccessBlockConfiguration"]
    call("s3", "PutPublicAccessBlock", **place, PublicAccessBlockConfiguration=block)
    call("s3", "PutBucketOwnershipControls", **place, OwnershipControls=told["OwnershipControls"])
    lifecycle = [
        _lifecycle(rule) for rule in told.get("LifecycleConfiguration", {}).get("Rules", [])
    ]
    if lifecycle:
        call(
            "s3",
            "PutBucketLifecycleConfiguration",
            **place,
            LifecycleConfiguration={"Rules": lifecycle},
        )
    if "VersioningConfiguration" in told:
        call(
            "s3",
            "PutBucketVersioning",
            **place,
            VersioningConfiguration=told["VersioningConfiguration"],
        )
    if "LoggingConfiguration" in told:
        # moto knows only the ACLs by which this was once permitted.
        logging = _renamed(
            told["LoggingConfiguration"],
            DestinationBucketName="TargetBucket",
            LogFilePrefix="TargetPrefix",
        )
        check("s3", "PutBucketLogging", **place, BucketLoggingStatus={"LoggingEnabled": logging})
    return Made(place["Bucket"], {"Arn": f"arn:aws:s3:::{place['Bucket']}"})


def _lifecycle(rule: dict[str, Any]) -> dict[str, Any]:
    """The API nests what CloudFormation has in one name."""
    made = _without(rule, "ExpirationInDays", "NoncurrentVersionExpiration", "Prefix")
    made["Filter"] = {"Prefix": rule.get("Prefix", "")}
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": rule["ExpirationInDays"]}
    if "NoncurrentVersionExpiration" in rule:
        made["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    return made


def _bucket_policy(name: str, told: dict[str, Any]) -> Made:
    """moto enforces policies without their conditions: a conditional refusal would refuse
    everything."""
    document = told["PolicyDocument"]
    kept = [
        part
        for part in document["Statement"]
        if not (part["Effect"] == "Deny" and "Condition" in part)
    ]
    policy = json.dumps({**document, "Statement": kept})
    if kept:
        call("s3", "PutBucketPolicy", Bucket=told["Bucket"], Policy=policy)
    return Made(name)


def _role(name: str, told: dict[str, Any]) -> Made:
    """Policies of AWS itself are not in moto; those of ours are."""
    document = json.dumps(told["AssumeRolePolicyDocument"])
    rest = _without(told, "Policies", "ManagedPolicyArns", "AssumeRolePolicyDocument")
    role = call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=document, **rest)[
        "Role"
    ]
    for policy in told.get("Policies", []):
        text = json.dumps(policy["PolicyDocument"])
        call(
            "iam",
            "PutRolePolicy",
            RoleName=name,
            PolicyName=policy["PolicyName"],
            PolicyDocument=text,
        )
    return Made(name, {"Arn": role["Arn"]})


def _vault(name: str, told: dict[str, Any]) -> Made:
    vault = told["BackupVaultName"]
    call("backup", "CreateBackupVault", **_without(told, "LockConfiguration"))
    call(
        "backup",
        "PutBackupVaultLockConfiguration",
        BackupVaultName=vault,
        **told.get("LockConfiguration", {}),
    )
    return Made(vault)


def _plan(name: str, told: dict[str, Any]) -> Made:
    plan = told["BackupPlan"]
    rules = [
        _renamed(rule, TargetBackupVault="TargetBackupVaultName") for rule in plan["BackupPlanRule"]
    ]
    body = {**_without(plan, "BackupPlanRule"), "Rules": rules}
    return Made(call("backup", "CreateBackupPlan", BackupPlan=body)["BackupPlanId"])


def _security_group(name: str, told: dict[str, Any]) -> Made:
    group = call(
        "ec2",
        "CreateSecurityGroup",
        GroupName=name,
        Description=told["GroupDescription"],
        VpcId=told["VpcId"],
    )
    place = {"GroupId": group["GroupId"]}
    for rule in told.get("SecurityGroupIngress", []):
        call(
            "ec2",
            "AuthorizeSecurityGroupIngress",
            **place,
            IpPermissions=[_permission(rule, "Source")],
        )
    if told.get("SecurityGroupEgress"):
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        call("ec2", "RevokeSecurityGroupEgress", **place, IpPermissions=everything)
    for rule in told.get("SecurityGroupEgress", []):
        call(
            "ec2",
            "AuthorizeSecurityGroupEgress",
            **place,
            IpPermissions=[_permission(rule, "Destination")],
        )
    return Made(group["GroupId"], place)


def _egress(name: str, told: dict[str, Any]) -> Made:
    rules = [_permission(told, "Destination")]
    call("ec2", "AuthorizeSecurityGroupEgress", GroupId=told["GroupId"], IpPermissions=rules)
    return Made(name)


def _permission(rule: dict[str, Any], side: str) -> dict[str, Any]:
    made = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    note = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        return {**made, "IpRanges": [{"CidrIp": rule["CidrIp"], **note}]}
    return {**made, "UserIdGroupPairs": [{"GroupId": rule[f"{side}SecurityGroupId"], **note}]}


def _route(name: str, told: dict[str, Any]) -> Made:
    call("ec2", "CreateRoute", **told)
    return Made(name, {"CidrBlock": told["DestinationCidrBlock"]})


def _balancer(name: str, told: dict[str, Any]) -> Made:
    rest = _without(told, "LoadBalancerAttributes")
    made = call("elbv2", "CreateLoadBalancer", **{"Name": name, **rest})["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    call(
        "elbv2",
        "ModifyLoadBalancerAttributes",
        LoadBalancerArn=arn,
        Attributes=told["LoadBalancerAttributes"],
    )
    attributes = {
        "LoadBalancerFullName": arn.partition(":loadbalancer/")[2],
        "DNSName": made["DNSName"],
        "CanonicalHostedZoneID": made["CanonicalHostedZoneId"],
    }
    return Made(arn, attributes)


def _target_group(name: str, told: dict[str, Any]) -> Made:
    rest = _without(told, "TargetGroupAttributes")
    arn = call("elbv2", "CreateTargetGroup", **{"Name": name, **rest})["TargetGroups"][0][
        "TargetGroupArn"
    ]
    call(
        "elbv2",
        "ModifyTargetGroupAttributes",
        TargetGroupArn=arn,
        Attributes=told["TargetGroupAttributes"],
    )
    return Made(arn, {"TargetGroupFullName": arn.split(":")[-1]})


def _listener(name: str, told: dict[str, Any]) -> Made:
    return Made(call("elbv2", "CreateListener", **told)["Listeners"][0]["ListenerArn"])


def _firewall(name: str, told: dict[str, Any]) -> Made:
    own = told.get("Name", name)
    made = call("wafv2", "CreateWebACL", **{"Name": own, **told})["Summary"]
    return Made(f"{own}|{made['Id']}|{told['Scope']}", {"Arn": made["ARN"], "Id": made["Id"]})


def _firewall_association(name: str, told: dict[str, Any]) -> Made:
    call("wafv2", "AssociateWebACL", **told)
    return Made(name)


def _firewall_logging(name: str, told: dict[str, Any]) -> Made:
    call("wafv2", "PutLoggingConfiguration", LoggingConfiguration=told)
    return Made(told["ResourceArn"])


def _alarm(name: str, told: dict[str, Any]) -> Made:
    call("cloudwatch", "PutMetricAlarm", **{"AlarmName": name, **told})
    own = told.get("AlarmName", name)
    return Made(own, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{own}"})


def _composite(name: str, told: dict[str, Any]) -> Made:
    check("cloudwatch", "PutCompositeAlarm", **{"AlarmName": name, **told})
    return Made(told.get("AlarmName", name))


def _dashboard(name: str, told: dict[str, Any]) -> Made:
    call("cloudwatch", "PutDashboard", **told)
    return Made(told["DashboardName"])


def _cluster(name: str, told: dict[str, Any]) -> Made:
    made = call("ecs", "CreateCluster", **_renamed(told, ClusterSettings="settings"))["cluster"]
    return Made(made["clusterName"], {"Arn": made["clusterArn"]})


def _task(name: str, told: dict[str, Any]) -> Made:
    return Made(
        call("ecs", "RegisterTaskDefinition", **told)["taskDefinition"]["taskDefinitionArn"]
    )


def _service(name: str, told: dict[str, Any]) -> Made:
    """One task, where no number is named (CloudFormation, AWS::ECS::Service, DesiredCount)."""
    made = call("ecs", "CreateService", **{"ServiceName": name, "DesiredCount": 1, **told})[
        "service"
    ]
    return Made(made["serviceArn"], {"Name": made["serviceName"], "ServiceArn": made["serviceArn"]})


def _changed_service(made: Made, told: dict[str, Any]) -> Made:
    """How many tasks there are is left alone."""
    given = {
        name: told[name] for name in ("Cluster", "TaskDefinition", "DesiredCount") if name in told
    }
    call("ecs", "UpdateService", Service=made.attributes["Name"], **given)
    return made


def _scalable(name: str, told: dict[str, Any]) -> Made:
    call("application-autoscaling", "RegisterScalableTarget", **told)
    return Made(
        "|".join(told[part] for part in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
    )


def _scaling_policy(name: str, told: dict[str, Any]) -> Made:
    resource, dimension, namespace = told["ScalingTargetId"].split("|")
    target = {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
    rest = _without(told, "ScalingTargetId")
    return Made(call("application-autoscaling", "PutScalingPolicy", **target, **rest)["PolicyARN"])


def _schedule(name: str, told: dict[str, Any]) -> Made:
    call("scheduler", "CreateSchedule", **{"Name": name[:64], **told})
    return Made(name[:64])


def _changed_schedule(made: Made, told: dict[str, Any]) -> Made:
    call("scheduler", "UpdateSchedule", **{"Name": made.reference, **told})
    return made


def _events_rule(name: str, told: dict[str, Any]) -> Made:
    pattern = json.dumps(told["EventPattern"])
    made = call(
        "events",
        "PutRule",
        **{"Name": name[:64], **_without(told, "Targets")} | {"EventPattern": pattern},
    )
    call("events", "PutTargets", Rule=name[:64], Targets=told["Targets"])
    return Made(name[:64], {"Arn": made["RuleArn"]})


def _subscription(name: str, told: dict[str, Any]) -> Made:
    return Made(call("sns", "Subscribe", **told)["SubscriptionArn"])


def _topic_policy(name: str, told: dict[str, Any]) -> Made:
    document = json.dumps(told["PolicyDocument"])
    for topic in told["Topics"]:
        call(
            "sns",
            "SetTopicAttributes",
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=document,
        )
    return Made(name)


def _budget(name: str, told: dict[str, Any]) -> Made:
    budget = {"BudgetName": name[:100], **told["Budget"]}
    notices = told.get("NotificationsWithSubscribers")
    call(
        "budgets",
        "CreateBudget",
        AccountId=ACCOUNT,
        Budget=budget,
        NotificationsWithSubscribers=notices,
    )
    return Made(budget["BudgetName"])


def _record(name: str, told: dict[str, Any]) -> Made:
    change = {"Action": "CREATE", "ResourceRecordSet": _without(told, "HostedZoneId")}
    call(
        "route53",
        "ChangeResourceRecordSets",
        HostedZoneId=told["HostedZoneId"],
        ChangeBatch={"Changes": [change]},
    )
    return Made(told["Name"])


def _selection(name: str, told: dict[str, Any]) -> Made:
    check("backup", "CreateBackupSelection", **told)
    return Made(f"{told['BackupPlanId']}|{told['BackupSelection']['SelectionName']}")


def _renamed(told: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in told.items()}


MAKERS: dict[str, Maker] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::Backup::BackupPlan": _plan,
    "AWS::Backup::BackupSelection": _selection,
    "AWS::Backup::BackupVault": _vault,
    "AWS::Budgets::Budget": _budget,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _composite,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::Route": _route,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::EC2::SecurityGroupEgress": _egress,
    "AWS::ECR::Repository": _repository,
    "AWS::ECS::Cluster": _cluster,
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _task,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _target_group,
    "AWS::Events::Rule": _events_rule,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Alias": _alias,
    "AWS::KMS::Key": _key,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Route53::RecordSet": _record,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::WAFv2::LoggingConfiguration": _firewall_logging,
    "AWS::WAFv2::WebACL": _firewall,
    "AWS::WAFv2::WebACLAssociation": _firewall_association,
}

# What a new image changes.
CHANGERS: dict[str, Changer] = {
    "AWS::ECS::Service": _changed_service,
    "AWS::ECS::TaskDefinition": lambda made, told: _task("", told),
    "AWS::Scheduler::Schedule": _changed_schedule,
}
