"""The simulations that checks rely on: policies, packets, alarms, release scripts."""

from typing import Any

import pytest

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.facts import at, differing
from tests.infrastructure.packets import Flow, enters, leaves, way_out
from tests.infrastructure.policies import Call, applies, denies, like, permits
from tests.infrastructure.render import Stack
from tests.infrastructure.scripts import run as run_script
from tests.infrastructure.sounding import Samples, run

KEY = "m"


def stack(**resources: dict[str, Any]) -> Stack:
    return Stack("stack", {}, resources, {}, {}, ())


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def rule(**changes: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8", **changes}


@pytest.mark.parametrize(
    ("flow", "wanted"),
    [
        (Flow("10.1.2.3", 443), True),
        (Flow("11.1.2.3", 443), False),
        (Flow("10.1.2.3", 444), False),
        (Flow("10.1.2.3", 443, "udp"), False),
        (Flow("<Balancer>", 443), False),
    ],
)
def test_a_security_group_lets_in_what_its_rules_name(flow: Flow, wanted: bool) -> None:
    made = stack(Group=resource("SecurityGroup", SecurityGroupIngress=[rule()]))
    assert enters(made, ["Group"], flow) is wanted


def test_a_group_without_a_rule_lets_everything_out_and_nothing_in() -> None:
    made = stack(Group=resource("SecurityGroup"))
    assert leaves(made, ["Group"], Flow("203.0.113.1", 25))
    assert not enters(made, ["Group"], Flow("203.0.113.1", 25))


def network(**changes: dict[str, Any]) -> Stack:
    made = {
        "Vpc": resource("VPC"),
        "Gateway": resource("InternetGateway"),
        "Attached": resource("VPCGatewayAttachment", VpcId="<Vpc>", InternetGatewayId="<Gateway>"),
        "Subnet": resource("Subnet", AvailabilityZone="a"),
        "Has": resource(
            "SubnetRouteTableAssociation", SubnetId="<Subnet>", RouteTableId="<Routes>"
        ),
        "Out": resource(
            "Route",
            RouteTableId="<Routes>",
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId="<Gateway>",
        ),
    }
    return stack(**{**made, **changes})


def test_a_public_subnet_needs_a_gateway_that_is_attached_and_an_address() -> None:
    assert way_out(network(), "Subnet", with_address=True) == "gateway"
    with pytest.raises(LookupError, match="public address"):
        way_out(network(), "Subnet", with_address=False)
    loose = resource("VPCGatewayAttachment", VpcId="<Other>", InternetGatewayId="<Gateway>")
    with pytest.raises(LookupError, match="not attached"):
        way_out(network(Attached=loose), "Subnet", with_address=True)


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:b/*", **changes}


GET = Call("svc", "s3:GetObject", "arn:b/k", {"aws:SourceAccount": "1"})


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        ([allow()], True),
        ([allow(Action=["s3:Put*", "s3:GetObject"])], True),
        ([allow(Action="s3:Put*")], False),
        ([allow(Resource="arn:b")], False),
        ([allow(Principal={"Service": "svc"})], True),
        ([allow(Principal={"Service": ["a", "b"]})], False),
        ([allow(Principal="*")], True),
        ([allow(Condition={"StringEquals": {"aws:SourceAccount": "1"}})], True),
        ([allow(Condition={"StringEquals": {"aws:SourceAccount": ["2", "3"]}})], False),
        ([allow(Condition={"StringEquals": {"missing": "1"}})], False),
        ([allow(Condition={"StringNotEquals": {"missing": "1"}})], True),
        ([allow(Condition={"Null": {"missing": "true"}})], True),
        ([allow(Condition={"Null": {"aws:SourceAccount": "true"}})], False),
        ([allow(Condition={"ArnLike": {"aws:SourceAccount": "?"}})], True),
        ([allow(), {**allow(), "Effect": "Deny"}], False),
        ([], False),
    ],
)
def test_a_policy_permits_what_it_allows_and_does_not_deny(
    statements: list[dict[str, Any]], wanted: bool
) -> None:
    assert permits(policy(*statements), GET) is wanted


@pytest.mark.parametrize(
    "statement",
    [
        allow(Effect="Maybe"),
        allow(NotAction="s3:Put"),
        allow(Principal={"CanonicalUser": "x"}),
        allow(Condition={"NumericEquals": {"a": 1}}),
    ],
)
def test_a_statement_of_another_kind_is_an_error(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        applies(statement, GET)


def test_a_policy_of_another_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="2008"):
        permits({"Version": "2008-10-17", "Statement": []}, GET)


def test_a_denial_is_found_and_wildcards_match_any_characters() -> None:
    assert denies(policy({**allow(), "Effect": "Deny"}), GET)
    assert not denies(policy(allow()), GET)
    assert like("a*c?", "a/b.cd")
    assert not like("a.c", "abc")


def alarm(**changes: Any) -> dict[str, Any]:
    made = {
        "MetricName": KEY,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 10,
        "TreatMissingData": "notBreaching",
    }
    return {**made, **changes}


@pytest.mark.parametrize(
    ("changes", "data", "sounded", "is_on"),
    [
        ({}, {0: ((10, 1),), 2: ((5, 2),)}, 3, False),
        ({}, {0: ((10, 1),), 3: ((10, 1),)}, None, False),
        ({"Statistic": "Maximum"}, {0: ((5, 9),), 1: ((5, 9),)}, None, False),
        ({"Statistic": "Average"}, {0: ((20, 1), (0, 1)), 1: ((10, 1),)}, 2, False),
        ({"Statistic": "SampleCount"}, {0: ((0, 10),), 1: ((0, 12),)}, 2, False),
        ({"Period": 300, "DatapointsToAlarm": 1}, {1: ((6, 1),), 4: ((4, 1),)}, 5, False),
        ({"TreatMissingData": "breaching"}, {}, 2, True),
        ({"TreatMissingData": "ignore"}, {0: ((10, 1),), 1: ((10, 1),)}, 2, True),
        (
            {"Statistic": None, "ExtendedStatistic": "p99"},
            {0: ((1, 98), (50, 2)), 1: ((50, 1),)},
            2,
            False,
        ),
        ({"Statistic": None, "ExtendedStatistic": "p95"}, {0: ((1, 98), (50, 2))}, None, False),
    ],
)
def test_an_alarm_is_run_minute_by_minute(
    changes: dict[str, Any], data: dict[int, Samples], sounded: int | None, is_on: bool
) -> None:
    made = {name: value for name, value in alarm(**changes).items() if value is not None}
    found = run(made, {KEY: data}, lambda metric: metric["MetricName"], 30)
    assert (found.sounded, found.is_on) == (sounded, is_on)


@pytest.mark.parametrize(
    "changes",
    [
        {"TreatMissingData": "nonsense"},
        {"ComparisonOperator": "Above"},
        {"Statistic": "Median"},
        {"Period": 90},
        {"DatapointsToAlarm": 4},
    ],
)
def test_an_alarm_that_aws_would_refuse_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises((LookupError, ValueError)):
        run(alarm(**changes), {KEY: {0: ((1, 1),)}}, lambda metric: metric["MetricName"], 5)


def test_a_script_is_run_with_stand_ins_and_its_calls_are_noted() -> None:
    named = "ClusterName\tc\nWebServiceName\tw\nWorkerServiceName\tk"
    responses = (("*describe-stacks*", named, 0), ("*describe-services*", "0", 0))
    done = run_script(ROOT, ["restart"], responses, {"STAGE": "dev"})
    assert done.calls[0].startswith("aws cloudformation describe-stacks --stack-name farebox-dev ")
    assert done.first("update-service", "--service w ") < done.first("wait services-stable")
    with pytest.raises(LookupError):
        done.first("delete-stack")


def test_facts_are_read_by_their_path() -> None:
    body = {"A": [{"B": True}], "C": 5}
    assert at(body, "A.0.B") is True
    assert at(body, "A.1.B") is None
    assert list(differing("it", body, {"A.0.B": True, "C": "5", "D": None})) == []
    assert list(differing("it", body, {"C": 6})) == ["it: C is 5, and must be 6"]
