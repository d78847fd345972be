"""Every situation that a release script decides by: what its programs respond, what is typed, and
which settings it has. `tests/infrastructure/transcripts` says what it does in each."""

import json
from collections.abc import Iterator, Mapping

from tests.infrastructure.scripts import Responses
from tests.infrastructure.situation import Situation
from tests.infrastructure.situations_of_users import of_a_user_pool

_IMAGES = "1.dkr.ecr/farebox-staging"
_DATA, _SERVICE = "farebox-staging-data", "farebox-staging"
_UNTIL_STOPPED: Responses = (
    ("*run-task*", "arn:task/1", 0),
    ("*describe-tasks*lastStatus*", "STOPPED", 0),
    ("*filter-log-events*", "Every balance is proved by its entries.", 0),
    ("*describe-tasks*exitCode*", "0", 0),
)
_NO_STACK = "ValidationError: Stack with id farebox-staging does not exist"
_THROTTLED: Responses = (("aws*", "ThrottlingException: Rate exceeded", 254),)
_NOTHING_THERE: Responses = (
    ("*describe-stacks*", _NO_STACK, 254),
    ("*create-change-set*", "", 0),
)
_NO_SERVICE: Responses = (("*describe-stacks*farebox-staging\\ *", _NO_STACK, 254),)
_NO_DATA: Responses = (("*describe-stacks*farebox-staging-data*", _NO_STACK, 254),)
_UNBUILT: Responses = (("docker\\ image\\ inspect\\ farebox*", "No such image", 1),)
_DIGESTS: Responses = (
    (
        "docker\\ image\\ inspect\\ --format*",
        f"registry.example/other@sha256:{'e' * 64}\npython@sha256:{'b' * 64}",
        0,
    ),
)
_NOT_PUSHED: Responses = (("*describe-images*imageTag=*", "ImageNotFoundException", 254),)
_PRIVATE: Responses = (("*get-hosted-zone*", "example.com.\tTrue", 0),)
_DIRTY: Responses = (("git*status*", " M service/app.py", 0),)
_WAITED = "Waiter failed: Max attempts exceeded"
_KEYS = '{"fingerprintPeppers": {"1": "pepper"}, "ledgerMacKey": "mac", "callbackTokenKeys": [%s]}'
_ACCESS = '{"keys": [%s]}'
_ONE, _TWO = '{"kid": "a", "d": "first"}', '{"kid": "a", "d": "first"}, {"kid": "b", "d": "second"}'


def situations() -> Iterator[Situation]:
    yield from _of_any_script()
    yield from _of_a_confirmation()
    yield from _of_a_build()
    yield from _of_a_check()
    yield from _of_a_change()
    yield from _of_the_end_of_a_change()
    yield from _of_a_loss()
    yield from _of_a_deployment()
    yield from _of_a_failed_deployment()
    yield from _of_a_test()
    yield from _of_keys()
    yield from _of_a_rotation()
    yield from _of_an_operator()
    yield from _of_running_tasks()
    yield from _of_the_account()
    yield from of_a_user_pool()


def _of_any_script() -> Iterator[Situation]:
    scripts = (
        *(("deploy",), ("settings",), ("rollback",), ("pause",), ("resume",), ("restart",)),
        *(("check",), ("smoke",), ("status",), ("image",), ("keys",), ("operate", "audit")),
        ("rotate", "add-pepper"),
    )
    for words in scripts:
        yield Situation("with nothing deployed", words, _NOTHING_THERE)
        yield Situation("when AWS throttles", words, _THROTTLED)
    for stage in ("", "prod", "Production"):
        yield Situation(f"for the stage {stage!r}", ("deploy",), environment={"STAGE": stage})


def _of_a_confirmation() -> Iterator[Situation]:
    unsaid = {"YES": ""}
    yield Situation("that no one can confirm", ("pause",), environment=unsaid)
    for typed in ("y", "n", "", "Y", "yes", "yy", "j", " ", "1"):
        yield Situation(f"confirmed by {typed!r}", ("pause",), (), unsaid, f"{typed}\n")
    yield Situation("confirmed by the end of the input", ("pause",), (), unsaid, "\x04")
    yield Situation("confirmed by YES=yes", ("pause",), environment={"YES": "yes"})
    yield Situation("confirmed by YES=0", ("pause",), environment={"YES": "0"})
    for words in (
        *(("change", _SERVICE, "previous", "/dev/null"), ("rotate", "add-pepper")),
        *(("deploy",), ("rollback",), ("settings",)),
    ):
        yield Situation("that is not confirmed", words, _kept(_KEYS % '"a"'), unsaid, "n\n")


def _of_a_build() -> Iterator[Situation]:
    yield Situation("of an image that is there", ("build",))
    yield Situation("of an image", ("build",), _UNBUILT + _DIGESTS)
    digest = {"BASE_IMAGE": f"python@sha256:{'d' * 64}"}
    yield Situation("on a base named by digest", ("build",), _UNBUILT + _DIGESTS, digest)
    yield Situation("on a base without a digest", ("build",), _UNBUILT)
    pulled: Responses = (("docker\\ pull*", "no network", 1),)
    yield Situation("on a base that cannot be pulled", ("build",), pulled + _UNBUILT + _DIGESTS)
    yield Situation(
        "that fails", ("build",), (("docker\\ build*", "failed", 1), *_UNBUILT, *_DIGESTS)
    )
    yield Situation("with a tag", ("build",), _UNBUILT + _DIGESTS, {"RELEASE_TAG": "mine"})
    yield Situation("of uncommitted changes", ("build",), _DIRTY)
    yield Situation("of uncommitted changes to dev", ("build",), _DIRTY, {"STAGE": "dev"})
    yield Situation("of an image that was pushed", ("image",))
    yield Situation("that is not found after its push", ("image",), _NOT_PUSHED)
    for what in ("login", "tag", "push"):
        failed: Responses = ((f"docker\\ {what}*", "denied", 1),)
        yield Situation(f"whose {what} fails", ("image",), failed + _NOT_PUSHED)


def _of_a_check() -> Iterator[Situation]:
    yield Situation("of a stage that runs", ("check",))
    yield Situation("of a stage that is not there", ("check",), _NOTHING_THERE)
    for template in ("data", "base", "service"):
        refused: Responses = (
            (f"*create-change-set*--change-set-name\\ {template}\\ *", "ValidationError: no", 254),
        )
        yield Situation(f"whose {template} stack is refused", ("check",), refused)
    yield Situation("that is refused", ("deploy",), refused)
    kept: Responses = (("*delete-stack*", "AccessDenied", 254),)
    yield Situation("that cannot be withdrawn", ("check",), kept)
    late: Responses = (
        ("*wait\\ change-set-create-complete*", _WAITED, 255),
        ("*describe-change-set*StatusReason*", "no such value", 0),
    )
    yield Situation("that is refused later", ("check",), late)
    zones: Mapping[str, tuple[str, int]] = {
        "that holds the name": ("example.com.\tFalse", 0),
        "of another name": ("example.org.\tFalse", 0),
        "that is private": ("example.com.\tTrue", 0),
        "without a name": ("None\tNone", 0),
        "that is not there": ("NoSuchHostedZone: No hosted zone found with ID: Z1", 254),
        "that may not be read": ("AccessDenied: not authorized", 254),
        "that is not read": ("ThrottlingException: Rate exceeded", 254),
    }
    address = {"DomainName": "api.example.com", "HostedZoneId": "Z1"}
    for what, (text, code) in zones.items():
        read: Responses = (("*get-hosted-zone*", text, code),)
        yield Situation(f"of a zone {what}", ("check",), read, base=address)
    yield Situation("to a zone that is private", ("deploy",), _PRIVATE, base=address)


def _of_a_change() -> Iterator[Situation]:
    previous = ("change", _SERVICE, "previous", "/dev/null")
    for status in (
        *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"),
        *("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
        *("UPDATE_ROLLBACK_FAILED", "CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
    ):
        yield Situation(f"of a stack in {status}", previous, _status(status))
    template = "cloudformation/parameters/dev.json"
    short = ("change", _SERVICE, template, "/dev/null")
    yield Situation("with a short template", short)
    refused: Responses = (("*create-change-set*", "ValidationError: Production needs it", 254),)
    yield Situation("that a rule refuses", short, refused)
    for reason in ("The submitted information didn't contain changes.", "No such key"):
        yield Situation(f"whose change set fails: {reason}", previous, _failed_set(reason))
    undecided: Responses = (
        ("*wait\\ change-set-create-complete*", _WAITED, 255),
        ("*describe-change-set*StatusReason*", "CREATE_IN_PROGRESS\tNone", 0),
    )
    yield Situation("whose change set is not ready in time", previous, undecided)
    late: Responses = (
        ("*wait\\ change-set-create-complete*", _WAITED, 255),
        ("*describe-change-set*StatusReason*", "CREATE_COMPLETE\tNone", 0),
    )
    yield Situation("whose change set is ready after its wait", previous, late)
    stuck: Responses = (("*wait\\ stack-delete-complete*", _WAITED, 255),)
    again = stuck + _status("ROLLBACK_COMPLETE")
    yield Situation("of a stack that cannot be deleted", previous, again)


def _of_the_end_of_a_change() -> Iterator[Situation]:
    events = _events(
        ("UPDATE_FAILED", "Listener", "Resource update cancelled"),
        ("UPDATE_FAILED", "WebService", "no luck"),
        ("UPDATE_FAILED", "Roles", "too long"),
        ("UPDATE_IN_PROGRESS", "farebox-staging", "User Initiated"),
        ("UPDATE_FAILED", "WebService", "an older story"),
    )
    words = ("change", _SERVICE, "previous", "/dev/null")
    ended: Responses = (
        ("*wait\\ stack-update-complete*", _WAITED, 255),
        ("*describe-stack-events*", events, 0),
    )
    for status in (
        *("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
        *("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS"),
        *("UPDATE_ROLLBACK_IN_PROGRESS", "CREATE_IN_PROGRESS"),
    ):
        after: Responses = (("*describe-stacks*StackStatus*\\[executed\\]", status, 0),)
        yield Situation(f"that ends with {status}", words, ended + after)
    blind: Responses = (("*describe-stacks*StackStatus*\\[executed\\]", "ExpiredToken", 254),)
    yield Situation("whose end cannot be read", words, ended + blind)


def _of_a_loss() -> Iterator[Situation]:
    lost: Responses = (("*describe-change-set*BackupSelection*", "Table", 0),)
    none: Responses = (("*describe-change-set*BackupSelection*", "None", 0),)
    of_data = ("change", _DATA, "previous", "/dev/null")
    yield Situation("that loses a table", of_data, lost)
    yield Situation("that loses nothing", of_data, none)
    yield Situation("that loses a table on purpose", of_data, lost, {"ALLOW_LOSS": "1"})
    yield Situation("that loses a table by ALLOW_LOSS=0", of_data, lost, {"ALLOW_LOSS": "0"})
    of_users = ("change", "farebox-staging-identity", "previous", "/dev/null")
    pool: Responses = (("*describe-change-set*BackupSelection*", "UserPool", 0),)
    yield Situation("that loses every user", of_users, pool + _status("UPDATE_COMPLETE"))
    yield Situation("without a section for it", ("identity",))
    yield Situation("that replaces a task", ("change", _SERVICE, "previous", "/dev/null"), lost)


def _of_a_deployment() -> Iterator[Situation]:
    deploy = ("deploy",)
    yield Situation("of a commit", deploy)
    yield Situation("of an image that is given", deploy, (), {"IMAGE": f"{_IMAGES}@sha256:given"})
    yield Situation("to production", deploy, (), {"STAGE": "production"})
    yield Situation("for the first time", deploy, _NO_SERVICE)
    taken: Responses = (("*create-service-linked-role*", "has been taken", 254),)
    yield Situation("for the first time, with ECS's role", deploy, taken + _NO_SERVICE)
    denied: Responses = (("*create-service-linked-role*", "AccessDenied", 254),)
    yield Situation("for the first time, without a role", deploy, denied + _NO_SERVICE)
    apart: Responses = (("git*merge-base*", "", 1),)
    yield Situation("that would go back", deploy, apart)
    yield Situation("that goes back on purpose", deploy, apart, {"BACKWARDS": "1"})
    yield Situation("that goes back by BACKWARDS=0", deploy, apart, {"BACKWARDS": "0"})
    gone: Responses = (("*describe-images*imageTags*", "ImageNotFoundException", 254),)
    yield Situation("over an image that is gone", deploy, gone + apart)
    untagged: Responses = (("*describe-images*imageTags*", "None", 0),)
    yield Situation("over an image without a tag", deploy, untagged + apart)
    yield Situation("of uncommitted changes", deploy, _DIRTY)
    yield Situation("of settings", ("settings",))
    yield Situation("of settings that would go back", ("settings",), apart)


def _of_a_failed_deployment() -> Iterator[Situation]:
    broken: Responses = (("curl*/health*", "503", 0),)
    yield Situation("that fails its test", ("deploy",), broken)
    yield Situation("that fails its test the first time", ("deploy",), broken + _NO_SERVICE)
    unknown: Responses = (("*describe-stacks*", "UnrecognizedClientException", 254),)
    yield Situation("that cannot be tested", ("smoke",), unknown)
    for stack in (_DATA, _SERVICE):
        refused: Responses = (
            (f"*create-change-set*--stack-name\\ {stack}\\ *", "ValidationError: no", 254),
        )
        yield Situation(f"whose change of {stack} is refused", ("deploy",), refused)
    yield Situation("whose build fails", ("deploy",), (("docker\\ push*", "no", 1), *_NOT_PUSHED))


def _of_a_test() -> Iterator[Situation]:
    yield Situation("of a service that is well", ("smoke",))
    for code in ("", "000", "204", "301", "404", "429", "500", "503"):
        response: Responses = (("curl*/health*", code, 0),)
        yield Situation(f"whose health is {code or 'nothing'}", ("smoke",), response)
    for code in ("", "000", "200", "204", "302", "400", "403", "404", "429", "500", "503"):
        response = (("curl*/credits*", code, 0),)
        yield Situation(f"that responds {code or 'nothing'} to strangers", ("smoke",), response)
    for what, document in (
        ("nothing", ""),
        ("a page", "<html>"),
        ("an old document", '{"openapi": "3.0.3"}'),
        ("another document", '{"swagger": "3.1.0"}'),
    ):
        response = (("curl*openapi.json*", document, 0),)
        yield Situation(f"whose document is {what}", ("smoke",), response)
    failed: Responses = (("curl*", "could not connect", 7),)
    yield Situation("that cannot be reached", ("smoke",), failed)
    yield Situation("that is tried again", ("smoke",), failed, {"SMOKE_TRIES": "3"})
    for count in ("0", "None", ""):
        paused: Responses = (("*describe-services*desiredCount*", count, 0),)
        yield Situation(f"with {count or 'an unknown number of'} tasks", ("smoke",), paused)


def _of_keys() -> Iterator[Situation]:
    keys = ("keys",)
    yield Situation("that are there", keys)
    for what in ("keys", "access", "kling"):
        without: Responses = ((f"*describe-secret*arn:{what}*", "0", 0), ("*get-item*", "None", 0))
        yield Situation(f"without {what}", keys, without)
    without = (("*describe-secret*", "0", 0),)
    empty: Responses = (("*get-item*", "None", 0),)
    yield Situation("of a new deployment", keys, without + empty)
    yield Situation("of a new dev deployment", keys, without + empty, {"STAGE": "dev"})
    yield Situation("that are lost", keys, (("*get-item*", "12", 0), *without))
    yield Situation("of an unknown table", keys, (("*get-item*", "Throttling", 254), *without))
    for error in ("ResourceExistsException", "AccessDeniedException"):
        put: Responses = (("*put-secret-value*", error, 254),)
        yield Situation(f"whose storing ends with {error}", keys, put + without + empty)


def _of_a_rotation() -> Iterator[Situation]:
    for step in ("", "drop-pepper"):
        yield Situation("that is unknown", ("rotate", step))
    for step in ("add-token-key", "use-token-key", "drop-token-key", "add-pepper"):
        for kept in ('"a"', '"a", "b"'):
            yield Situation(f"from {kept}", ("rotate", step), _kept(_KEYS % kept))
    for step in ("add-access-token-key", "use-access-token-key", "drop-access-token-key"):
        for kept in (_ONE, _TWO):
            yield Situation(f"from {kept}", ("rotate", step), _kept(_ACCESS % kept))
    denied: Responses = (("*put-secret-value*", "AccessDenied", 254),)
    words = ("rotate", "add-pepper")
    yield Situation("that cannot be stored", words, denied + _kept(_KEYS % '"a"'))


def _of_an_operator() -> Iterator[Situation]:
    audit = ("operate", "audit")
    yield Situation("without a command", ("operate",))
    yield Situation("with a command", audit, _UNTIL_STOPPED)
    yield Situation("with a repair", (*audit, "--repair", "--yes"), _UNTIL_STOPPED)
    yield Situation("of a copy", audit, _UNTIL_STOPPED, {"TABLE": "restored"})
    ledger = ("operate", "ledger", "user --x")
    yield Situation("of a user in a copy", ledger, _UNTIL_STOPPED, {"TABLE": "restored"})
    for what, response in (
        ("that fails", ("*describe-tasks*exitCode*", "3", 0)),
        ("that is not started", ("*run-task*", "None", 0)),
        ("that did not start", ("*describe-tasks*exitCode*", "None", 0)),
        ("whose log cannot be read", ("*filter-log-events*", "Throttling", 254)),
    ):
        yield Situation(what, audit, (response, *_UNTIL_STOPPED))
    running: Responses = (("*describe-tasks*lastStatus*", "RUNNING", 0),)
    times = {"OPERATE_MINUTES": "1", "OPERATE_PAUSE_SECONDS": "30"}
    yield Situation("that still runs", audit, running + _UNTIL_STOPPED, times)
    job = "job_" + "0" * 26
    logged: Responses = ((f"*filter-log-events*{job}*", "2\tthe job", 0),)
    named: Responses = (("*filter-log-events*req_1*", f"1\tthe request made {job}", 0),)
    yield Situation("of a request", ("find", "req_1"), logged + named)
    yield Situation("of a job", ("find", job), logged)
    yield Situation("of nothing", ("find", "req_1"), environment={"HOURS": "48"})
    for word in ("", 'a"b', "a b", "x" * 65):
        yield Situation(f"of {word!r}", ("find", word))
    for hours in ("0", "x", "12345"):
        yield Situation(f"of {hours} hours", ("find", "req_1"), environment={"HOURS": hours})


def _of_running_tasks() -> Iterator[Situation]:
    scaled: Responses = (("*describe-scalable-targets*", "3", 0),)
    alone: Responses = (("*describe-scalable-targets*", "None", 0),)
    late: Responses = (("*wait\\ services-stable*", _WAITED, 255),)
    for script in ("pause", "resume", "restart"):
        yield Situation("of a stage that scales", (script,), scaled)
        yield Situation("of a stage that does not", (script,), alone)
        yield Situation("that takes too long", (script,), late + scaled)
    yield Situation("to the image before", ("rollback",))
    broken: Responses = (("curl*/health*", "503", 0),)
    yield Situation("to an image that fails too", ("rollback",), broken)
    refused: Responses = (("*create-change-set*", "ValidationError: no", 254),)
    yield Situation("that is refused", ("rollback",), refused)
    yield Situation("of what runs", ("status",))


def _of_the_account() -> Iterator[Situation]:
    made: Responses = (("*describe-stacks*farebox-account*StackStatus*", "UPDATE_COMPLETE", 0),)
    none: Responses = (("*describe-stacks*farebox-account*", _NO_STACK, 254),)
    yield Situation("that is there", ("account",), made)
    yield Situation("that is not there yet", ("account",), none)
    yield Situation("that is not confirmed", ("account",), made, {"YES": ""})
    yield Situation("of a repository", ("account", "Repository=example/farebox"), made)
    role: Responses = (("*describe-stacks*farebox-account*", "stagingStackRole\tarn:role", 0),)
    unreadable: Responses = (("*describe-stacks*farebox-account*", "AccessDenied", 254),)
    change = ("change", "farebox-staging", "previous", "/dev/null")
    yield Situation("with a role of the stage", change, role)
    yield Situation("with an account that cannot be read", change, unreadable)


def _events(*events: tuple[str, str, str]) -> str:
    """The events of a stack, newest first, as CloudFormation lists them."""
    names = ("ResourceStatus", "LogicalResourceId", "ResourceStatusReason")
    listed = [{"Timestamp": "T", **dict(zip(names, event, strict=True))} for event in events]
    return json.dumps({"StackEvents": listed})


def _status(word: str) -> Responses:
    return (("*describe-stacks*StackStatus*", word, 0),)


def _failed_set(reason: str) -> Responses:
    return (
        ("*wait\\ change-set-create-complete*", "Waiter failed", 255),
        ("*describe-change-set*StatusReason*", f"FAILED\t{reason}", 0),
    )


def _kept(value: str) -> Responses:
    return (("*get-secret-value*", value, 0),)
