"""The function that forwards confirmed sign-ups, executed in a world where its vendors are slow or
away, and what it may do."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from service.accounts.hook_signatures import signed_seconds
from tests.infrastructure.forwarding import EVENT, SECRET, URL, Handled, World, handled
from tests.infrastructure.identity_stack import (
    DOMAIN,
    KEY_ARN,
    POOL_ARN,
    differing,
    on_every_variant,
)
from tests.infrastructure.packets import name_of
from tests.infrastructure.policies import Call, permits
from tests.infrastructure.render import ACCOUNT, REGION, Stack

# Amazon Cognito Developer Guide, Lambda triggers: 5 seconds, which cannot be changed.
COGNITO_WAITS_SECONDS = 5
# What a fresh process takes to import its code before the event.
START_SECONDS = 1
# docs/runbook.md, Cognito.
SECRET_SECONDS = 300
MAX_CODE_BYTES = 4096
_STATES = ("well", "late", "slow", "away")
_WORLDS = (
    *product(_STATES, _STATES),
    ("unreachable", "well"),
    *(("well", state) for state in ("nameless", "unstarted", "401", "403", "500", "503")),
)
_LINE = {"level", "event", "reason", "status"}
FUNCTION, ROLE, LOGS = "Lambda::Function", "IAM::Role", "Logs::LogGroup"


def _function(stack: Stack) -> Mapping[str, Any] | None:
    """The function; none where no public name of the service is known."""
    return stack.one(FUNCTION) if stack.of(FUNCTION) else None


def _code(stack: Stack) -> str | None:
    function = _function(stack)
    return None if function is None else str(function["Code"]["ZipFile"])


@lru_cache(maxsize=8)
def _in_every_world(code: str) -> tuple[tuple[tuple[str, str], Handled], ...]:
    return tuple(
        ((secrets, service), handled(code, World(secrets, service))) for secrets, service in _WORLDS
    )


@on_every_variant
def there_is_a_forwarder_where_the_service_has_a_name(stack: Stack) -> Iterator[str]:
    for kind in (FUNCTION, ROLE, LOGS, "Lambda::Permission", "SecretsManager::Secret"):
        if len(stack.of(kind)) != int(stack.parameters["DomainName"] != ""):
            yield f"{stack.name} has {len(stack.of(kind))} of {kind}"


@on_every_variant
def no_time_out_adds_up_to_more_than_cognito_waits(stack: Stack) -> Iterator[str]:
    """Cognito fails the sign-up of a trigger that takes longer, or is ended by its own limit."""
    function = _function(stack)
    if function is None:
        return
    limit = int(function["Timeout"])
    if not 0 < limit + START_SECONDS <= COGNITO_WAITS_SECONDS:
        yield f"the function may take {limit} s, and Cognito waits {COGNITO_WAITS_SECONDS} s"
    for world, found in _in_every_world(str(function["Code"]["ZipFile"])):
        if found.seconds > limit - 0.5:
            yield f"{world}: it takes {found.seconds:.1f} s of {limit} s"


@on_every_variant
def what_is_late_but_in_time_is_forwarded(stack: Stack) -> Iterator[str]:
    """The steps fit together into the time that the whole may take: nothing that succeeds is given
    up, and no thread goes on behind a response."""
    code = _code(stack)
    if code is None:
        return
    for secrets, service in product(("well", "late"), repeat=2):
        found = handled(code, World(secrets, service))
        if found.lines:
            yield f"secrets {secrets}, service {service}: {found.lines}"
    slow = handled(code, World("slow", "well"))
    if "ReadTimeoutError" not in " ".join(slow.lines):
        yield f"Secrets Manager is waited for longer than the whole may take: {slow.lines}"


@on_every_variant
def no_failure_fails_a_sign_up(stack: Stack) -> Iterator[str]:
    code = _code(stack)
    for world, found in _in_every_world(code) if code else ():
        if found.returned != EVENT:
            yield f"{world}: Cognito gets back {found.returned}"


@on_every_variant
def every_failure_is_in_the_log_and_no_one_is(stack: Stack) -> Iterator[str]:
    """The log has its own readers and lives longer than a user may."""
    code = _code(stack)
    personal = {SECRET, EVENT["userName"], *EVENT["request"]["userAttributes"].values()}
    personal -= {"true", "CONFIRMED"}
    for world, found in _in_every_world(code) if code else ():
        if bool(found.lines) is {"well", "late"}.issuperset(world):
            yield f"{world}: the log has {found.lines}"
        for line in found.lines:
            written = json.loads(line)
            if set(written) != _LINE or written["event"] != "post_confirmation_not_forwarded":
                yield f"{world}: a line has {sorted(written)}"
            if any(text in json.dumps(written, ensure_ascii=False) for text in personal):
                yield f"{world}: a line names someone: {line}"


@on_every_variant
def the_service_accepts_what_the_function_signs(stack: Stack) -> Iterator[str]:
    code = _code(stack)
    if code is None:
        return
    world = World()
    handled(code, world)
    ((request, sent_at),) = world.sent
    header = {name.lower(): value for name, value in request.header_items()}
    body = bytes(request.data)
    if signed_seconds(header["farebox-signature"], body, SECRET, sent_at) != int(sent_at):
        yield f"the service refuses {header['farebox-signature']}"
    if json.loads(body) != EVENT:
        yield f"the service receives another event than Cognito's: {body!r}"
    sent = (request.full_url, request.get_method(), header["content-type"])
    if sent != (URL, "POST", "application/json"):
        yield f"the event is sent as {sent}"


@on_every_variant
def a_replaced_secret_is_used_within_five_minutes(stack: Stack) -> Iterator[str]:
    code = _code(stack)
    if code is None:
        return
    world = World()
    handler = world.loaded(code)
    for _ in range(3):
        handler(dict(EVENT))
    if world.reads != 1:
        yield f"three events read the secret {world.reads} times: each costs time and money"
    world.secret = f"another-{SECRET}"
    world.now += SECRET_SECONDS
    handler(dict(EVENT))
    request, sent_at = world.sent[-1]
    header = str(request.get_header("Farebox-signature"))
    if signed_seconds(header, bytes(request.data), world.secret, sent_at) is None:
        yield f"{SECRET_SECONDS} s after it was replaced the secret is still the old one"


@on_every_variant
def the_function_is_small_and_runs_as_decided(stack: Stack) -> Iterator[str]:
    function = _function(stack)
    if function is None:
        return
    code = str(function["Code"]["ZipFile"])
    if len(code.encode()) > MAX_CODE_BYTES:
        yield f"the code has {len(code.encode())} bytes: it must be read at a glance"
    stage = stack.parameters["Stage"]
    yield from differing(
        "Forwarder",
        function,
        {
            "FunctionName": f"farebox-{stage}-post-confirmation",
            "Description": "Forwards the post-confirmation events of a user pool to Farebox.",
            "Runtime": "python3.13",
            "Handler": "index.handler",
            # A fourteenth of a processor, at 128 MB, would take seconds for a TLS handshake.
            "MemorySize": 512,
            "Role": "<ForwarderRole.Arn>",
        },
    )
    if [*function["Architectures"]] != ["arm64"]:
        yield f"the function runs on {function['Architectures']}"
    tags = [(tag["Key"], tag["Value"]) for tag in function["Tags"]]
    if tags != [("service", "farebox"), ("stage", stage)]:
        yield f"the function is tagged {tags}"


@on_every_variant
def events_go_to_the_public_name_over_tls_alone(stack: Stack) -> Iterator[str]:
    function = _function(stack)
    if function is not None:
        variables = function["Environment"]["Variables"]
        wanted = {"HOOK_URL": URL, "HOOK_SECRET_ARN": "<HookSecret>"}
        if stack.parameters["DomainName"] != DOMAIN or set(variables) != set(wanted):
            yield f"the environment has {sorted(variables)}"
        yield from differing("Forwarder", variables, wanted)


@on_every_variant
def the_function_writes_where_there_is_a_log(stack: Stack) -> Iterator[str]:
    """A group that its role may not write to, or that is not there, loses every line."""
    function = _function(stack)
    if function is None:
        return
    name = name_of(str(function["LoggingConfig"]["LogGroup"]))
    group = stack.of(LOGS).get(name)
    if group is None:
        yield f"the function writes to {name}, which is not there"
        return
    stage = stack.parameters["Stage"]
    # The key's policy names the groups by this path (`own_calls`).
    wanted = {"LogGroupName": f"/farebox/{stage}/post-confirmation", "KmsKeyId": KEY_ARN}
    yield from differing(name, group, wanted)
    if not 7 <= int(group["RetentionInDays"]) <= 731:
        yield f"{name} keeps lines for {group['RetentionInDays']} days"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if not _may(stack, Call("", action, f"<{name}.Arn>")):
            yield f"the function may not {action} in {name}"


@on_every_variant
def the_role_allows_what_the_function_does_and_no_more(stack: Stack) -> Iterator[str]:
    if _function(stack) is None:
        return
    via = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    needed = (
        Call("", "secretsmanager:GetSecretValue", "<HookSecret>"),
        Call("", "kms:Decrypt", KEY_ARN, via),
    )
    other = (
        Call("", "secretsmanager:GetSecretValue", "<KeysSecret>"),
        Call("", "secretsmanager:PutSecretValue", "<HookSecret>"),
        Call("", "kms:Decrypt", KEY_ARN),
        Call("", "kms:Decrypt", KEY_ARN.replace("1111", "2222"), via),
        Call("", "kms:Encrypt", KEY_ARN, via),
        Call("", "logs:CreateLogGroup", "<ForwarderLogs.Arn>"),
        Call("", "logs:PutLogEvents", "<OtherLogs.Arn>"),
        Call("", "dynamodb:GetItem", "table"),
    )
    for call in (*needed, *other):
        if _may(stack, call) is not (call in needed):
            word = "must" if call in needed else "may not"
            yield f"the function {word} {call.action} on {call.resource}"
    (policy,) = stack.one(ROLE)["Policies"]
    if policy["PolicyName"] != "least":
        yield f"the policy is called {policy['PolicyName']}"
    sids = [statement["Sid"] for statement in policy["PolicyDocument"]["Statement"]]
    if sids != ["Secret", "Key", "Logs"]:
        yield f"the statements are {sids}"
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            if "*" in action or statement["Resource"] == "*":
                yield f"{statement['Sid']} allows {action} on {statement['Resource']}"


@on_every_variant
def only_lambda_of_this_account_takes_the_role(stack: Stack) -> Iterator[str]:
    for name, role in stack.of(ROLE).items():
        trust = role["AssumeRolePolicyDocument"]
        for service, account in product(("lambda", "ec2"), (ACCOUNT, "210987654321")):
            call = Call(
                f"{service}.amazonaws.com", "sts:AssumeRole", name, {"aws:SourceAccount": account}
            )
            if permits(trust, call) is not ((service, account) == ("lambda", ACCOUNT)):
                yield f"{name}: {service} of {account}"
        boundary = stack.parameters["PermissionsBoundary"]
        if role.get("PermissionsBoundary", "") != boundary:
            yield f"{name} has the boundary {role.get('PermissionsBoundary')}, not {boundary!r}"


@on_every_variant
def only_the_pool_calls_the_function(stack: Stack) -> Iterator[str]:
    for name, permission in stack.of("Lambda::Permission").items():
        pool = "<UserPool.Arn>" if stack.of("Cognito::UserPool") else POOL_ARN
        wanted = {
            "FunctionName": "<Forwarder>",
            "Action": "lambda:InvokeFunction",
            "Principal": "cognito-idp.amazonaws.com",
            "SourceAccount": ACCOUNT,
            "SourceArn": pool,
        }
        yield from differing(name, permission, wanted)


@on_every_variant
def the_secret_of_the_hook_is_long_and_made_by_no_one(stack: Stack) -> Iterator[str]:
    for name, secret in stack.of("SecretsManager::Secret").items():
        stage = stack.parameters["Stage"]
        wanted = {
            "Name": f"farebox/{stage}/cognito-hook",
            "Description": (
                "The forwarder of confirmed sign-ups signs with it, and the service verifies."
            ),
            "KmsKeyId": KEY_ARN,
        }
        yield from differing(name, secret, wanted)
        yield from differing(
            name, secret["GenerateSecretString"], {"PasswordLength": 48, "ExcludePunctuation": True}
        )
        tags = [(tag["Key"], tag["Value"]) for tag in secret["Tags"]]
        if tags != [("service", "farebox"), ("stage", stage)] or "SecretString" in secret:
            yield f"{name} is tagged {tags}, or its value is in the template"


def _may(stack: Stack, call: Call) -> bool:
    (policy,) = stack.one(ROLE)["Policies"]
    return permits(policy["PolicyDocument"], call)
