"""Packets walk through the network: from a client to a container, from a task to the internet."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.packets import (
    ANYWHERE,
    CLIENT,
    Flow,
    enters,
    leaves,
    name_of,
    open_ports,
    way_out,
)

_VPC_PARTS = (
    "EC2::Subnet",
    "EC2::RouteTable",
    "EC2::SecurityGroup",
    "EC2::VPCEndpoint",
    "EC2::VPCGatewayAttachment",
    "ElasticLoadBalancingV2::TargetGroup",
)


def a_client_reaches_the_containers(deployment: Deployment) -> Iterator[str]:
    """Listener, security groups of both sides, target group, container."""
    stack = deployment.service
    (balancer_name,) = stack.of("ElasticLoadBalancingV2::LoadBalancer")
    balancer = stack.of("ElasticLoadBalancingV2::LoadBalancer")[balancer_name]
    outer = [name_of(group) for group in balancer["SecurityGroups"]]
    wanted = {("HTTP", 80)} | ({("HTTPS", 443)} if deployment.certificate else set())
    listeners = stack.of("ElasticLoadBalancingV2::Listener")
    found = {(body["Protocol"], int(body["Port"])) for body in listeners.values()}
    if found != wanted:
        yield f"the listeners are {sorted(found)}: they must be {sorted(wanted)}"
    for name, body in listeners.items():
        if body["LoadBalancerArn"] != f"<{balancer_name}>":
            yield f"{name} belongs to {body['LoadBalancerArn']}"
        if not enters(stack, outer, Flow(CLIENT, int(body["Port"]))):
            yield f"no client reaches {name}: open the port in the balancer's security group"
    for service, port, inner in _served(deployment):
        if not leaves(stack, outer, Flow(f"<{inner}>", port)):
            yield f"the balancer does not reach {service} on {port}: open its security group"
        if not enters(stack, [inner], Flow(f"<{outer[0]}>", port)):
            yield f"{service} does not let the balancer in on {port}"


def a_target_group_leads_to_the_port_of_its_container(deployment: Deployment) -> Iterator[str]:
    """Probes have no port of their own, so they go where requests go."""
    stack = deployment.service
    for name, service in stack.of("ECS::Service").items():
        for target in service.get("LoadBalancers", []):
            group = stack.of("ElasticLoadBalancingV2::TargetGroup")[
                name_of(target["TargetGroupArn"])
            ]
            mappings = _mappings(deployment, service, str(target["ContainerName"]))
            wanted = (int(target["ContainerPort"]), "tcp")
            if wanted not in mappings:
                yield f"{name} sends to {wanted}, its container listens on {sorted(mappings)}"
            if (group["Protocol"], int(group["Port"])) != ("HTTP", wanted[0]):
                yield f"{target['TargetGroupArn']} is for {group['Protocol']} {group['Port']}"
            if str(group.get("HealthCheckPort", "traffic-port")) != "traffic-port":
                yield f"{target['TargetGroupArn']} is probed on another port than it serves"


def every_part_lies_in_the_one_network(deployment: Deployment) -> Iterator[str]:
    ((vpc, body),) = deployment.service.of("EC2::VPC").items()
    for kind in _VPC_PARTS:
        for name, part in deployment.service.of(kind).items():
            if part["VpcId"] != f"<{vpc}>":
                yield f"{name} lies in {part['VpcId']}, not in {vpc}"
    if body["EnableDnsSupport"] is not True or body["EnableDnsHostnames"] is not True:
        yield f"{vpc} resolves no private names: endpoints need EnableDnsSupport and -Hostnames"


def every_task_reaches_the_internet(deployment: Deployment) -> Iterator[str]:
    """Providers and AWS, over TLS: by a NAT gateway in a public subnet of its own zone where there
    is one for each zone, or by an address of its own."""
    stack = deployment.service
    for name, place in placed(deployment).items():
        groups = [name_of(group) for group in place["SecurityGroups"]]
        if not leaves(stack, groups, Flow(CLIENT, 443)):
            yield f"{name} may not connect to port 443"
        with_address = {"ENABLED": True, "DISABLED": False}[place["AssignPublicIp"]]
        for subnet in place["Subnets"]:
            try:
                way_out(stack, name_of(subnet), with_address)
            except LookupError as error:
                yield f"{name} has no way out: {error}"


def tasks_run_in_every_zone_and_in_one_tier(deployment: Deployment) -> Iterator[str]:
    stack = deployment.service
    zones = int(stack.parameters["ZoneCount"])
    for name, place in placed(deployment).items():
        subnets = [name_of(subnet) for subnet in place["Subnets"]]
        found = {stack.of("EC2::Subnet")[subnet]["AvailabilityZone"] for subnet in subnets}
        if len(found) != zones or len(subnets) != zones:
            yield f"{name} runs in {subnets}: it must have one subnet in each of {zones} zones"
        if len({subnet[:-1] for subnet in subnets}) != 1:
            yield f"{name} mixes public and private subnets: {subnets}"


def each_group_opens_exactly_what_is_used(deployment: Deployment) -> Iterator[str]:
    """Nothing enters but clients at the balancer and the balancer at its tasks; nothing leaves but
    TLS, and the balancer connects to its tasks alone."""
    stack = deployment.service
    served = {inner: port for _, port, inner in _served(deployment)}
    (balancer,) = (
        name_of(group)
        for body in stack.of("ElasticLoadBalancingV2::LoadBalancer").values()
        for group in body["SecurityGroups"]
    )
    for name in stack.of("EC2::SecurityGroup"):
        if name == balancer:
            into = {(ANYWHERE, "tcp", port, port) for port in (80, 443)}
            out = {(f"<{inner}>", "tcp", port, port) for inner, port in served.items()}
        elif name.startswith("Endpoint"):
            into = out = {(str(stack.parameters["VpcCidr"]), "tcp", 443, 443)}
        else:
            into = {(f"<{balancer}>", "tcp", port, port) for port in [served.get(name)] if port}
            out = {(ANYWHERE, "tcp", 443, 443)}
        for direction, wanted in (("Ingress", into), ("Egress", out)):
            found = open_ports(stack, name, direction)
            if found != wanted:
                yield f"{name}: {direction} is {sorted(found)}, used is {sorted(wanted)}"


def every_subnet_has_the_routes_of_its_tier(deployment: Deployment) -> Iterator[str]:
    """A public subnet leads to the gateway; a private one, by a table of its own, to a NAT gateway
    or nowhere. Each tier has one subnet in each zone."""
    stack = deployment.service
    zones: dict[str, list[str]] = {"Public": [], "Private": []}
    tables: dict[str, list[str]] = {"Public": [], "Private": []}
    tier_of = {}
    for body in stack.of("EC2::SubnetRouteTableAssociation").values():
        tier_of[name_of(body["SubnetId"])] = name_of(body["RouteTableId"])
    for name, subnet in stack.of("EC2::Subnet").items():
        tier = "Public" if name.startswith("Public") else "Private"
        zones[tier].append(subnet["AvailabilityZone"])
        tables[tier].append(tier_of[name])
        if not tier_of[name].startswith(tier) or tier_of[name] not in stack.of("EC2::RouteTable"):
            yield f"{name} has the routes {tier_of[name]}"
    for tier, found in zones.items():
        if sorted(found) != [f"us-east-1{letter}" for letter in "abc"[: len(found)]]:
            yield f"{tier} subnets lie in {found}"
        if len(found) != int(stack.parameters["ZoneCount"]):
            yield f"{tier} subnets lie in {len(found)} zones"
    if len(set(tables["Private"])) != len(tables["Private"]) or len(set(tables["Public"])) != 1:
        yield f"subnets share routes: {tables}"


def operators_tasks_start_where_workers_do(deployment: Deployment) -> Iterator[str]:
    """What release/operate reads of the outputs."""
    outputs, place = deployment.service.outputs, placed(deployment)["WorkerService"]
    subnets = outputs["TaskSubnets"].split(",")
    if subnets != place["Subnets"] or len(set(subnets)) < 2:
        yield f"TaskSubnets is {subnets}: it must be {place['Subnets']}"
    if [outputs["WorkerSecurityGroup"]] != place["SecurityGroups"]:
        yield f"WorkerSecurityGroup is {outputs['WorkerSecurityGroup']}"
    if outputs["TaskPublicAddress"] != place["AssignPublicIp"]:
        yield f"TaskPublicAddress is {outputs['TaskPublicAddress']}"


def the_network_is_logged_whole(deployment: Deployment) -> Iterator[str]:
    (vpc,) = deployment.service.of("EC2::VPC")
    for name, log in deployment.service.of("EC2::FlowLog").items():
        found = [log[key] for key in ("ResourceType", "ResourceId", "TrafficType")]
        if found != ["VPC", f"<{vpc}>", "ALL"]:
            yield f"{name} logs {found}: it must log all traffic of the network"
        if log["LogDestinationType"] != "cloud-watch-logs":
            yield f"{name} goes to {log['LogDestinationType']}"
        groups = {
            str(body["LogGroupName"]) for body in deployment.data.of("Logs::LogGroup").values()
        }
        if log["LogGroupName"] not in groups:
            yield f"{name} writes to {log['LogGroupName']}, which does not exist"
        if int(log["MaxAggregationInterval"]) not in (60, 600):
            yield f"{name}: EC2 has no aggregation interval of {log['MaxAggregationInterval']} s"


def each_interface_endpoint_is_found_by_name_from_every_zone(
    deployment: Deployment,
) -> Iterator[str]:
    """Without private names the SDK goes on to the internet, and nothing shows it."""
    stack = deployment.service
    region = "us-east-1"
    for name, endpoint in stack.of("EC2::VPCEndpoint").items():
        kind = endpoint["VpcEndpointType"]
        tables = {f"<{table}>" for table in stack.of("EC2::RouteTable")}
        if kind == "Gateway" and set(endpoint["RouteTableIds"]) != tables:
            yield f"{name} is missing in a route table"
        if not str(endpoint["ServiceName"]).startswith(f"com.amazonaws.{region}."):
            yield f"{name} is for {endpoint['ServiceName']}, in another region"
        if kind != "Interface":
            continue
        if endpoint["PrivateDnsEnabled"] is not True:
            yield f"{name} has no private name: set PrivateDnsEnabled"
        zones = {
            stack.of("EC2::Subnet")[name_of(subnet)]["AvailabilityZone"]
            for subnet in endpoint["SubnetIds"]
        }
        if len(zones) != int(stack.parameters["ZoneCount"]):
            yield f"{name} is in the zones {sorted(zones)} alone"
        groups = [name_of(group) for group in endpoint["SecurityGroupIds"]]
        inside = str(stack.parameters["VpcCidr"]).rpartition(".")[0] + ".9"
        if not enters(stack, groups, Flow(inside, 443)):
            yield f"{name} lets no task in"


def the_domain_leads_to_the_balancer(deployment: Deployment) -> Iterator[str]:
    parameters = deployment.service.parameters
    (balancer,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    for name, record in deployment.service.of("Route53::RecordSet").items():
        alias = record["AliasTarget"]
        found = [record["HostedZoneId"], record["Name"], record["Type"], alias["DNSName"]]
        found += [alias["HostedZoneId"], alias["EvaluateTargetHealth"]]
        wanted = [parameters["HostedZoneId"], parameters["DomainName"], "A"]
        wanted += [f"<{balancer}.DNSName>", f"<{balancer}.CanonicalHostedZoneID>", True]
        if found != wanted:
            yield f"{name} is {found}: it must be {wanted}"
    if bool(parameters["HostedZoneId"]) != bool(deployment.service.of("Route53::RecordSet")):
        yield "a zone is given and no record made in it, or the other way round"
    outer = deployment.service.outputs
    domain = parameters["DomainName"]
    url = f"https://{domain}" if domain else f"http://<{balancer}.DNSName>"
    if (outer["Url"], outer["BalancerName"]) != (url, f"<{balancer}.DNSName>"):
        yield f"the outputs lead to {outer['Url']} and {outer['BalancerName']}"


def placed(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    """Where each service and schedule runs its tasks."""
    stack = deployment.service
    places = {
        name: body["NetworkConfiguration"]["AwsvpcConfiguration"]
        for name, body in stack.of("ECS::Service").items()
    }
    return places | {
        name: body["Target"]["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        for name, body in stack.of("Scheduler::Schedule").items()
    }


def _served(deployment: Deployment) -> Iterator[tuple[str, int, str]]:
    """Each service behind the balancer: its name, its port, its security group."""
    for name, service in deployment.service.of("ECS::Service").items():
        for target in service.get("LoadBalancers", []):
            place = service["NetworkConfiguration"]["AwsvpcConfiguration"]
            yield name, int(target["ContainerPort"]), name_of(place["SecurityGroups"][0])


def _mappings(
    deployment: Deployment, service: Mapping[str, Any], container: str
) -> set[tuple[int, str]]:
    task = deployment.service.of("ECS::TaskDefinition")[name_of(service["TaskDefinition"])]
    return {
        (int(port["ContainerPort"]), str(port["Protocol"]))
        for body in task["ContainerDefinitions"]
        if body["Name"] == container
        for port in body["PortMappings"]
    }
