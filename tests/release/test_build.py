"""`release/build` and `release/image`: the image of a commit."""

from pathlib import Path

import pytest
import yaml

from devstack.template import parse_template
from release.join import text_of
from tests.release.machine import ROOT, Machine, Run
from tests.release.pretended_aws import BASE


def test_an_image_is_built_on_a_base_named_by_digest_and_labelled_with_it(
    first: Run,
) -> None:
    build = first[1]["build"]
    assert f"BASE_IMAGE={BASE}" in build
    assert f"org.opencontainers.image.base.name={BASE}" in build
    assert "org.opencontainers.image.revision=c0ffee-arm64" in build
    assert build[build.index("--platform") + 1] == "linux/arm64"


def test_a_base_image_named_by_digest_is_not_resolved_again(deployed: Machine) -> None:
    deployed.set(commit="decaf")
    assert deployed.run("build", BASE_IMAGE=BASE).stdout == "farebox:decaf-arm64\n"
    assert deployed.account["docker"] == ["image", "build"]


@pytest.mark.parametrize(
    ("parameters", "tag"),
    [
        ('{"service": {"CpuArchitecture": "ARM64"}}', "c0ffee-arm64\n"),
        ('{"service": {"CpuArchitecture": "X86_64"}}', "c0ffee\n"),
        ('{"service": {}}', "c0ffee-arm64\n"),
    ],
)
def test_an_image_is_for_the_processors_of_its_stage(
    deployed: Machine, tmp_path: Path, parameters: str, tag: str
) -> None:
    """The template decides, unless the parameters of the stage differ."""
    file = tmp_path / "parameters.json"
    file.write_text(parameters)
    script = f"source {ROOT}/release/stage.sh; PARAMETERS={file}; release_tag"
    assert deployed.shell(script) == tag


def test_the_pipeline_builds_on_the_processors_that_the_image_is_for() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]
    template = parse_template(text_of(ROOT / "cloudformation" / "service.yaml"))
    decided = template["Parameters"]["CpuArchitecture"]["Default"]
    assert jobs["build"]["runs-on"].endswith("-arm") == (decided == "ARM64")


def test_uncommitted_changes_are_deployed_to_dev_only(deployed: Machine) -> None:
    stacks = deployed.account["stacks"]
    deployed.set(
        dirt=" M service/app.py", stacks={"farebox-staging-data": stacks["farebox-dev-data"]}
    )
    done = deployed.run("image", stage="staging")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not committed" in done.stderr
