"""Who receives it: topics, subscriptions, events by a real matcher."""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.events.models import EventPattern

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import ACCOUNT, REGION

_ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
_SERVICE = f"{_ECS}:service/<Cluster>/web"
_FAILED = "ECS Deployment State Change"
# What ECS reports of services, and whether someone must know.
SERVICE_EVENTS: Mapping[str, tuple[bool, dict[str, Any]]] = {
    "a task could not be placed": (True, {"detail": {"eventType": "ERROR"}}),
    "a service is impaired": (True, {"detail": {"eventType": "WARN"}}),
    "a deployment was rolled back": (
        True,
        {"detail-type": _FAILED, "detail": {"eventType": "ERROR"}},
    ),
    "a service is steady": (False, {"detail": {"eventType": "INFO"}}),
    "another cluster's task could not be placed": (
        False,
        {"detail": {"eventType": "ERROR"}, "resources": [f"{_ECS}:service/other/web"]},
    ),
    "something else reports an error": (
        False,
        {"source": "aws.batch", "detail": {"eventType": "ERROR"}},
    ),
    "a task changed": (
        False,
        {"detail-type": "ECS Task State Change", "detail": {"eventType": "ERROR"}},
    ),
}


def what_ecs_could_not_do_is_reported(deployment: Deployment) -> Iterator[str]:
    base = {"source": "aws.ecs", "detail-type": "ECS Service Action", "resources": [_SERVICE]}
    for what, (wanted, changes) in SERVICE_EVENTS.items():
        if bool(_matching(deployment, base | changes)) is not wanted:
            yield f"{what}: it is {'not ' if wanted else ''}reported"


def an_audit_of_another_cluster_or_family_is_not_reported(
    deployment: Deployment,
) -> Iterator[str]:
    detail = {
        "clusterArn": "<Cluster.Arn>",
        "group": f"family:farebox-{deployment.stage}-audit",
        "lastStatus": "STOPPED",
        "containers": {"exitCode": 1},
        "stopCode": "EssentialContainerExited",
    }
    for changed in ({}, {"clusterArn": "x"}, {"group": "service:web"}, {"lastStatus": "RUNNING"}):
        event = {"source": "aws.ecs", "detail-type": "ECS Task State Change"}
        found = _matching(deployment, {**event, "detail": detail | changed})
        if bool(found) is bool(changed):
            yield f"an audit that failed, with {changed}: reported by {found}"


def every_rule_has_one_target_that_is_a_topic(deployment: Deployment) -> Iterator[str]:
    topics = {f"<{name}>" for name in deployment.service.of("SNS::Topic")}
    for name, rule in deployment.service.of("Events::Rule").items():
        if [target["Arn"] in topics for target in rule["Targets"]] != [True]:
            yield f"{name} has the targets {rule['Targets']}"
        if [target["Id"] for target in rule["Targets"]] != ["notice"]:
            yield f"{name} names its target {rule['Targets'][0]['Id']}"
        if rule.get("State", "ENABLED") != "ENABLED":
            yield f"{name} is off"


def everyone_who_is_named_is_subscribed(deployment: Deployment) -> Iterator[str]:
    """An address receives every topic, the pager pages alone."""
    parameters = deployment.service.parameters
    mail, pager = parameters["AlertEmail"], parameters["PagerUrl"]
    wanted = {(topic, "email", mail) for topic in ("<NoticeTopic>", "<PageTopic>") if mail}
    wanted |= {("<PageTopic>", "https", pager)} if pager else set()
    found = {
        (body["TopicArn"], body["Protocol"], body["Endpoint"])
        for body in deployment.service.of("SNS::Subscription").values()
    }
    if found != wanted:
        yield f"subscribed are {sorted(found)}, named are {sorted(wanted)}"


def each_topic_is_encrypted_and_says_whose_it_is(deployment: Deployment) -> Iterator[str]:
    """The display name is the sender of every mail."""
    for name, topic in deployment.service.of("SNS::Topic").items():
        if topic["KmsMasterKeyId"] != deployment.service.parameters["KeyArn"]:
            yield f"{name} is encrypted with {topic['KmsMasterKeyId']}"
        kind = name.removesuffix("Topic").lower()
        if topic["DisplayName"] != f"farebox {deployment.stage} {kind}":
            yield f"{name} sends mails as {topic['DisplayName']}"


def outputs_name_the_topics(deployment: Deployment) -> Iterator[str]:
    for kind in ("Notice", "Page"):
        if deployment.service.outputs[f"{kind}TopicArn"] != f"<{kind}Topic>":
            yield f"{kind}TopicArn is {deployment.service.outputs[f'{kind}TopicArn']}"


def _matching(deployment: Deployment, event: Any) -> list[str]:
    return [
        name
        for name, rule in deployment.service.of("Events::Rule").items()
        if EventPattern(None, _plain(rule["EventPattern"])).matches_event(event)
    ]


def _plain(pattern: Any) -> Any:
    """The pattern, read value by value."""
    if isinstance(pattern, dict):
        return {key: _plain(pattern[key]) for key in pattern}
    return [_plain(part) for part in pattern] if isinstance(pattern, list) else pattern
