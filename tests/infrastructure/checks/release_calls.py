"""Release scripts, run with stand-ins for AWS, Docker, Git and curl: what they call, in which
order, and what they refuse."""

from collections.abc import Iterator

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.scripts import Ran, Responses, run

_IMAGE = "1.dkr.ecr/farebox-staging@sha256:" + "1" * 64
_FORMER = "1.dkr.ecr/farebox-staging@sha256:" + "2" * 64
_COMMIT = "c" * 40
# Every output of the base stack that a script reads, and of the service stack.
_BASE = {
    "Url": "https://api.example.com",
    "BalancerName": "balancer.example.com",
    "TaskSubnets": "a,b",
    "WorkerSecurityGroup": "sg",
    "TaskPublicAddress": "DISABLED",
}
_OUTPUTS = {
    "ClusterName": "cluster",
    "WebServiceName": "web-1",
    "WorkerServiceName": "worker-1",
    "RelayServiceName": "relay-1",
    "ImageUri": _IMAGE,
    "PreviousImageUri": _FORMER,
    "OperatorTask": "operator:7",
    "RepairRoleArn": "arn:repair",
}
_DATA = {
    "RepositoryUri": "1.dkr.ecr/farebox-staging",
    "KeysSecretArn": "arn:keys",
    "AccessTokenKeysSecretArn": "arn:access",
    "KlingSecretArn": "arn:kling",
    "TableName": "UserCredits-staging",
    "TemplatesBucket": "templates",
    "TemplatesUrl": "https://templates",
}
STAGING = {"STAGE": "staging", "YES": "1", "SMOKE_TRIES": "1", "ROLE_PAUSE_SECONDS": "0"}


_CHANGE, _HOW = ("change",), ("previous", "parameters.json")
_OURS = [*_CHANGE, "farebox-staging", *_HOW]


def _listed(outputs: dict[str, str]) -> str:
    return "\n".join(f"{name}\t{value}" for name, value in outputs.items())


_STACKS: Responses = (
    ("*describe-stacks*farebox-staging-data*Outputs\\[\\]*", _listed(_DATA), 0),
    ("*describe-stacks*farebox-staging-data*StackStatus*", "UPDATE_COMPLETE", 0),
    ("*describe-stacks*farebox-staging-data*Outputs*", "[]", 0),
    ("*describe-stacks*farebox-staging-base*Outputs\\[\\]*", _listed(_BASE), 0),
    ("*describe-stacks*farebox-staging-base*StackStatus*", "UPDATE_COMPLETE", 0),
    ("*describe-stacks*farebox-staging-base*Outputs*", "[]", 0),
    ("*describe-stacks*farebox-staging\\ *Outputs*", _listed(_OUTPUTS), 0),
    ("*describe-stacks*farebox-staging\\ *StackStatus*", "UPDATE_COMPLETE", 0),
    ("*describe-stacks*farebox-staging\\ *ParameterKey*", '["ImageUri","Stage"]', 0),
)
_SERVICE_LIVES: Responses = (
    ("curl*openapi.json*", '{"openapi": "3.1.0"}', 0),
    ("curl*/credits*", "401", 0),
    ("curl*/health*", "200", 0),
    ("*describe-services*desiredCount*", "2", 0),
)
_COMMITS: Responses = (
    ("git*rev-parse*", _COMMIT, 0),
    ("*describe-images*imageTags*", _COMMIT, 0),
    ("*describe-images*imageDigest*", "sha256:" + "1" * 64, 0),
)
_KEYS_THERE: Responses = (("*describe-secret*", "1", 0),)
ALL = _STACKS + _SERVICE_LIVES + _COMMITS + _KEYS_THERE


def _services() -> list[str]:
    """What the outputs of the stack call its services here, the relay's included."""
    return [value for name, value in _OUTPUTS.items() if name.endswith("ServiceName")]


def a_pause_stops_every_service_and_keeps_it_stopped(deployment: Deployment) -> Iterator[str]:
    """Scaling is suspended first: it would start the minimum number of tasks again."""
    if not deployment.production:
        return
    done = run(deployment.root, ["pause"], ALL, STAGING)
    yield from _ended(done, 0)
    for service in _services():
        suspended = done.first("register-scalable-target", f"service/cluster/{service} ")
        stopped = done.first("update-service", f"--service {service} ", "--desired-count 0")
        wanted = "DynamicScalingInSuspended=true,DynamicScalingOutSuspended=true"
        state = f"{wanted},ScheduledScalingSuspended=true"
        if not suspended < stopped < done.first("wait services-stable", service):
            yield f"pause: {service} is not suspended, stopped and waited for in this order"
        if f"--suspended-state {state}" not in done.calls[suspended]:
            yield f"pause: {done.calls[suspended]}"
        if "ecs:service:DesiredCount" not in done.calls[suspended]:
            yield f"pause: {done.calls[suspended]}"
    if len(done.at("update-service")) != len(_services()):
        yield "pause: a service is stopped twice or is not ours"
    yield from _ended(run(deployment.root, ["pause"], ALL, STAGING | {"YES": ""}), 1)


def a_resume_starts_every_service_at_its_minimum(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    scaled: Responses = (("*describe-scalable-targets*", "3", 0),)
    done = run(deployment.root, ["resume"], scaled + ALL, STAGING)
    yield from _ended(done, 0)
    for service in _services():
        bounds = done.first("describe-scalable-targets", f"service/cluster/{service} ")
        started = done.first("update-service", f"--service {service} ", "--desired-count 3")
        scaling = done.first("register-scalable-target", f"service/cluster/{service} ")
        stable = done.first("wait services-stable", service)
        if not bounds < started < scaling < stable < done.first("curl"):
            yield f"resume: {service} is not read, started, scaled, waited for and tested in order"
        wanted = "DynamicScalingInSuspended=false,DynamicScalingOutSuspended=false"
        if f"--suspended-state {wanted},ScheduledScalingSuspended=false" not in done.calls[scaling]:
            yield f"resume: {done.calls[scaling]}"
        if "ScalableTargets[0].MinCapacity" not in done.calls[bounds]:
            yield f"resume: {done.calls[bounds]}"


def a_restart_replaces_every_task_and_tests(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    done = run(deployment.root, ["restart"], ALL, STAGING)
    yield from _ended(done, 0)
    for service in _services():
        replaced = done.first("update-service", f"--service {service} ", "--force-new-deployment")
        if not replaced < done.first("wait services-stable", service) < done.first("curl"):
            yield f"restart: {service} is not replaced, waited for and tested in this order"


def a_test_of_a_deployment_believes_only_farebox(deployment: Deployment) -> Iterator[str]:
    """It connects to the balancer by name: the record of the domain may not be there yet."""
    if not deployment.production:
        return
    cases: tuple[tuple[str, Responses, int], ...] = (
        ("all is well", (), 0),
        ("it is not ready", (("curl*/health*", "503", 0),), 1),
        ("another service responds", (("curl*openapi.json*", "<html>", 0),), 1),
        ("everybody is let in", (("curl*/credits*", "200", 0),), 1),
        ("it is paused", (("*describe-services*desiredCount*", "0", 0),), 0),
        ("there is none", (("*describe-stacks*", "", 0),), 1),
    )
    for what, responses, code in cases:
        done = run(deployment.root, ["smoke"], responses + ALL, STAGING)
        if done.code != code:
            yield f"smoke: ends with {done.code} when {what}: {done.said[-200:]}"
    done = run(deployment.root, ["smoke"], ALL, STAGING)
    if not all(
        "--connect-to ::balancer.example.com:" in done.calls[one] for one in done.at("curl")
    ):
        yield "smoke: goes to another address than the balancer's"
    if not all("--max-time" in done.calls[one] for one in done.at("curl")):
        yield "smoke: may wait for ever"
    paths = ("/health", "/openapi.json", "/credits")
    if [done.at("curl", f"https://api.example.com{path}") for path in paths].count([]):
        yield f"smoke: requests {done.calls}"


def a_deployment_goes_through_its_steps_in_order(deployment: Deployment) -> Iterator[str]:
    """Data, protection, keys, image, base, service, test; nothing is rolled back when all is
    well."""
    if not deployment.production:
        return
    done = run(deployment.root, ["deploy"], ALL, STAGING)
    yield from _ended(done, 0)
    order = [
        done.first("git", "merge-base --is-ancestor", _COMMIT),
        done.first("create-change-set", "--stack-name farebox-staging-check-", "name service "),
        done.first("create-change-set", "--stack-name farebox-staging-data "),
        done.first("execute-change-set", "--stack-name farebox-staging-data "),
        done.first("wait stack-update-complete", "farebox-staging-data "),
        done.first("update-termination-protection", "farebox-staging-data", "--enable-"),
        done.first("describe-secret", "arn:keys"),
        done.first("describe-images", "imageDetails[0].imageDigest"),
        done.first("s3 cp", "s3://templates/farebox-staging-base/"),
        done.first("create-change-set", "--stack-name farebox-staging-base "),
        done.first("execute-change-set", "--stack-name farebox-staging-base "),
        done.first("wait stack-update-complete", "farebox-staging-base "),
        done.first("get-template", "farebox-staging "),
        done.first("s3 cp", "s3://templates/farebox-staging/"),
        done.first("create-change-set", "--stack-name farebox-staging "),
        done.first("execute-change-set", "--stack-name farebox-staging "),
        done.first("wait stack-update-complete", "--stack-name farebox-staging "),
        done.first("curl", "/health"),
        done.first("describe-alarms"),
    ]
    if order != sorted(order):
        yield f"deploy: the steps come in the order {order}"
    tried = done.at("create-change-set", "farebox-staging-check-")
    if any("farebox-staging-check-" in done.calls[at] for at in done.at("execute-change-set")):
        yield "deploy: what is only tried is made"
    for place in sorted(set(done.at("create-change-set")) - set(tried)):
        for part in (
            "--capabilities CAPABILITY_IAM",
            "Key=stage,Value=staging",
            "--change-set-type UPDATE",
        ):
            if part not in done.calls[place]:
                yield f"deploy: a change set without {part}"
    if not all(
        "--retain-except-on-create" in done.calls[at] for at in done.at("execute-change-set")
    ):
        yield "deploy: what a failed first deployment leaves blocks the next"
    if len(done.at("execute-change-set")) != 3 or done.at("put-secret-value"):
        yield "deploy: more than three stacks are changed, or keys are made anew"


def a_deployment_that_fails_its_test_is_taken_back(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    broken: Responses = (("curl*/health*", "503", 0),)
    done = run(deployment.root, ["deploy"], broken + ALL, STAGING)
    yield from _ended(done, 1)
    changed = done.at("execute-change-set", "--stack-name farebox-staging ")
    if len(changed) != 2 or not done.first("curl") < changed[1]:
        yield f"deploy: after a failed test the stack is changed {len(changed) - 1} times"
    if len(done.at("execute-change-set", "--stack-name farebox-staging-base ")) != 1:
        yield "deploy: after a failed test more than the service stack is taken back"
    if not any("former" in done.calls[at] for at in done.at("create-change-set")):
        yield "deploy: it is not the former template and parameters that come back"
    if "was rolled back" not in done.said:
        yield f"deploy: says {done.said[-200:]}"


def what_must_not_be_deployed_is_refused(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    forward: Responses = (("git*merge-base*", "", 1),)
    dirty: Responses = (("git*status*", " M service/app.py", 0), ("*imageDigest*", "", 0))
    lost: Responses = (("*describe-change-set*BackupSelection*", "Table", 0),)
    cases: tuple[tuple[str, list[str], Responses, dict[str, str], int], ...] = (
        ("an older commit", ["deploy"], forward, {}, 1),
        ("an older commit that is meant", ["deploy"], forward, {"BACKWARDS": "1"}, 0),
        ("changes that are not committed", ["image"], dirty, {}, 1),
        ("the loss of a table", [*_CHANGE, "farebox-staging-data", *_HOW], lost, {}, 1),
        (
            "the loss of a table that is meant",
            [*_CHANGE, "farebox-staging-data", *_HOW],
            lost,
            {"ALLOW_LOSS": "1"},
            0,
        ),
        ("no stage", ["deploy"], (), {"STAGE": ""}, 2),
        ("another stage", ["deploy"], (), {"STAGE": "test"}, 2),
        ("no confirmation", ["deploy"], (), {"YES": ""}, 1),
        ("a stack that is stuck", _OURS, _status("UPDATE_ROLLBACK_FAILED"), {}, 1),
        ("a stack that is changing", _OURS, _status("UPDATE_IN_PROGRESS"), {}, 1),
        ("a change without a change", _OURS, _unchanged(), {}, 0),
        ("a change that AWS refuses", _OURS, _unchanged("no such key"), {}, 1),
        ("no image before", ["rollback"], _without("PreviousImageUri"), {}, 1),
        ("an unknown step", ["rotate", "drop-pepper"], (), {}, 1),
        ("a failing AWS", ["status"], (("*describe-stacks*", "", 255),), {}, 1),
    )
    for what, words, responses, environment, code in cases:
        done = run(deployment.root, words, responses + ALL, STAGING | environment)
        if done.code != code:
            yield f"{words[0]}: ends with {done.code} for {what}: {done.said[-200:]}"
        if code and done.at("execute-change-set", "--stack-name farebox-staging "):
            yield f"{words[0]}: changes the service for {what}"


def keys_are_made_once_and_never_shown(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    fresh: Responses = (
        ("*describe-secret*arn:kling*", "1", 0),
        ("*describe-secret*", "0", 0),
        ("*get-item*", "None", 0),
    )
    done = run(deployment.root, ["keys"], fresh + _STACKS, STAGING)
    yield from _ended(done, 0)
    for secret in ("arn:keys", "arn:access"):
        made = done.calls[done.first("put-secret-value", f"--secret-id {secret} ")]
        if "--client-request-token farebox-first-keys-of-this-deployment" not in made:
            yield f"keys: {secret} could be set twice"
        if "--secret-string file:///dev/fd/" not in made:
            yield f"keys: every process of the machine can read {secret}"
    if not done.first("get-item", "--consistent-read", "USERS") < done.first("put-secret-value"):
        yield "keys: made before it is known that there are no users"
    if done.at("put-secret-value", "arn:kling"):
        yield "keys: Kling's are not ours to make"
    users: Responses = (("*get-item*", "12", 0),)
    done = run(deployment.root, ["keys"], users + fresh + _STACKS, STAGING)
    if done.code != 1 or done.at("put-secret-value"):
        yield "keys: made anew for a table that has users"
    done = run(deployment.root, ["keys"], ALL, STAGING)
    if done.code or done.at("put-secret-value"):
        yield "keys: made anew although there are some"


def a_rollback_swaps_two_images_and_changes_nothing_else(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    done = run(deployment.root, ["rollback"], ALL, STAGING)
    yield from _ended(done, 0)
    made = done.calls[done.first("create-change-set")]
    if "--use-previous-template" not in made or len(done.at("create-change-set")) != 1:
        yield f"rollback: {made}"
    if not done.first("execute-change-set") < done.first("curl") < done.first("describe-alarms"):
        yield "rollback: is not tested and shown after the change"


def an_operators_command_runs_as_a_task_of_its_own(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        return
    started: Responses = (
        ("*run-task*", "arn:task/1", 0),
        ("*describe-tasks*lastStatus*", "STOPPED", 0),
        ("*describe-tasks*exitCode*", "3", 0),
    )
    for words, role in ((["audit"], ""), (["audit", "--repair"], "arn:repair")):
        done = run(deployment.root, ["operate", *words], started + ALL, STAGING)
        yield from _ended(done, 3)
        made = done.calls[done.first("run-task")]
        network = "awsvpcConfiguration={subnets=[a,b],securityGroups=[sg],assignPublicIp=DISABLED}"
        for part in ("--cluster cluster", "operator:7", "--launch-type FARGATE", network):
            if part not in made:
                yield f"operate: starts a task without {part}"
        if (f'"taskRoleArn": "{role}"' in made) is not bool(role):
            yield f"operate: {words} runs with the role {role or 'of a repair'}"


def _unchanged(reason: str = "The submitted information didn't contain changes.") -> Responses:
    return (
        ("*wait\\ change-set-create-complete*", "", 255),
        ("*describe-change-set*StatusReason*", f"FAILED\t{reason}", 0),
    )


def _status(word: str) -> Responses:
    return (("*describe-stacks*StackStatus*", word, 0),)


def _without(name: str) -> Responses:
    left = {key: value for key, value in _OUTPUTS.items() if key != name}
    return (("*describe-stacks*farebox-staging\\ *Outputs*", _listed(left), 0),)


def _ended(done: Ran, code: int) -> Iterator[str]:
    if done.code != code:
        yield f"a script ends with {done.code}, not {code}: {done.said[-300:]}"
