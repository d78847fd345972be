"""What each workflow runs, word by word, and that nothing lets a failure pass; what the commands
of the checks are made of."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.texts import plain_yaml
from tests.proof.proofs import proofs

_HAPROXY = "sudo apt-get update -qq && sudo apt-get install --yes -qq haproxy"
_LOAD = 'gunzip --stdout "$RUNNER_TEMP/farebox.tar.gz" | docker load'
# The commands of each job, in their order.
COMMANDS: Mapping[str, list[str]] = {
    "check.check": [_HAPROXY, ".ci/run"],
    "deploy.check": [_HAPROXY, ".ci/run"],
    "deploy.build": ['image=$(release/build) && docker save "$image" | gzip > farebox.tar.gz'],
    "deploy.staging": [_LOAD, "make deploy STAGE=staging YES=1"],
    "deploy.production": [_LOAD, "make deploy STAGE=production YES=1"],
    "proof.proof": [_HAPROXY, "make proof ONLY=${{ matrix.proof }}"],
    "supply-chain.audit": ["make sbom", "make supply-chain"],
}
# What workflows, jobs and steps are made of. `if`, `continue-on-error`, `defaults`, `shell` and
# `container` could let a failure pass, or run something else.
_OF_A_WORKFLOW = {"name", True, "permissions", "jobs"}
_OF_A_JOB = {
    *("runs-on", "timeout-minutes", "strategy", "steps", "needs", "if", "environment"),
    *("concurrency", "permissions"),
}
_OF_A_STEP = {"uses", "with", "run", "env"}
_CONDITIONS = {"deploy.check": "github.ref == 'refs/heads/main'"}
_STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "check.check": {"matrix": {"python": ["3.11", "3.13"]}},
}
_ENVIRONMENTS: Mapping[str, dict[str, str]] = {
    "check.check": {"CONTAINERS_REQUIRED": "1"},
    "deploy.check": {"CONTAINERS_REQUIRED": "1"},
    "deploy.build": {"STAGE": "staging"},
}
# What the actions are given where it decides what is checked or built.
_GIVEN = {
    "actions/setup-python": {"python-version": ("3.13", "${{ matrix.python }}")},
    "actions/setup-node": {"node-version": ("22",), "cache": ("npm",)},
    "actions/upload-artifact": {"if-no-files-found": ("error",)},
}
_CRON = {"proof": "17 1 * * *", "supply-chain": "43 4 * * *"}
_CI = [
    "set -euo pipefail",
    'cd "$(dirname "$0")/.."',
    "export HYPOTHESIS_PROFILE=ci",
    "make .venv/test .venv/container",
    "log=$(mktemp)",
    'make check-container >"$log" 2>&1 &',
    "container=$!",
    "failed=0",
    "make check || failed=$?",
    'wait "$container" || failed=$?',
    'cat "$log"',
    'rm "$log"',
    'exit "$failed"',
]
_NOT_CHECKED_HERE = "-m 'not sample and not tools and not browser and not clients and not go'"
# Targets of the Makefile that a check or a release depends on: what they need and run.
TARGETS: Mapping[str, tuple[str, list[str]]] = {
    "check": (
        "format-check lint types test",
        ["@$(PYTEST) $(PATIENT) -m 'sample or tools or browser or clients or go' $(SAMPLES)"],
    ),
    "test": ("$(VENV)/test", [f"@$(PYTEST) $(RECORDER) {_NOT_CHECKED_HERE}"]),
    "format-check": (
        "$(VENV)/test",
        ["@$(VENV)/bin/ruff format --check --quiet service devstack tests docker release"],
    ),
    "lint": (
        "$(VENV)/test",
        ["@$(VENV)/bin/ruff check --quiet service devstack tests docker release"],
    ),
    "types": ("$(VENV)/test", ["@$(VENV)/bin/mypy --no-error-summary"]),
    "proof": ("$(VENV)/test", ["@$(RUN) -m tests.proof $(ONLY) $(if $(RESUME),--resume)"]),
    "check-container": ("$(VENV)/test $(VENV)/container", ["@$(RUN) -m tests.container"]),
    "supply-chain": (
        "$(SUPPLY_CHAIN)/installed",
        [
            '@set -e; for pins in requirements/*.txt; do echo "$$pins"; \\',
            "$(SUPPLY_CHAIN)/bin/pip-audit --strict --disable-pip --require-hashes"
            " --progress-spinner off -r $$pins; done",
        ],
    ),
    "account": ("", ["@release/account"]),
    "image": ("", ["@release/image"]),
    "deploy": ("", ["@release/deploy"]),
    "settings": ("", ["@release/settings"]),
    "rollback": ("", ["@release/rollback"]),
    "status": ("", ["@release/status"]),
}


def every_job_runs_these_commands_and_no_others(deployment: Deployment) -> Iterator[str]:
    found = dict(_jobs(deployment))
    if set(found) != set(COMMANDS):
        yield f"the jobs are {sorted(found)}: list the commands of each in COMMANDS"
    for name, job in found.items():
        commands = [str(step["run"]).strip() for step in job["steps"] if "run" in step]
        if commands != COMMANDS.get(name):
            yield f"{name} runs {commands}"
        given = {key: str(value) for step in job["steps"] for key, value in _env(step).items()}
        if given != _ENVIRONMENTS.get(name, {}):
            yield f"{name} runs its commands with {given}"


def nothing_lets_a_failure_pass(deployment: Deployment) -> Iterator[str]:
    """No condition of its own, no step that may fail, no shell that goes on after an error."""
    for name, workflow in _workflows(deployment).items():
        if unknown := set(workflow) - _OF_A_WORKFLOW:
            yield f"{name} has {sorted(map(str, unknown))}"
    for name, job in _jobs(deployment):
        if unknown := set(job) - _OF_A_JOB:
            yield f"{name} has {sorted(unknown)}"
        if job.get("if") != _CONDITIONS.get(name):
            yield f"{name} runs if {job.get('if')}"
        for step in job["steps"]:
            if unknown := set(step) - _OF_A_STEP:
                yield f"a step of {name} has {sorted(unknown)}"
            command = str(step.get("run", ""))
            if re.search(r"\|\||;|\bset \+|\btrue\b|\bexit\b|&\s*$", command):
                yield f"{name} may pass although it fails: {command}"


def every_action_is_given_what_decides(deployment: Deployment) -> Iterator[str]:
    for name, job in _jobs(deployment):
        for step in job["steps"]:
            action = str(step.get("uses", "")).partition("@")[0]
            for key, allowed in _GIVEN.get(action, {}).items():
                if str(step.get("with", {}).get(key)) not in allowed:
                    yield f"{name}: {action} has {key}={step.get('with', {}).get(key)}"
        uses = [str(step["uses"]).partition("@")[0] for step in job["steps"] if "uses" in step]
        if uses[0] != "actions/checkout":
            yield f"{name} begins with {uses[0]}"
        strategy = job.get("strategy")
        if name != "proof.proof" and strategy != _STRATEGIES.get(name):
            yield f"{name} runs with {strategy}"


def every_proof_is_run_every_night(deployment: Deployment) -> Iterator[str]:
    workflow = _workflows(deployment)["proof"]
    strategy = workflow["jobs"]["proof"]["strategy"]
    listed = list(strategy["matrix"]["proof"])
    wanted = [proof.name for proof in proofs(date(2026, 1, 1))]
    for name in sorted(set(listed) ^ set(wanted)):
        yield f"{name} is {'no proof' if name in listed else 'not run by night'}"
    if len(listed) != len(set(listed)) or set(strategy["matrix"]) != {"proof"}:
        yield f"the proofs of a night are {strategy['matrix']}"
    if strategy.get("fail-fast") is not False:
        yield "a proof that fails stops the others"
    limit = max(proof.max_minutes for proof in proofs(date(2026, 1, 1)))
    if workflow["jobs"]["proof"]["timeout-minutes"] <= limit:
        yield "a proof may take as long as its job: nothing is left to say that it failed"


def what_is_scheduled_runs_once_a_day(deployment: Deployment) -> Iterator[str]:
    for name, workflow in _workflows(deployment).items():
        schedule = (workflow[True] or {}).get("schedule")
        wanted = [{"cron": _CRON[name]}] if name in _CRON else None
        if schedule != wanted:
            yield f"{name} is scheduled at {schedule}"
        for trigger in ("pull_request", "workflow_dispatch"):
            if (workflow[True] or {}).get(trigger):
                yield f"{name} leaves out some: {trigger} {workflow[True][trigger]}"


def a_check_is_made_of_every_part(deployment: Deployment) -> Iterator[str]:
    lines = (deployment.root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line and not line.startswith("#")]
    if found != _CI:
        yield f".ci/run runs {found}"
    text = (deployment.root / "Makefile").read_text(encoding="utf-8")
    for name, (needs, recipe) in TARGETS.items():
        lines = re.findall(rf"^{name}:(.*)\n((?:\t.*\n)*)", text, re.MULTILINE)
        chosen = [head.strip() for head, _ in lines if ":=" in head]
        if chosen != _CHOSEN.get(name, []):
            yield f"make {name} chooses {chosen}"
        made = [(head, body) for head, body in lines if ":=" not in head]
        if len(made) != 1:
            yield f"make {name} is made {len(made)} times"
            continue
        head, body = made[0]
        if head.partition("##")[0].strip() != needs:
            yield f"make {name} needs {head.partition('##')[0].strip()}"
        if [line.strip() for line in body.splitlines()] != recipe:
            yield f"make {name} runs {body.strip()}"
    for name in _NAMES:
        values = re.findall(rf"^{re.escape(name)}\s*[:?+]?[=:] ?(.*)$", text, re.MULTILINE)
        if values != _VARIABLES.get(name, []):
            yield f"make's {name} is {values}"


# What a target chooses for those that it needs. The recorder keeps what the tests send.
_CHOSEN = {
    "check": [
        "export STRIPE_REQUESTS := $(CURDIR)/.cache/stripe-requests",
        "RECORDER := -p tests.stripe_mock.recorder",
    ]
}
_NAMES = (
    *("PYTEST", "PATIENT", "SAMPLES", "RECORDER"),
    *("RUN", "SHELL", ".SHELLFLAGS", "MAKEFLAGS", ".IGNORE"),
)
_VARIABLES = {
    "PATIENT": ["-n 4"],
    "PYTEST": ["$(RUN) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder"],
    "RUN": ["$(VENV)/bin/python"],
    "SHELL": ["/bin/bash"],
    "SAMPLES": [
        r"$$(grep -rlE 'pytest\.mark\.(sample|tools|browser|clients|go)\b'"
        r" --include='test_*.py' tests)"
    ],
}


def _workflows(deployment: Deployment) -> dict[str, dict[Any, Any]]:
    folder = deployment.root / ".github" / "workflows"
    return {
        path.stem: plain_yaml(path.read_text(encoding="utf-8")) for path in sorted(folder.iterdir())
    }


def _jobs(deployment: Deployment) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in _workflows(deployment).items():
        for job_name, job in workflow["jobs"].items():
            yield f"{name}.{job_name}", job


def _env(step: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = step.get("env", {})
    return found
