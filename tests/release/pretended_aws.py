"""Stands in for `aws`, `docker`, `curl` and `git` in tests of the release scripts: the account is
one dict.

Responses have the shapes of the services, and the `--query` expressions of the scripts are applied
to them. Only what the scripts use is supported; anything else is an error."""

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath

from tests.release.pretended_rules import refusal
from tests.release.pretended_stacks import SERVICE_OUTPUTS, outputs_of

Account = dict[str, Any]
Options = dict[str, Any]

BASE = "registry.example/python@sha256:" + "b" * 64

# Longer than the buffer of a pipe, so that a reader that stops early breaks the writer.
DOCUMENT = json.dumps(
    {"openapi": "3.1.0", "paths": {f"/path-{number}": {} for number in range(20_000)}}, indent=1
)

FLAGS = {
    *("only-show-errors", "retain-except-on-create", "use-previous-template"),
    *("consistent-read", "force-new-deployment"),
}


class ServiceError(Exception):
    """The error that the service returns."""


def listed(values: dict[str, str], name: str, value: str) -> list[dict[str, str]]:
    return [{name: key, value: text} for key, text in values.items()]


def describe_stacks(account: Account, options: Options) -> Any:
    stack = account["stacks"].get(options["stack-name"])
    if account.get("silent"):
        raise ServiceError("Could not connect to the endpoint")
    if stack is None:
        raise ServiceError(f"Stack with id {options['stack-name']} does not exist")
    return {
        "Stacks": [
            {
                "StackStatus": stack["status"],
                "Outputs": listed(stack["outputs"], "OutputKey", "OutputValue"),
                "Parameters": listed(stack["parameters"], "ParameterKey", "ParameterValue"),
            }
        ]
    }


def create_change_set(account: Account, options: Options) -> Any:
    before = account["stacks"].get(options["stack-name"], {"parameters": {}, "template": ""})
    given = json.loads(Path(options["parameters"].removeprefix("file://")).read_text())
    parameters = {
        one["ParameterKey"]: before["parameters"][one["ParameterKey"]]
        if one.get("UsePreviousValue")
        else one["ParameterValue"]
        for one in given
    }
    template = before["template"]
    if "template-body" in options:
        template = Path(options["template-body"].removeprefix("file://")).read_text()
    if "template-url" in options:
        template = account["objects"][options["template-url"]]
    if "-check-" in options["stack-name"]:
        if refused := refusal(template, parameters):
            raise ServiceError(f"ValidationError: {refused}")
        account["checked"].append(parameters)
        account["reviews"].append(options["stack-name"])
    account["change"] = {
        "parameters": parameters,
        "template": template,
        "type": options["change-set-type"],
    }
    return {}


def delete_stack(account: Account, options: Options) -> Any:
    account["reviews"] = [one for one in account["reviews"] if one != options["stack-name"]]
    return {}


def describe_change_set(account: Account, options: Options) -> Any:
    changes = account.get("changes", {}).get(options["stack-name"], [])
    return {
        "Changes": [{"ResourceChange": change} for change in changes],
        "Status": "FAILED",
        "StatusReason": "The submitted information didn't contain changes.",
    }


def wait(account: Account, options: Options) -> Any:
    if options["words"][-1] == "change-set-create-complete":
        stack = account["stacks"].get(options["stack-name"])
        change = account["change"]
        same = stack and (stack["parameters"], stack["template"]) == (
            change["parameters"],
            change["template"],
        )
        if same:
            raise ServiceError("Waiter ChangeSetCreateComplete failed")
    elif options.get("stack-name") in account.get("failing", []):
        raise ServiceError("Waiter failed")
    return {}


def execute_change_set(account: Account, options: Options) -> Any:
    name, change = options["stack-name"], account["change"]
    account["executed"].append(name)
    if name in account.get("failing", []):
        if name in account["stacks"]:
            account["stacks"][name]["status"] = account["end"]
        return {}
    outputs = outputs_of(name)
    if outputs is SERVICE_OUTPUTS:
        images = {key: change["parameters"][key] for key in ("ImageUri", "PreviousImageUri")}
        outputs = SERVICE_OUTPUTS | {key: value for key, value in images.items() if value}
    status = f"{change['type']}_COMPLETE"
    account["stacks"][name] = {"status": status, "outputs": outputs, **change}
    return {}


def events(account: Account, options: Options) -> Any:
    """Newest first, as CloudFormation returns them, including those of the change before."""
    listed_events = [
        ("UPDATE_FAILED", "Listener", "Resource update cancelled"),
        ("UPDATE_FAILED", "WebService", "no luck"),
        ("UPDATE_IN_PROGRESS", "farebox-dev", "User Initiated"),
        ("UPDATE_FAILED", "WebService", "an older story"),
    ]
    names = ("ResourceStatus", "LogicalResourceId", "ResourceStatusReason")
    return {
        "StackEvents": [
            {"Timestamp": "2026-11-21T10:00:00Z", **dict(zip(names, event, strict=True))}
            for event in listed_events
        ]
    }


def describe_secret(account: Account, options: Options) -> Any:
    versions = {} if account.get("blind") else account["secrets"].get(options["secret-id"], {})
    return {"VersionIdsToStages": {name: ["AWSCURRENT"] for name in versions}}


def put_secret(account: Account, options: Options) -> Any:
    versions = account["secrets"].setdefault(options["secret-id"], {})
    token = options.get("client-request-token", f"version-{len(versions)}")
    if token in versions:
        raise ServiceError("ResourceExistsException")
    versions[token] = options["secret-string"]
    return {}


def get_secret(account: Account, options: Options) -> Any:
    return {"SecretString": list(account["secrets"][options["secret-id"]].values())[-1]}


def upload(account: Account, options: Options) -> Any:
    source, target = options["words"][-2:]
    account["objects"][target.replace("s3://", "https://s3/")] = Path(source).read_text()
    return {}


def images(account: Account, options: Options) -> Any:
    kind, _, name = options["image-ids"].partition("=")
    if kind == "imageDigest":
        found = [tag for tag, digest in account["images"].items() if digest == name]
        return {"imageDetails": [{"imageTags": [tag]} for tag in found]}
    digest = account["images"].get(options["image-ids"].removeprefix("imageTag="))
    if digest is None:
        raise ServiceError("ImageNotFoundException")
    return {"imageDetails": [{"imageDigest": digest}]}


def describe_services(account: Account, options: Options) -> Any:
    if account["web_tasks"] == "unknown":
        raise ServiceError("ThrottlingException")
    return {"services": [{"desiredCount": account["web_tasks"]}]}


def run_task(account: Account, options: Options) -> Any:
    account["task"] = json.loads(options["overrides"]) | {
        "network": options["network-configuration"]
    }
    return {"tasks": [{"taskArn": "arn:task/abc"}]}


def describe_tasks(account: Account, options: Options) -> Any:
    ended = {"lastStatus": "STOPPED", "containers": [{"exitCode": account["exit_code"]}]}
    return {"tasks": [ended]}


def log_events(account: Account, options: Options) -> Any:
    """Events of the group that contain the pattern, a quoted term; the operator's if none are
    set."""
    group = account.get("logs", {}).get(options["log-group-name"])
    if group is None:
        return {"events": [{"message": "VIOLATION"}, {"message": "1 violations."}]}
    term = options["filter-pattern"].strip('"')
    return {
        "events": [
            {"timestamp": at, "message": message}
            for at, message in group
            if at >= int(options["start-time"]) and term in message
        ]
    }


def create_role(account: Account, options: Options) -> Any:
    """An account has the role only once."""
    if account["ecs_role"]:
        raise ServiceError(
            "InvalidInput: Service role name AWSServiceRoleForECS has been taken in this account"
        )
    account["ecs_role"] = True
    return {}


def update_service(account: Account, options: Options) -> Any:
    if "desired-count" in options:
        account["tasks"][options["service"]] = int(options["desired-count"])
    account["ecs_calls"].append([options["service"], options.get("desired-count", "anew")])
    return {}


def describe_targets(account: Account, options: Options) -> Any:
    name = options["resource-ids"].rpartition("/")[2]
    tasks = account["min_tasks"].get(name)
    return {"ScalableTargets": [] if tasks is None else [{"MinCapacity": tasks}]}


def register_target(account: Account, options: Options) -> Any:
    name = options["resource-id"].rpartition("/")[2]
    account["ecs_calls"].append([name, "false" not in options["suspended-state"]])
    return {}


def hosted_zone(account: Account, options: Options) -> Any:
    """`zones` are an account's zones by id, as a name and whether it is private; one that is an
    error is not readable."""
    zone = account.get("zones", {}).get(options["id"])
    if zone is None:
        raise ServiceError(f"NoSuchHostedZone: No hosted zone found with ID: {options['id']}")
    if isinstance(zone, str):
        raise ServiceError(zone)
    name, private = zone
    return {"HostedZone": {"Name": name, "Config": {"PrivateZone": private}}}


def nothing(account: Account, options: Options) -> Any:
    return {}


AWS: dict[str, Callable[[Account, Options], Any]] = {
    "cloudformation describe-stacks": describe_stacks,
    "cloudformation create-change-set": create_change_set,
    "cloudformation describe-change-set": describe_change_set,
    "cloudformation delete-change-set": nothing,
    "cloudformation delete-stack": delete_stack,
    "cloudformation execute-change-set": execute_change_set,
    "cloudformation describe-stack-events": events,
    "cloudformation get-template": lambda account, options: {
        "TemplateBody": account["stacks"][options["stack-name"]]["template"]
    },
    "cloudformation update-termination-protection": nothing,
    "cloudformation wait": wait,
    "secretsmanager describe-secret": describe_secret,
    "secretsmanager put-secret-value": put_secret,
    "secretsmanager get-secret-value": get_secret,
    "dynamodb get-item": lambda account, options: (
        {"Item": {"count": {"N": str(account["users"])}}} if account["users"] else {}
    ),
    "route53 get-hosted-zone": hosted_zone,
    "s3 cp": upload,
    "ecr describe-images": images,
    "ecr get-login-password": lambda account, options: "password",
    "ecs describe-services": describe_services,
    "ecs update-service": update_service,
    "application-autoscaling describe-scalable-targets": describe_targets,
    "application-autoscaling register-scalable-target": register_target,
    "ecs run-task": run_task,
    "ecs describe-tasks": describe_tasks,
    "logs filter-log-events": log_events,
    "ecs wait": nothing,
    "iam create-service-linked-role": create_role,
    "cloudwatch describe-alarms": nothing,
}


def read_options(arguments: list[str]) -> Options:
    """`--name value` pairs; the words before and between are kept in order."""
    options: Options = {"words": []}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            options["words"].append(word)
        elif word[2:] in FLAGS or not rest or rest[0].startswith("--"):
            options[word[2:]] = True
        else:
            options[word[2:]] = rest.pop(0)
    return options


def shown(response: Any, style: str) -> str:
    if style == "json":
        return json.dumps(response)
    if isinstance(response, list):
        lines = response if response and isinstance(response[0], list) else [response]
        return "\n".join("\t".join(map(str, line)) for line in lines)
    return str(response)


def aws(account: Account, arguments: list[str]) -> str:
    options = read_options(arguments)
    act = AWS[" ".join(options["words"][:2])]
    response = act(account, options)
    if "query" in options:
        response = jmespath.search(options["query"], response)
    elif not response:
        return ""
    return shown(response, options.get("output", "text")) + "\n"


def docker(account: Account, arguments: list[str]) -> str:
    account["docker"].append(arguments[0])
    if arguments[:2] == ["image", "inspect"]:
        if arguments[2] == "--format":
            return f"registry.example/elsewhere@sha256:{'e' * 64}\n{BASE}\n"
        if arguments[2] not in account["built"]:
            raise ServiceError("No such image")
    if arguments[0] == "build":
        account["build"] = arguments
        account["built"].append(arguments[arguments.index("--tag") + 1])
    if arguments[0] == "push":
        account["images"][arguments[-1].rpartition(":")[2]] = account["next_digest"]
    return ""


def curl(account: Account, arguments: list[str]) -> str:
    url = arguments[-1]
    running = account["stacks"]["farebox-dev"]["parameters"]["ImageUri"]
    broken = running.endswith(tuple(account["broken"]))
    if "--write-out" in arguments:
        return "503" if broken else "401" if url.endswith("/credits") else "200"
    return DOCUMENT


def git(account: Account, arguments: list[str]) -> str:
    if "merge-base" in arguments:
        if account.get("apart"):
            raise ServiceError("not an ancestor")
        return ""
    return account["commit"] if "rev-parse" in arguments else account["dirt"]


Tool = Callable[[Account, list[str]], str]
TOOLS: dict[str, Tool] = {"aws": aws, "docker": docker, "curl": curl, "git": git}


@dataclass(frozen=True)
class Call:
    """What the shell started. `stdin` is read only for a tool that reads it."""

    tool: str
    arguments: list[str]
    stdin: str


@dataclass(frozen=True)
class Result:
    """What the tool wrote, and its exit code."""

    code: int
    stdout: str = ""
    stderr: str = ""


def called(account: Account, call: Call) -> Result:
    """Does what the tool would do to the account."""
    if (call.tool, *call.arguments[:1]) == ("docker", "login") and call.stdin != "password\n":
        return Result(1, stderr="unauthorized: incorrect username or password\n")
    try:
        return Result(0, TOOLS[call.tool](account, call.arguments))
    except ServiceError as error:
        return Result(254, stderr=f"{error}\n")
    except Exception:
        return Result(1, stderr=traceback.format_exc())
