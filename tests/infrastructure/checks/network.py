"""Subnets, security groups and endpoints: what can reach what."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.checks.roles import statements, task_roles
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import REGION

EVERYONE = {"0.0.0.0/0", "::/0"}
PUBLIC_PORTS = {80, 443}


def subnets_do_not_overlap_and_lie_in_their_network(deployment: Deployment) -> Iterator[str]:
    whole = ipaddress.ip_network(str(deployment.service.one("EC2::VPC")["CidrBlock"]))
    blocks = {
        name: ipaddress.ip_network(subnet["CidrBlock"])
        for name, subnet in deployment.service.of("EC2::Subnet").items()
    }
    for name, block in blocks.items():
        if not block.subnet_of(whole):  # type: ignore[arg-type]
            yield f"{name} {block} is outside of the VPC {whole}"
        yield from (
            f"{name} overlaps {other}"
            for other in blocks
            if other > name and block.overlaps(blocks[other])
        )


def each_tier_spans_two_zones(deployment: Deployment) -> Iterator[str]:
    for name, subnets in _placements(deployment).items():
        zones = {
            deployment.service.resources[_bare(subnet)]["Properties"]["AvailabilityZone"]
            for subnet in subnets
        }
        if len(zones) < 2 or len(zones) != len(subnets):
            yield (
                f"{name} has {len(subnets)} subnets in zones {sorted(zones)}: "
                "use two or more zones, one subnet in each"
            )


def tasks_have_no_public_address_where_there_is_another_way_out(
    deployment: Deployment,
) -> Iterator[str]:
    for name, network in _task_networks(deployment).items():
        public = network["AssignPublicIp"] == "ENABLED"
        open_subnets = [
            subnet
            for subnet in network["Subnets"]
            if _reaches_internet_directly(deployment, subnet)
        ]
        if public and deployment.production:
            yield f"{name}: production tasks must not have a public address"
        if public and len(open_subnets) != len(network["Subnets"]):
            yield f"{name}: a public address is of no use in a private subnet"
        if not public and open_subnets:
            yield f"{name} cannot reach the internet from {open_subnets} without a public address"


def the_balancer_lies_in_public_subnets(deployment: Deployment) -> Iterator[str]:
    balancer = deployment.service.one("ElasticLoadBalancingV2::LoadBalancer")
    for subnet in balancer["Subnets"]:
        if not _reaches_internet_directly(deployment, subnet):
            yield f"the balancer is in {subnet}, which has no route to the internet"


def only_the_balancer_is_open_to_everyone(deployment: Deployment) -> Iterator[str]:
    balancer = deployment.service.one("ElasticLoadBalancingV2::LoadBalancer")
    for group, rule in _ingress(deployment):
        if (
            rule.get("CidrIp") in EVERYONE
            or rule.get("CidrIpv6") in EVERYONE
            or rule.get("IpProtocol") == "-1"
        ):
            if group not in {_pointed(name) for name in balancer["SecurityGroups"]}:
                yield f"{group} is open to everyone: only the balancer may be"
            elif rule["FromPort"] != rule["ToPort"] or int(rule["FromPort"]) not in PUBLIC_PORTS:
                yield (
                    f"{group} opens {rule['FromPort']}-{rule['ToPort']} to everyone: "
                    "only 80 and 443 may be"
                )


def the_web_task_lets_only_the_balancer_in_and_only_on_its_port(
    deployment: Deployment,
) -> Iterator[str]:
    balancer = deployment.service.one("ElasticLoadBalancingV2::LoadBalancer")
    (port,) = deployment.web.ports
    groups = {
        _pointed(group)
        for network in _task_networks(deployment).values()
        for group in network["SecurityGroups"]
    }
    rules = [(group, rule) for group, rule in _ingress(deployment) if group in groups]
    if not rules:
        yield "no task accepts connections of the balancer"
    for group, rule in rules:
        source = _pointed(rule.get("SourceSecurityGroupId", ""))
        if source not in {_pointed(name) for name in balancer["SecurityGroups"]}:
            yield f"{group} accepts connections of {source or rule}: only the balancer may connect"
        if (int(rule["FromPort"]), int(rule["ToPort"])) != (port, port):
            yield (
                f"{group} opens {rule['FromPort']}-{rule['ToPort']}: "
                f"the container listens on {port} alone"
            )


def every_security_group_limits_its_outbound_traffic(deployment: Deployment) -> Iterator[str]:
    apart = {
        _pointed(rule["GroupId"])
        for rule in deployment.service.of("EC2::SecurityGroupEgress").values()
    }
    for name, group in deployment.service.of("EC2::SecurityGroup").items():
        if not group.get("SecurityGroupEgress") and name not in apart:
            yield f"{name} has no SecurityGroupEgress, which allows everything"
        yield from (
            f"{name} allows every protocol outbound: name protocol and ports"
            for rule in group.get("SecurityGroupEgress", [])
            if rule["IpProtocol"] in (-1, "-1")
        )


def the_table_is_reached_without_the_internet(deployment: Deployment) -> Iterator[str]:
    endpoints = deployment.service.of("EC2::VPCEndpoint").values()
    tables = {
        _route_table(deployment, subnet)
        for network in _task_networks(deployment).values()
        for subnet in network["Subnets"]
    }
    for service in ("dynamodb", "s3"):
        served = {
            table
            for endpoint in endpoints
            if endpoint["ServiceName"].endswith(f".{service}")
            and endpoint.get("VpcEndpointType", "Gateway") == "Gateway"
            for table in endpoint["RouteTableIds"]
        }
        yield from (
            f"{table} has no gateway endpoint for {service}: add it to RouteTableIds"
            for table in sorted(tables - served)
        )


def the_s3_gateway_allows_only_layers_and_our_buckets(
    deployment: Deployment,
) -> Iterator[str]:
    """ECR keeps image layers in a bucket of its own (ECR, Interface VPC endpoints, minimum Amazon
    S3 bucket permissions)."""
    layers = f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/*"
    ours = tuple(f"arn:aws:s3:::{name}" for name in _buckets(deployment))
    for name, granted in _through(deployment, "s3").items():
        if ("s3:GetObject", layers) not in granted:
            yield f"{name} does not allow {layers}: no task could pull its image"
        yield from (
            f"{name} allows {action} on {resource}, which no task needs"
            for action, resource in sorted(granted)
            if (action, resource) != ("s3:GetObject", layers)
            and (action == "s3:*" or not resource.startswith(ours))
        )


def the_s3_gateway_allows_what_a_task_may_do(deployment: Deployment) -> Iterator[str]:
    """Both the policy of the gateway and that of the role have to allow a call."""
    wanted = {
        (name, action, resource)
        for name, role in task_roles(deployment).items()
        for statement in statements(role)
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        if action.startswith("s3:")
    }
    for endpoint, granted in _through(deployment, "s3").items():
        for name, action, resource in sorted(wanted):
            if (action, resource) not in granted:
                yield f"{endpoint} denies {name} {action} on {resource}: allow it in its policy"


def the_secrets_endpoint_allows_only_our_secrets(deployment: Deployment) -> Iterator[str]:
    wanted = {
        ("secretsmanager:GetSecretValue", str(value))
        for name, value in deployment.service.parameters.items()
        if name.endswith("SecretArn") and value
    }
    for name, granted in _through(deployment, "secretsmanager").items():
        if granted != wanted:
            yield f"{name} allows {sorted(granted)}: it must allow {sorted(wanted)}"


def the_kms_endpoint_allows_only_the_key_of_data_keys(deployment: Deployment) -> Iterator[str]:
    keys = [deployment.service.parameters[name] for name in ("DataKeyArn", "FormerDataKeyArn")]
    wanted = {
        (f"kms:{name}", str(key))
        for name in ("Decrypt", "Encrypt", "GenerateDataKey")
        for key in keys
        if key
    }
    for name, granted in _through(deployment, "kms").items():
        if granted != wanted:
            yield f"{name} allows {sorted(granted)}: it must allow {sorted(wanted)}"


def _through(deployment: Deployment, service: str) -> dict[str, set[tuple[str, str]]]:
    """The actions and resources that each endpoint of the service allows: everything, without a
    policy."""
    anything = {"Effect": "Allow", "Action": f"{service}:*", "Resource": "*"}
    return {
        name: {
            (action, resource)
            for statement in endpoint.get("PolicyDocument", {}).get("Statement", [anything])
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        }
        for name, endpoint in deployment.service.of("EC2::VPCEndpoint").items()
        if endpoint["ServiceName"].endswith(f".{service}")
    }


def _buckets(deployment: Deployment) -> list[str]:
    """The names of our buckets that a task may use. The balancer writes its logs from outside the
    VPC."""
    return [
        str(value)
        for name, value in deployment.service.parameters.items()
        if name.endswith("Bucket") and name != "AccessLogsBucket"
    ]


def _placements(deployment: Deployment) -> dict[str, list[str]]:
    balancer = deployment.service.one("ElasticLoadBalancingV2::LoadBalancer")
    return {"the balancer": list(balancer["Subnets"])} | {
        name: list(network["Subnets"]) for name, network in _task_networks(deployment).items()
    }


def _task_networks(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    """The network of every service and of every scheduled task."""
    found = {
        name: service["NetworkConfiguration"]["AwsvpcConfiguration"]
        for name, service in deployment.service.of("ECS::Service").items()
    }
    for name, schedule in deployment.service.of("Scheduler::Schedule").items():
        found[name] = schedule["Target"]["EcsParameters"]["NetworkConfiguration"][
            "AwsvpcConfiguration"
        ]
    for name, rule in deployment.service.of("Events::Rule").items():
        for target in rule.get("Targets", []):
            if "EcsParameters" in target:
                network = target["EcsParameters"]["NetworkConfiguration"]
                found[name] = network.get("AwsVpcConfiguration") or network["AwsvpcConfiguration"]
    return found


def _ingress(deployment: Deployment) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every inbound rule with the name of its security group."""
    for name, group in deployment.service.of("EC2::SecurityGroup").items():
        for rule in group.get("SecurityGroupIngress", []):
            yield name, rule
    for rule in deployment.service.of("EC2::SecurityGroupIngress").values():
        yield _pointed(rule["GroupId"]), rule


def _route_table(deployment: Deployment, subnet: str) -> str:
    for association in deployment.service.of("EC2::SubnetRouteTableAssociation").values():
        if association["SubnetId"] == subnet:
            return str(association["RouteTableId"])
    return "(the main route table)"


def _reaches_internet_directly(deployment: Deployment, subnet: str) -> bool:
    table = _route_table(deployment, subnet)
    return any(
        route["RouteTableId"] == table
        and route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and "GatewayId" in route
        for route in deployment.service.of("EC2::Route").values()
    )


def _bare(reference: str) -> str:
    return reference.strip("<>")


def _pointed(reference: str) -> str:
    """The name of the resource that a reference points at."""
    return _bare(reference).split(".")[0]


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
