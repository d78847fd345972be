"""`release/check`: what a stage chooses is tried before anything is made."""

from pathlib import Path

import pytest

from devstack.template import parse_template
from release.join import text_of
from release.rules import entries, handed_on, rules_only, section
from tests.infrastructure.checkouts import choosing
from tests.infrastructure.deployments import EVERYTHING, ROOT, deployment
from tests.infrastructure.identity_stack import variants
from tests.release.machine import Machine, Run

TEMPLATES = ("data", "base", "service")
_TEMPLATE = """AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  # A comment.
  Stage: {Type: String, AllowedValues: [dev, production]}

  Pool:
    Type: String
    Default: ""
    AllowedPattern: "(|pool-.+)"
  Days: {Type: Number, Default: 7}
  Table: {Type: String, AllowedPattern: "[a-z]+"}
Rules:
  SignIn:
    RuleCondition: !Equals [!Ref Stage, production]
    Assertions:
      - Assert: !Not [!Equals [!Ref Pool, ""]]
        AssertDescription: "Production needs Pool."
Conditions:
  Rules: !Equals [a, b]
Resources:
  Topic: {Type: AWS::SNS::Topic}
"""
_EARLIER = "Outputs:\n  Pool: {Value: a}\n  Days: {Value: 3}\n  Table: {Value: t}\n"


def test_parameters_and_rules_stay_and_nothing_is_made() -> None:
    before, after = parse_template(_TEMPLATE), parse_template(rules_only(_TEMPLATE, []))
    assert after["Parameters"] == before["Parameters"]
    assert after["Rules"] == before["Rules"]
    assert set(after) == {"AWSTemplateFormatVersion", "Parameters", "Rules", "Resources"}
    assert after["Resources"] == {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}


def test_what_is_not_made_yet_has_a_value_that_no_pattern_refuses() -> None:
    """A number is no name of something made: its default stands."""
    made = parse_template(rules_only(_TEMPLATE, ["Stage"], [(_EARLIER, {})]))["Parameters"]
    for name in ("Pool", "Table"):
        assert made[name] == {"Type": "String", "Default": "not made yet"}
    assert made["Days"] == {"Type": "Number", "Default": 7}
    assert made["Stage"] == {"Type": "String", "AllowedValues": ["dev", "production"]}


def test_what_is_made_already_is_tried_as_it_is() -> None:
    made = parse_template(rules_only(_TEMPLATE, ["Stage", "Pool", "Table"], [(_EARLIER, {})]))
    assert made["Parameters"] == parse_template(_TEMPLATE)["Parameters"]


def test_a_template_without_rules_has_none() -> None:
    text = _TEMPLATE.replace("Rules:\n  SignIn", "Mappings:\n  SignIn")
    assert "Rules" not in parse_template(rules_only(text, []))
    assert section(text, "Rules") == ""
    assert list(entries(section(text, "Parameters"))) == ["Stage", "Pool", "Days", "Table"]


_CONDITIONAL = """Parameters:
  Pool: {Type: String, Default: ""}
  Key: {Type: String}
  Days: {Type: Number, Default: 7}
  Pages: {Type: CommaDelimitedList, Default: ""}
Conditions:
  # Why.
  MakesPool: !Equals [!Ref Pool, ""]
  HasPages: !And [!Condition MakesPool, !Not [!Equals [!Join ["", !Ref Pages], ""]]]
  HasEither: !Or [!Condition HasPages, !Equals [!Ref Days, 30]]
  HasKey: !Not [!Equals [!Ref Key, ""]]
Outputs:
  Id: {Value: !If [MakesPool, a, b]}
  Clients: {Condition: MakesPool, Value: x}
  Address:
    Condition: HasPages
    Value: y
  Either: {Value: z, Condition: HasEither}
  KeyArn: {Condition: HasKey, Value: !Ref Key}
"""


@pytest.mark.parametrize(
    ("given", "handed"),
    [
        ({}, {"Id", "Clients", "KeyArn"}),
        ({"Pool": "arn"}, {"Id", "KeyArn"}),
        ({"Pages": "a,b", "Key": ""}, {"Id", "Clients", "Address", "Either"}),
        ({"Pool": "arn", "Pages": "a", "Days": "30"}, {"Id", "Either", "KeyArn"}),
    ],
)
def test_what_a_stack_will_not_hand_on_is_not_expected(
    given: dict[str, str], handed: set[str]
) -> None:
    assert handed_on(_CONDITIONAL, given) == handed


@pytest.mark.parametrize(
    "condition",
    [
        "!If [A, b, c]",
        "!Not\n    - !Ref Key",
        "!Ref Missing",
        "!Condition Missing",
        "!Equals [[a]]",
    ],
)
def test_a_condition_that_is_not_understood_is_an_error(condition: str) -> None:
    text = _CONDITIONAL.replace('!Equals [!Ref Pool, ""]', condition)
    with pytest.raises(ValueError, match=r".+"):
        handed_on(text, {})


def test_the_outputs_of_every_stack_are_foreseen() -> None:
    """As the renderer has them, which reads the whole template."""
    for given in (deployment("dev"), deployment("production", **EVERYTHING)):
        for stack in (*given.stacks, *variants(given)):
            name = stack.name.removeprefix(f"farebox-{given.stage}").strip("-") or "service"
            text = text_of(ROOT / "cloudformation" / f"{name}.yaml")
            values = {key: _text(value) for key, value in stack.parameters.items()}
            assert handed_on(text, values) == set(stack.outputs)


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def test_a_refused_choice_stops_a_release_before_anything_is_made(machine: Machine) -> None:
    """As the file of production is before anyone fills it in."""
    done = machine.run("deploy", stage="production")
    assert done.returncode == 1
    assert "Production needs CertificateArn" in done.stderr
    assert "nothing was changed" in done.stderr
    account = machine.account
    assert (account["executed"], account["docker"], account["objects"]) == ([], [], {})
    assert account["secrets"] == {"arn:kling": {"v": "key"}}
    assert (account["stacks"], account["reviews"], account["ecs_role"]) == ({}, [], False)


def test_a_check_leaves_nothing_behind(first: Run) -> None:
    """Not even a stack in review, nor a change of those that are there."""
    account = first[1]
    assert len(account["checked"]) == len(TEMPLATES)
    assert account["reviews"] == []
    assert set(account["stacks"]) == {"farebox-dev-data", "farebox-dev-base", "farebox-dev"}


def test_later_checks_try_what_was_handed_on(deployed: Machine) -> None:
    deployed.set(checked=[])
    assert deployed.run("check").returncode == 0
    assert deployed.account["checked"][-1]["TableName"] == "UserCredits-dev"
    assert deployed.account["executed"] == []


def test_a_check_that_cannot_read_what_is_there_is_no_acceptance(deployed: Machine) -> None:
    deployed.set(silent=True, checked=[])
    done = deployed.run("check")
    assert (done.returncode, "is accepted" in done.stderr) == (1, False)


_ADDRESS = {"DomainName": "Api.example.com", "HostedZoneId": "Z1"}


@pytest.mark.parametrize("name", ["example.com.", "api.EXAMPLE.com."])
def test_a_public_zone_that_holds_the_name_is_accepted(
    machine: Machine, tmp_path: Path, name: str
) -> None:
    machine.set(zones={"Z1": [name, False]})
    root = choosing(ROOT, tmp_path, "dev", base=_ADDRESS)
    done = machine.run("check", root=root)
    assert (done.returncode, "is accepted" in done.stderr) == (0, True)


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ({}, "This account has no zone Z1. Correct HostedZoneId in"),
        ({"Z1": ["example.org.", False]}, "holds example.org, and api.example.com is no part"),
        ({"Z1": ["i.example.com.", False]}, "Correct HostedZoneId or DomainName in"),
        ({"Z1": ["example.com.", True]}, "Name the public zone of api.example.com as HostedZoneId"),
        ({"Z1": "ThrottlingException"}, "The zone Z1 was not checked; nothing was changed."),
        ({"Z1": "AccessDenied: no"}, "AccessDenied: no (A deploy role gets the right by: make"),
    ],
)
def test_any_other_zone_stops_a_release_before_anything_is_made(
    machine: Machine, tmp_path: Path, zones: dict[str, object], said: str
) -> None:
    machine.set(zones=zones)
    root = choosing(ROOT, tmp_path, "dev", base=_ADDRESS)
    done = machine.run("deploy", root=root)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert "nothing was changed" in done.stderr
    account = machine.account
    assert (account["executed"], account["docker"], account["objects"]) == ([], [], {})
    assert (account["stacks"], account["reviews"]) == ({}, [])
    assert account["secrets"] == {"arn:kling": {"v": "key"}}


def test_a_zone_is_read_only_where_one_is_given(first: Run) -> None:
    """The account of the first deployment has none, and would refuse."""
    assert first[0].returncode == 0
