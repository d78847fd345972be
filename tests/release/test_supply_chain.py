"""What we install is audited daily, listed, and kept up to date by proposals."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "supply-chain.yml"
PIN = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)", re.MULTILINE)


def test_the_audit_runs_for_every_change_and_every_day() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    # YAML reads the word `on` as true.
    assert set(workflow[True]) == {"push", "pull_request", "schedule"}
    steps = [step.get("run") for step in workflow["jobs"]["audit"]["steps"]]
    assert {"make supply-chain", "make sbom"} <= set(steps)


def test_the_audit_covers_every_file_of_pins_and_skips_no_package() -> None:
    dry_run = subprocess.run(
        ["make", "--dry-run", "supply-chain"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "requirements/*.txt" in dry_run
    assert "--strict" in dry_run
    for pins in (ROOT / "requirements").glob("*.txt"):
        assert "--hash=sha256:" in pins.read_text(), pins


def test_newer_versions_are_proposed_for_everything_that_is_pinned() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert {each["package-ecosystem"] for each in updates} == {
        *("pip", "github-actions", "docker", "npm")
    }
    proposed = {path for each in updates for path in each.get("directories", ())}
    # A folder whose name begins with a dot is no part of the repository, but a cache.
    for package in ROOT.glob("[!.]*/*/package.json"):
        assert f"/{package.parent.relative_to(ROOT)}" in proposed
    for each in updates:
        for directory in each.get("directories", [each.get("directory")]):
            assert (ROOT / directory.strip("/")).is_dir()


@pytest.mark.tools
@pytest.mark.timeout(600)
def test_the_list_names_every_package_that_the_image_installs(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    subprocess.run(["make", "sbom"], cwd=tmp_path, check=True, capture_output=True)
    listed = json.loads((tmp_path / "build" / "sbom.cdx.json").read_text())
    found = {(each["name"], each["version"]) for each in listed["components"]}
    assert found == set(PIN.findall((ROOT / "requirements" / "base.txt").read_text()))
    assert listed["metadata"]["component"]["name"] == "farebox"
