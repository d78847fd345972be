"""What runs: roles, clusters, tasks, services, scaling and schedules."""

import json
from typing import Any

from tests.infrastructure.moto_extension import Changer, Made, Maker, call
from tests.infrastructure.render import ACCOUNT
from tests.infrastructure.shapes import renamed, without


def _role(name: str, properties: dict[str, Any]) -> Made:
    """Creates the role with its inline policies and with the managed ones of this account; moto
    does not have those of AWS."""
    document = json.dumps(properties["AssumeRolePolicyDocument"])
    name = properties.get("RoleName", name)
    rest = without(properties, "Policies", "ManagedPolicyArns", "AssumeRolePolicyDocument")
    own = {**rest, "RoleName": name, "AssumeRolePolicyDocument": document}
    role = call("iam", "CreateRole", **own)["Role"]
    for arn in properties.get("ManagedPolicyArns", []):
        if f"::{ACCOUNT}:" in arn:
            call("iam", "AttachRolePolicy", RoleName=name, PolicyArn=arn)
    for policy in properties.get("Policies", []):
        text = json.dumps(policy["PolicyDocument"])
        call(
            "iam",
            "PutRolePolicy",
            RoleName=name,
            PolicyName=policy["PolicyName"],
            PolicyDocument=text,
        )
    return Made(name, {"Arn": role["Arn"]})


def _cluster(name: str, properties: dict[str, Any]) -> Made:
    made = call("ecs", "CreateCluster", **renamed(properties, ClusterSettings="settings"))[
        "cluster"
    ]
    return Made(made["clusterName"], {"Arn": made["clusterArn"]})


def _task(name: str, properties: dict[str, Any]) -> Made:
    return Made(
        call("ecs", "RegisterTaskDefinition", **properties)["taskDefinition"]["taskDefinitionArn"]
    )


def _service(name: str, properties: dict[str, Any]) -> Made:
    """CloudFormation starts one task by default (AWS::ECS::Service, DesiredCount)."""
    made = call("ecs", "CreateService", **{"ServiceName": name, "DesiredCount": 1, **properties})[
        "service"
    ]
    return Made(made["serviceArn"], {"Name": made["serviceName"], "ServiceArn": made["serviceArn"]})


def _changed_service(made: Made, properties: dict[str, Any]) -> Made:
    """Leaves the number of tasks unchanged, unless the template sets it."""
    given = {
        name: properties[name]
        for name in ("Cluster", "TaskDefinition", "DesiredCount")
        if name in properties
    }
    call("ecs", "UpdateService", Service=made.attributes["Name"], **given)
    return made


def _scalable(name: str, properties: dict[str, Any]) -> Made:
    call("application-autoscaling", "RegisterScalableTarget", **properties)
    return Made(
        "|".join(
            properties[part] for part in ("ResourceId", "ScalableDimension", "ServiceNamespace")
        )
    )


def _scaling_policy(name: str, properties: dict[str, Any]) -> Made:
    resource, dimension, namespace = properties["ScalingTargetId"].split("|")
    target = {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
    rest = without(properties, "ScalingTargetId")
    return Made(call("application-autoscaling", "PutScalingPolicy", **target, **rest)["PolicyARN"])


def _schedule(name: str, properties: dict[str, Any]) -> Made:
    call("scheduler", "CreateSchedule", **{"Name": name[:64], **properties})
    return Made(name[:64])


def _changed_schedule(made: Made, properties: dict[str, Any]) -> Made:
    call("scheduler", "UpdateSchedule", **{"Name": made.reference, **properties})
    return made


MAKERS: dict[str, Maker] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::ECS::Cluster": _cluster,
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _task,
    "AWS::IAM::Role": _role,
    "AWS::Scheduler::Schedule": _schedule,
}

# The changes that a new image makes.
CHANGERS: dict[str, Changer] = {
    "AWS::ECS::Service": _changed_service,
    "AWS::ECS::TaskDefinition": lambda made, properties: _task("", properties),
    "AWS::Scheduler::Schedule": _changed_schedule,
}
