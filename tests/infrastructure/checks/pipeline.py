"""The pipeline and the runbook, parsed: who may deploy, in which order, with which rights, and that
a release is never cut off."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.account import deploy_role
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.texts import plain_yaml

PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")
READ_ONLY = {"contents": "read"}
DEPLOYING = {"contents": "read", "id-token": "write"}
STAGES = ("staging", "production")
# The jobs of the pipeline, each with the one it waits for.
NEEDS = {"check": None, "build": "check", "staging": "build", "production": "staging"}
# Job of a workflow, and how many minutes it may take at most.
MINUTES = {
    "check.check": 45,
    "deploy.check": 45,
    "deploy.build": 20,
    "deploy.staging": 90,
    "deploy.production": 90,
    "proof.proof": 260,
    "supply-chain.audit": 15,
}
# When each workflow runs.
TRIGGERS: Mapping[str, set[str]] = {
    "check": {"push", "pull_request"},
    "deploy": {"push", "workflow_dispatch"},
    "proof": {"schedule", "workflow_dispatch"},
    "supply-chain": {"push", "pull_request", "schedule"},
}


def every_action_is_pinned_and_every_job_is_bounded(deployment: Deployment) -> Iterator[str]:
    found = _workflows(deployment)
    if set(found) != set(TRIGGERS):
        yield f"the workflows are {sorted(found)}: describe each in TRIGGERS"
    for name, workflow in found.items():
        if set(_triggers(workflow)) != TRIGGERS.get(name):
            yield f"{name} runs on {sorted(_triggers(workflow))}"
        push = _triggers(workflow).get("push")
        if push is not None and push != {"branches": ["main"]}:
            yield f"{name} runs on pushes to {push}"
        if workflow["permissions"] != READ_ONLY:
            yield f"{name} has the permissions {workflow['permissions']}"
        for job_name, job in workflow["jobs"].items():
            if job.get("timeout-minutes") != MINUTES.get(f"{name}.{job_name}"):
                yield f"{name}.{job_name} may take {job.get('timeout-minutes')} minutes"
            if job.get("continue-on-error") or "container" in job:
                yield f"{name}.{job_name} may fail unnoticed, or runs elsewhere"
            yield from _steps(f"{name}.{job_name}", job)


def no_checkout_keeps_its_token(deployment: Deployment) -> Iterator[str]:
    """Every job but the one of pull requests, which has no rights, could push with it."""
    for name, workflow in _workflows(deployment).items():
        for job_name, job in workflow["jobs"].items():
            for step in job["steps"]:
                is_checkout = step.get("uses", "").startswith("actions/checkout")
                keeps = step.get("with", {}).get("persist-credentials") is not False
                if is_checkout and keeps and name != "check":
                    yield f"{name}.{job_name} keeps the token of its checkout"


def a_commit_is_checked_built_once_and_deployed_in_order(
    deployment: Deployment,
) -> Iterator[str]:
    jobs = _workflows(deployment)["deploy"]["jobs"]
    if set(jobs) != set(NEEDS):
        yield f"the jobs of a deployment are {sorted(jobs)}"
    for name, needed in NEEDS.items():
        if jobs[name].get("needs") != needed:
            yield f"{name} waits for {jobs[name].get('needs')}, not for {needed}"
        if needed and "if" in jobs[name]:
            yield f"{name} runs under a condition of its own: {jobs[name]['if']}"
    if jobs["check"].get("if") != "github.ref == 'refs/heads/main'":
        yield f"check runs if {jobs['check'].get('if')}: only main is deployed"


def the_check_is_that_of_every_change(deployment: Deployment) -> Iterator[str]:
    for name in ("deploy", "check"):
        workflow = _workflows(deployment)[name]
        if ".ci/run" not in _commands(workflow["jobs"]["check"]):
            yield f"{name} does not run .ci/run"
        if '"1"' not in str(_environment(workflow["jobs"]["check"], "CONTAINERS_REQUIRED")):
            yield f"{name} passes without an engine for containers"


def the_image_is_built_once_for_its_processors(deployment: Deployment) -> Iterator[str]:
    jobs = _workflows(deployment)["deploy"]["jobs"]
    arm = deployment.service.parameters["CpuArchitecture"] == "ARM64"
    if str(jobs["build"]["runs-on"]).endswith("-arm") is not arm and deployment.production:
        yield f"build runs on {jobs['build']['runs-on']}, other processors than the tasks have"
    if "release/build" not in " ".join(_commands(jobs["build"])):
        yield "build does not build by release/build"
    kept = [
        step["with"] for step in jobs["build"]["steps"] if "upload-artifact" in step.get("uses", "")
    ]
    if [part.get("if-no-files-found") for part in kept] != ["error"]:
        yield "build passes without an image"


def a_release_has_its_rights_and_is_never_cut_off(deployment: Deployment) -> Iterator[str]:
    """A role of its environment for two hours, the whole history, one release at a time."""
    jobs = _workflows(deployment)["deploy"]["jobs"]
    for stage in STAGES:
        job = jobs[stage]
        if job["environment"] != stage or job["permissions"] != DEPLOYING:
            yield f"{stage} runs in {job['environment']} with {job['permissions']}"
        if job["concurrency"] != {"group": stage, "cancel-in-progress": False}:
            yield f"{stage} may be cut off or run twice: {job['concurrency']}"
        steps = {
            step.get("uses", step.get("run", "")).partition("@")[0]: step for step in job["steps"]
        }
        if steps["actions/checkout"]["with"].get("fetch-depth") != 0:
            yield f"{stage} does not know whether its commit contains the running one"
        role = steps["aws-actions/configure-aws-credentials"]["with"]
        named = deployment.account.of("IAM::Role")[deploy_role(stage)]["RoleName"]
        wanted = f"arn:aws:iam::${{{{ vars.AWS_ACCOUNT_ID }}}}:role/{named}"
        if role["role-to-assume"] != wanted or set(role) != {
            "role-to-assume",
            "aws-region",
            "role-duration-seconds",
        }:
            yield f"{stage} takes {role}"
        max_seconds = deployment.account.of("IAM::Role")[deploy_role(stage)]["MaxSessionDuration"]
        if not 60 * job["timeout-minutes"] <= role["role-duration-seconds"] <= max_seconds:
            yield f"{stage} has its role for {role['role-duration-seconds']} s"
        wanted = f"make deploy STAGE={stage} YES=1"
        if (
            _commands(job)[-1] != wanted
            or len([one for one in _commands(job) if "make" in one]) != 1
        ):
            yield f"{stage} runs {_commands(job)}: it must run {wanted} at last"
        if "docker load" not in " ".join(_commands(job)):
            yield f"{stage} does not load the image that was built"


def no_other_workflow_has_rights_in_the_cloud(deployment: Deployment) -> Iterator[str]:
    for name, workflow in _workflows(deployment).items():
        for job_name, job in workflow["jobs"].items():
            allowed = name == "deploy" and job_name in STAGES
            if ("permissions" in job or "environment" in job) and not allowed:
                yield f"{name}.{job_name} has rights or an environment of its own"
            if "secrets." in str(job) or "pull_request_target" in str(_triggers(workflow)):
                yield f"{name}.{job_name} reads secrets, or runs strangers' code with rights"


def the_runbook_has_the_pipeline_set_up_safely(deployment: Deployment) -> Iterator[str]:
    """What no template can do: an administrator sets up the environments at GitHub."""
    flat = " ".join((deployment.root / "docs" / "runbook.md").read_text(encoding="utf-8").split())
    for needed in (
        "`make account`",
        "`AWS_ACCOUNT_ID` and `AWS_REGION`",
        "**limited to the branch main**",
        "`production` with required reviewers",
    ):
        if needed not in flat:
            yield f"the runbook no longer says: {needed}"


def _workflows(deployment: Deployment) -> dict[str, dict[str, Any]]:
    folder = deployment.root / ".github" / "workflows"
    return {
        path.stem: plain_yaml(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.yml"))
    }


def _triggers(workflow: Mapping[Any, Any]) -> dict[str, Any]:
    """YAML reads the key `on` as true."""
    made: dict[str, Any] = workflow[True]
    return made


def _steps(name: str, job: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"ubuntu-(latest|24\.04(-arm)?)", str(job["runs-on"])):
        yield f"{name} runs on {job['runs-on']}"
    for step in job["steps"]:
        if "uses" in step and not PINNED.fullmatch(step["uses"]):
            yield f"{name} uses {step['uses']}, which is not pinned to a commit"
        if step.get("continue-on-error") or "if" in step:
            yield f"{name} may leave out a step: {step}"


def _commands(job: Mapping[str, Any]) -> list[str]:
    return [str(step["run"]).strip() for step in job["steps"] if "run" in step]


def _environment(job: Mapping[str, Any], name: str) -> list[str]:
    return [f'"{step["env"][name]}"' for step in job["steps"] if name in step.get("env", {})]
