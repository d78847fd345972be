"""Every script, target and section that the runbook names exists, and the pipeline runs only pinned
actions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.template import parse_template
from release.join import text_of

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
TEMPLATE = text_of(ROOT / "cloudformation" / "service.yaml")
SERVICE = parse_template(TEMPLATE)
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def sections() -> set[str]:
    """The addresses of all headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.M)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def alarms() -> dict[str, str]:
    """Each alarm's description, as the template has it, by its name."""
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    resources = SERVICE["Resources"].items()
    return {
        name: resource["Properties"]["AlarmDescription"]["Fn::Sub"]
        for name, resource in resources
        if resource["Type"] in kinds
    }


def test_every_alarm_names_a_section_of_the_runbook_and_every_such_section_an_alarm() -> None:
    named = {re.findall(r"\$\{RunbookUrl}#([a-z-]+)$", text)[0] for text in alarms().values()}
    assert named <= sections()
    assert {section for section in sections() if section.startswith("alarm-")} <= named


def test_every_alarm_names_a_command_that_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for text in alarms().values():
        command = re.findall(r"Run: make ([a-z]+) STAGE=\$\{Stage}", text)
        assert set(command) < targets, text
        assert command, text


def test_every_link_inside_the_runbook_has_a_target() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= sections()


def test_the_runbook_names_only_existing_scripts_and_targets() -> None:
    scripts = set(re.findall(r"\brelease/([a-z]+)\b(?!\.)", RUNBOOK))
    assert scripts <= {path.name for path in (ROOT / "release").iterdir()}
    targets = set(re.findall(r"`make ([a-z-]+)", RUNBOOK))
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def test_the_runbook_names_only_log_events_and_fields_that_the_code_writes() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", RUNBOOK)) | set(
        re.findall(r"event = \"(\w+)\"", RUNBOOK)
    )
    sources = [*(ROOT / "service").rglob("*.py"), ROOT / "cloudformation" / "identity.yaml"]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert {"provider_error", "job_not_resolved", "request_id"} <= named
    assert [
        name for name in sorted(named) if f'"{name}"' not in code and f"{name}=" not in code
    ] == []


def test_the_runbook_labels_exactly_the_alarms_that_page() -> None:
    resources: dict[str, Any] = SERVICE["Resources"]
    pages = [
        body for body in resources.values() if body["Type"] == "AWS::CloudWatch::CompositeAlarm"
    ]
    paging = {
        name
        for page in pages
        for name in re.findall(r"\$\{(\w+)\}", page["Properties"]["AlarmRule"]["Fn::Sub"])
    }
    addresses = {alarms()[name].partition("#")[2] for name in paging}
    marked = set(re.findall(r"^### Alarm: ([a-z ]+)\n\n●", RUNBOOK, re.M))
    assert {f"alarm-{heading.replace(' ', '-')}" for heading in marked} == addresses


def test_the_runbook_names_every_page() -> None:
    pages = re.findall(r"\"?farebox-\$\{Stage\}-page(-[a-z]+)", TEMPLATE)
    assert len(pages) == len(set(pages)) > 1
    assert [
        page for page in pages if f"`{page}`" not in RUNBOOK and f"page{page}`" not in RUNBOOK
    ] == []


@pytest.mark.parametrize(
    "path", [path for path in WORKFLOWS if path.name == "deploy.yml"], ids=lambda path: path.name
)
def test_the_deployment_workflow_runs_only_actions_pinned_by_commit(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    used = [
        step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    assert [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)] == []


def test_only_jobs_with_an_environment_may_assume_a_role_and_staging_comes_first() -> None:
    jobs = yaml.safe_load(
        (ROOT / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8")
    )["jobs"]
    assuming = {
        name for name, job in jobs.items() if job.get("permissions", {}).get("id-token") == "write"
    }
    assert (
        assuming
        == {name for name, job in jobs.items() if "environment" in job}
        == {"staging", "production"}
    )
    assert (jobs["production"]["needs"], jobs["staging"]["needs"], jobs["build"]["needs"]) == (
        "staging",
        "build",
        "check",
    )
