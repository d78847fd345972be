"""What requests pass through: security groups, routes, balancer, firewall and names."""

from typing import Any

from tests.infrastructure.moto_extension import Made, Maker, call
from tests.infrastructure.shapes import without


def _security_group(name: str, properties: dict[str, Any]) -> Made:
    group = call(
        "ec2",
        "CreateSecurityGroup",
        GroupName=name,
        Description=properties["GroupDescription"],
        VpcId=properties["VpcId"],
    )
    place = {"GroupId": group["GroupId"]}
    for rule in properties.get("SecurityGroupIngress", []):
        call(
            "ec2",
            "AuthorizeSecurityGroupIngress",
            **place,
            IpPermissions=[_permission(rule, "Source")],
        )
    if properties.get("SecurityGroupEgress"):
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        call("ec2", "RevokeSecurityGroupEgress", **place, IpPermissions=everything)
    for rule in properties.get("SecurityGroupEgress", []):
        call(
            "ec2",
            "AuthorizeSecurityGroupEgress",
            **place,
            IpPermissions=[_permission(rule, "Destination")],
        )
    return Made(group["GroupId"], place)


def _egress(name: str, properties: dict[str, Any]) -> Made:
    rules = [_permission(properties, "Destination")]
    call("ec2", "AuthorizeSecurityGroupEgress", GroupId=properties["GroupId"], IpPermissions=rules)
    return Made(name)


def _permission(rule: dict[str, Any], side: str) -> dict[str, Any]:
    made = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    note = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        return {**made, "IpRanges": [{"CidrIp": rule["CidrIp"], **note}]}
    return {**made, "UserIdGroupPairs": [{"GroupId": rule[f"{side}SecurityGroupId"], **note}]}


def _route(name: str, properties: dict[str, Any]) -> Made:
    call("ec2", "CreateRoute", **properties)
    return Made(name, {"CidrBlock": properties["DestinationCidrBlock"]})


def _balancer(name: str, properties: dict[str, Any]) -> Made:
    rest = without(properties, "LoadBalancerAttributes")
    made = call("elbv2", "CreateLoadBalancer", **{"Name": name, **rest})["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    call(
        "elbv2",
        "ModifyLoadBalancerAttributes",
        LoadBalancerArn=arn,
        Attributes=properties["LoadBalancerAttributes"],
    )
    attributes = {
        "LoadBalancerFullName": arn.partition(":loadbalancer/")[2],
        "DNSName": made["DNSName"],
        "CanonicalHostedZoneID": made["CanonicalHostedZoneId"],
    }
    return Made(arn, attributes)


def _target_group(name: str, properties: dict[str, Any]) -> Made:
    rest = without(properties, "TargetGroupAttributes")
    arn = call("elbv2", "CreateTargetGroup", **{"Name": name, **rest})["TargetGroups"][0][
        "TargetGroupArn"
    ]
    call(
        "elbv2",
        "ModifyTargetGroupAttributes",
        TargetGroupArn=arn,
        Attributes=properties["TargetGroupAttributes"],
    )
    return Made(arn, {"TargetGroupFullName": arn.split(":")[-1]})


def _listener(name: str, properties: dict[str, Any]) -> Made:
    return Made(call("elbv2", "CreateListener", **properties)["Listeners"][0]["ListenerArn"])


def _firewall(name: str, properties: dict[str, Any]) -> Made:
    own = properties.get("Name", name)
    made = call("wafv2", "CreateWebACL", **{"Name": own, **properties})["Summary"]
    return Made(f"{own}|{made['Id']}|{properties['Scope']}", {"Arn": made["ARN"], "Id": made["Id"]})


def _firewall_association(name: str, properties: dict[str, Any]) -> Made:
    call("wafv2", "AssociateWebACL", **properties)
    return Made(name)


def _firewall_logging(name: str, properties: dict[str, Any]) -> Made:
    call("wafv2", "PutLoggingConfiguration", LoggingConfiguration=properties)
    return Made(properties["ResourceArn"])


def _certificate(name: str, properties: dict[str, Any]) -> Made:
    """With the record in the zone by which ACM knows the owner, as CloudFormation makes it."""
    del name
    (option,) = properties["DomainValidationOptions"]
    arn = call(
        "acm",
        "RequestCertificate",
        **without(
            properties, "DomainValidationOptions", "CertificateTransparencyLoggingPreference"
        ),
        Options={
            "CertificateTransparencyLoggingPreference": properties[
                "CertificateTransparencyLoggingPreference"
            ]
        },
    )["CertificateArn"]
    (proof,) = call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"][
        "DomainValidationOptions"
    ]
    record = proof["ResourceRecord"]
    body = {
        **without(record, "Value"),
        "TTL": 300,
        "ResourceRecords": [{"Value": record["Value"]}],
    }
    call(
        "route53",
        "ChangeResourceRecordSets",
        HostedZoneId=option["HostedZoneId"],
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": body}]},
    )
    return Made(arn)


def _record(name: str, properties: dict[str, Any]) -> Made:
    change = {"Action": "CREATE", "ResourceRecordSet": without(properties, "HostedZoneId")}
    call(
        "route53",
        "ChangeResourceRecordSets",
        HostedZoneId=properties["HostedZoneId"],
        ChangeBatch={"Changes": [change]},
    )
    return Made(properties["Name"])


MAKERS: dict[str, Maker] = {
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::EC2::Route": _route,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::EC2::SecurityGroupEgress": _egress,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _target_group,
    "AWS::Route53::RecordSet": _record,
    "AWS::WAFv2::LoggingConfiguration": _firewall_logging,
    "AWS::WAFv2::WebACL": _firewall,
    "AWS::WAFv2::WebACLAssociation": _firewall_association,
}
