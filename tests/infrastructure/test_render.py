"""The renderer resolves and refuses what CloudFormation would."""

from typing import Any

import pytest

from tests.infrastructure.render import RenderError, Stack, render

PARAMETERS = {"Stage": {"Type": "String", "AllowedValues": ["dev", "production"], "Default": "dev"}}
PRODUCTION = {"Fn::Equals": [{"Ref": "Stage"}, "production"]}


def one_bucket(value: Any, given: dict[str, str] | None = None, **more: Any) -> Stack:
    resources = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"It": value}}}
    template = {
        "Parameters": PARAMETERS,
        "Conditions": {"Production": PRODUCTION},
        "Resources": resources,
        **more,
    }
    return render(template, given or {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Bucket"}, "<Bucket>"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "<Bucket.Arn>"),
        (
            {"Fn::Sub": "${Bucket.Arn}/${Stage}-${!kept}-${AWS::Region}"},
            "<Bucket.Arn>/dev-${kept}-us-east-1",
        ),
        ({"Fn::Sub": ["${a}-${Stage}", {"a": {"Ref": "AWS::AccountId"}}]}, "123456789012-dev"),
        ({"Fn::Join": [",", ["a", {"Ref": "Stage"}]]}, "a,dev"),
        ({"Fn::Select": ["1", {"Fn::Split": ["-", "x-y"]}]}, "y"),
        ({"Fn::Select": [2, {"Fn::Cidr": ["10.0.0.0/16", 4, 8]}]}, "10.0.2.0/24"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::If": ["Production", 1, 2]}, 2),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
        ({"Fn::FindInMap": ["Size", {"Ref": "Stage"}, "Cpu"]}, 256),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a": "dev"}'),
        ({"Fn::ImportValue": {"Fn::Sub": "${Stage}-arn"}}, "arn"),
    ],
)
def test_functions_are_resolved(value: Any, expected: Any) -> None:
    template = {
        "Parameters": PARAMETERS,
        "Mappings": {"Size": {"dev": {"Cpu": 256}}},
        "Conditions": {"Production": PRODUCTION},
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"It": value}}},
    }
    assert render(template, {}, imports={"dev-arn": "arn"}).one("S3::Bucket")["It"] == expected


def test_what_has_no_value_is_left_out() -> None:
    made = one_bucket({"Fn::If": ["Production", 1, {"Ref": "AWS::NoValue"}]})
    assert made.one("S3::Bucket") == {}


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Missing"},
        {"Fn::GetAtt": ["Missing", "Arn"]},
        {"Fn::Sub": "${Missing}"},
        {"Fn::If": ["Missing", 1, 2]},
        {"Fn::Unheard": 1},
        {"Fn::ImportValue": "missing"},
        {"Fn::Select": [3, ["a"]]},
    ],
)
def test_a_reference_to_nothing_is_refused(value: Any) -> None:
    with pytest.raises(RenderError):
        one_bucket(value)


@pytest.mark.parametrize("given", [{"Stage": "moon"}, {"Other": "1"}])
def test_parameters_that_are_not_allowed_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(RenderError):
        one_bucket(1, given)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"Type": "String"}, None),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "A"),
        ({"Type": "String", "MinLength": 3}, "ab"),
        ({"Type": "Number", "MaxValue": 3}, "4"),
        ({"Type": "Number"}, "four"),
    ],
)
def test_each_rule_of_a_parameter_is_enforced(rules: dict[str, Any], text: str | None) -> None:
    with pytest.raises(RenderError):
        render({"Parameters": {"P": rules}, "Resources": {}}, {} if text is None else {"P": text})


def test_a_reference_to_a_resource_that_would_not_exist_is_refused() -> None:
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Condition": "Production"},
        "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Bucket"}}},
    }
    template = {
        "Parameters": PARAMETERS,
        "Conditions": {"Production": PRODUCTION},
        "Resources": resources,
    }
    assert len(render(template, {"Stage": "production"}).resources) == 2
    with pytest.raises(RenderError):
        render(template, {})


def test_broken_rules_are_reported() -> None:
    rule = {
        "RuleCondition": PRODUCTION,
        "Assertions": [
            {"Assert": {"Fn::Contains": [["a"], {"Ref": "Stage"}]}, "AssertDescription": "no"}
        ],
    }
    assert one_bucket(1, Rules={"R": rule}).broken_rules == ()
    assert one_bucket(1, {"Stage": "production"}, Rules={"R": rule}).broken_rules == ("no",)
