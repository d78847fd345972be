"""`release/build` and `release/image`: the image of a commit."""

from pathlib import Path

from tests.release.machine import ROOT, Machine, Run
from tests.release.pretended_aws import BASE


def test_an_image_is_built_on_a_base_named_by_digest_and_labelled_with_it(
    first: Run,
) -> None:
    build = first[1]["build"]
    assert f"BASE_IMAGE={BASE}" in build
    assert f"org.opencontainers.image.base.name={BASE}" in build
    assert "org.opencontainers.image.revision=c0ffee" in build


def test_a_base_image_named_by_digest_is_not_resolved_again(deployed: Machine) -> None:
    deployed.set(commit="decaf")
    assert deployed.run("build", BASE_IMAGE=BASE).stdout == "farebox:decaf\n"
    assert deployed.account["docker"] == ["image", "build"]


def test_an_arm_image_has_a_tag_of_its_own(deployed: Machine, tmp_path: Path) -> None:
    parameters = tmp_path / "parameters.json"
    parameters.write_text('{"service": {"CpuArchitecture": "ARM64"}}')
    script = f"source {ROOT}/release/stage.sh; PARAMETERS={parameters}; release_tag"
    assert deployed.shell(script) == "c0ffee-arm64\n"


def test_uncommitted_changes_are_deployed_to_dev_only(deployed: Machine) -> None:
    stacks = deployed.account["stacks"]
    deployed.set(
        dirt=" M service/app.py", stacks={"farebox-staging-data": stacks["farebox-dev-data"]}
    )
    done = deployed.run("image", stage="staging")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not committed" in done.stderr
