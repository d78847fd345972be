"""`release/join.py`: the parts of a template become one, and nothing is lost or stands twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from devstack.template import parse_template
from release.join import joined, short, text_of

ROOT = Path(__file__).resolve().parents[2]
TOP = """# What it is about.

AWSTemplateFormatVersion: "2010-09-09"

Parameters:
  Stage: {Type: String}

Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      # Why.
      Tags: !Fragment Tags
"""
MORE = """# More.

Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      <<: !Fragment Tagged
      Subscription:
        - !Fragment Subscribers
        - {Protocol: sms}

Fragments:
  Tags:
    - {Key: stage, Value: !Ref Stage}
  Tagged:
    Tags: !Fragment Tags
  Subscribers:
    - Protocol: email
      Endpoint: a@b.c
"""
WHOLE = """AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage: {Type: String}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      # Why.
      Tags:
        - {Key: stage, Value: !Ref Stage}
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      Tags:
        - {Key: stage, Value: !Ref Stage}
      Subscription:
        - Protocol: email
          Endpoint: a@b.c
        - {Protocol: sms}
"""


def test_sections_are_joined_and_fragments_stand_where_they_are_used() -> None:
    assert joined([TOP, MORE]) == WHOLE


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("Resources:\n  Queue:\n    Type: X\n", "declares twice: Queue"),
        ('AWSTemplateFormatVersion: "2010-09-09"\n', "stands in two parts"),
        ("Resources:\n  A:\n    B: !Fragment Missing\n", "Missing is no fragment"),
        ("Resources:\n  A: {B: !Fragment Tags}\n", "cannot stand here"),
        ("Fragments:\n  Idle:\n    A: 1\n", "No line uses the fragments"),
        ("Fragments:\n  Tags:\n    - A\n", "declares twice: Tags"),
        ("Fragments:\n  Loop:\n    A: !Fragment Loop\nOutputs:\n  B: !Fragment Loop\n", "itself"),
        ("Resource:\n  A:\n    B: 1\n", "is no section"),
        ("Outputs:\n  A: 1\nOutputs:\n  B: 1\n", "stands twice"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(part: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        joined([TOP, MORE, part])


def test_a_template_is_a_file_or_its_parts_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text("Resources: {}\n")
    assert text_of(tmp_path / "whole.yaml") == "Resources: {}\n"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "b.yaml").write_text(MORE)
    (tmp_path / "parts" / "a.yaml").write_text(TOP)
    assert text_of(tmp_path / "parts.yaml") == WHOLE
    with pytest.raises(OSError, match="neither"):
        text_of(tmp_path / "none.yaml")


LISTS = """Outputs:
    A:
        - - x # One.
          - y: 1

            z: 2
        # Why.
        - [a,
               b]
    B: >-
        c
        d
"""


@pytest.mark.parametrize("name", ["account", "data", "base"])
def test_a_template_says_the_same_when_it_is_short(name: str) -> None:
    text = text_of(ROOT / "cloudformation" / f"{name}.yaml")
    assert parse_template(short(text)) == parse_template(text)
    assert len(short(text)) < 0.95 * len(text)


def test_each_level_of_a_short_template_is_one_space() -> None:
    assert short(LISTS) == (
        "Outputs:\n A:\n  - - x # One.\n    - y: 1\n      z: 2\n  - [a,\n     b]\n"
        " B: >-\n  c\n  d\n"
    )
    assert parse_template(short(LISTS)) == parse_template(LISTS)


def test_every_template_is_joined_by_a_bare_python_and_a_fault_ends_in_an_error(
    tmp_path: Path,
) -> None:
    """As on the machine of an operator, without any package."""
    script = [sys.executable, "-I", "-S", str(ROOT / "release" / "join.py")]
    for name in ("data", "base", "service"):
        template = ROOT / "cloudformation" / f"{name}.yaml"
        done = subprocess.run([*script, str(template)], capture_output=True, text=True, check=True)
        assert done.stdout == text_of(template)
        assert "Fragment" not in done.stdout
        done = subprocess.run(
            [*script, str(template), "--short"], capture_output=True, text=True, check=True
        )
        assert done.stdout == short(text_of(template))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.yaml").write_text("Resource:\n")
    done = subprocess.run(
        [*script, str(tmp_path / "torn.yaml")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no section" in done.stderr
