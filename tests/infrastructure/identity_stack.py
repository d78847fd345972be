"""The optional identity stack, rendered in each way in which it can be used, and the checks that
run on every one of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from devstack.template import parse_template
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.measure.noted import Notes, is_plain, noted
from tests.infrastructure.measure.noted import Path as ValuePath
from tests.infrastructure.render import ACCOUNT, REGION, Stack, render

FILE = "identity.yaml"
DOMAIN = "api.example.com"
POOL_ID = f"{REGION}_AbCdEf123"
POOL_ARN = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{POOL_ID}"
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
GOOGLE_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:farebox/google-AbCdEf"
MAIL = {"MailFrom": "Example <no-reply@example.com>", "MailIdentity": "example.com"}
PAGES = {
    "SignInPrefix": "farebox-example",
    "BrowserCallbackUrls": "https://app.example.com/signed-in,http://localhost:5173/signed-in",
    "MobileCallbackUrls": "farebox://signed-in",
}
GOOGLE = {"GoogleClientId": "farebox.apps.example", "GoogleSecretArn": GOOGLE_SECRET}
# What each stage may choose: as little as possible, everything, and a pool that exists already.
PLAIN: Mapping[str, str] = MAIL
WHOLE: Mapping[str, str] = {
    **MAIL,
    **PAGES,
    **GOOGLE,
    "DomainName": DOMAIN,
    "UserPoolPlan": "ESSENTIALS",
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/bounds",
    "GoogleSecretVersion": "11111111-aaaa-bbbb-cccc-222222222222",
}
FOREIGN: Mapping[str, str] = {"UserPoolArn": POOL_ARN, "DomainName": DOMAIN}
Rule = Callable[[Stack], Iterator[str]]
DeploymentCheck = Callable[[Deployment], Iterator[str]]


def identity_stack(root: Path, stage: str, chosen: Mapping[str, str]) -> Stack:
    """The stack with these choices. Raises `RenderError`."""
    text = (root / "cloudformation" / FILE).read_text(encoding="utf-8")
    return _rendered(text, stage, tuple(sorted(chosen.items())))


@lru_cache(maxsize=64)
def _rendered(text: str, stage: str, chosen: tuple[tuple[str, str], ...]) -> Stack:
    parameters = {"Stage": stage, "KeyArn": KEY_ARN, **dict(chosen)}
    return render(parse_template(text), parameters, f"farebox-{stage}-identity")


def variants(deployment: Deployment) -> tuple[Stack, ...]:
    """The identity stack of the same stage with each of the choices above."""
    return tuple(
        identity_stack(deployment.root, deployment.stage, chosen)
        for chosen in (PLAIN, WHOLE, FOREIGN)
    )


def on_every_variant(rule: Rule) -> DeploymentCheck:
    """The rule as a check of a deployment, which `checks/everything.py` finds in the module of the
    rule."""

    def check(deployment: Deployment) -> Iterator[str]:
        for stack in variants(deployment):
            yield from rule(stack)

    check.__module__, check.__name__, check.__doc__ = rule.__module__, rule.__name__, rule.__doc__
    check.__dict__["rule"] = rule
    return check


def rules_of(module: object) -> list[Rule]:
    """The rules of a module of checks."""
    found = (vars(value).get("rule") for value in vars(module).values() if callable(value))
    return [rule for rule in found if rule is not None]


def differing(place: str, body: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each property that is not as wanted; None means absent."""
    for key, value in wanted.items():
        if body.get(key) != value:
            yield f"{place}: {key} is {body.get(key)!r}, it must be {value!r}"


@dataclass(frozen=True)
class Measured:
    """What the rules read of a stack: the places that they did not read, and all there are."""

    unread: tuple[str, ...]
    places: tuple[str, ...]


def measured(stack: Stack, rules: Iterable[Rule]) -> Measured:
    """Runs the rules on a stack that notes what is read of it."""
    notes = Notes(set())
    watched = replace(
        stack,
        resources=noted(dict(stack.resources), ("resources",), notes),
        outputs=noted(dict(stack.outputs), ("outputs",), notes),
    )
    for rule in rules:
        list(rule(watched))
    paths = list(_paths(stack))
    unread = {_spelled(stack, path) for path in paths if path not in notes.read}
    return Measured(tuple(sorted(unread)), tuple(sorted({_spelled(stack, each) for each in paths})))


def _paths(stack: Stack) -> Iterator[ValuePath]:
    for name, resource in stack.resources.items():
        for part in ("Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"):
            if part in resource:
                yield from _plain(resource[part], ("resources", name, part))
    yield from _plain(dict(stack.outputs), ("outputs",))


def _plain(value: Any, path: ValuePath) -> Iterator[ValuePath]:
    if is_plain(value):
        yield path
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _plain(part, (*path, key))


def _spelled(stack: Stack, path: ValuePath) -> str:
    """As `measure/unread.py` spells places."""
    if path[0] == "outputs":
        return f"Outputs {path[1]}"
    kind = str(stack.resources[str(path[1])]["Type"]).removeprefix("AWS::")
    parts = ("[]" if isinstance(part, int) else str(part) for part in path[2:])
    return f"{kind} {'.'.join(parts)}"
