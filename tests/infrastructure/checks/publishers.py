"""Key, topic and bucket policies, evaluated for each who publishes, reads or writes."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.packets import name_of
from tests.infrastructure.policies import Call, applies, denies, permits
from tests.infrastructure.render import ACCOUNT, REGION

OTHER = "210987654321"
ROOT_USER = f"arn:aws:iam::{ACCOUNT}:root"
CLOUDWATCH, EVENTS, BUDGETS = (
    f"{name}.amazonaws.com" for name in ("cloudwatch", "events", "budgets")
)
LOGS = f"logs.{REGION}.amazonaws.com"
_KEY_USES = ("kms:Decrypt", "kms:GenerateDataKey")
_ON_DATA_KEY = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom")


def each_publisher_may_publish_and_no_one_else(deployment: Deployment) -> Iterator[str]:
    """EventBridge publishes without naming an account; the others name ours."""
    stack = deployment.service
    for topic in stack.of("SNS::Topic"):
        document = _policy_of(deployment, topic)
        users = _publishers(deployment, topic)
        for who in (CLOUDWATCH, EVENTS, BUDGETS, "s3.amazonaws.com"):
            for account in (ACCOUNT, OTHER):
                context = {} if who == EVENTS else {"aws:SourceAccount": account}
                call = Call(who, "sns:Publish", f"<{topic}>", context)
                wanted = who in users and (account == ACCOUNT or who == EVENTS)
                if wanted and not permits(document, call):
                    yield f"{who} may not publish to {topic}"
                if account == OTHER and who != EVENTS and permits(document, call):
                    yield f"{who} may publish to {topic} for another account"
        for action in ("sns:Subscribe", "sns:DeleteTopic", "sns:SetTopicAttributes"):
            if permits(
                document, Call(CLOUDWATCH, action, f"<{topic}>", {"aws:SourceAccount": ACCOUNT})
            ):
                yield f"a publisher may {action} on {topic}"


def each_publisher_may_use_the_key_and_no_one_else(deployment: Deployment) -> Iterator[str]:
    key = deployment.data.of("KMS::Key")["Key"]["KeyPolicy"]
    ours = {"aws:SourceAccount": ACCOUNT}
    users: dict[str, Mapping[str, str]] = {CLOUDWATCH: ours, EVENTS: {}}
    for who, context in users.items():
        for action in (*_KEY_USES, "kms:GenerateDataKeyWithoutPlaintext"):
            if not permits(key, Call(who, action, "*", context)):
                yield f"{who} may not {action}: its messages are lost without a trace"
        if permits(key, Call(who, "kms:ScheduleKeyDeletion", "*", context)):
            yield f"{who} may delete the key"
        if context and permits(key, Call(who, "kms:Decrypt", "*", {"aws:SourceAccount": OTHER})):
            yield f"{who} may use the key for another account"
    for who in ("s3.amazonaws.com", BUDGETS, "arn:aws:iam::210987654321:root"):
        if permits(key, Call(who, "kms:Decrypt", "*", ours)):
            yield f"{who} may use the key"


def every_log_group_may_use_the_key(deployment: Deployment) -> Iterator[str]:
    key = deployment.data.of("KMS::Key")["Key"]["KeyPolicy"]
    groups = [str(body["LogGroupName"]) for body in deployment.data.of("Logs::LogGroup").values()]
    actions = ("Encrypt", "Decrypt", "ReEncryptFrom", "GenerateDataKey", "DescribeKey")
    for group in [*groups, "/other/web"]:
        for action in actions:
            arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
            call = Call(LOGS, f"kms:{action}", "*", {"kms:EncryptionContext:aws:logs:arn": arn})
            if permits(key, call) is not (group in groups):
                word = "may not" if group in groups else "may"
                yield f"CloudWatch Logs {word} {call.action} for {group}"


def the_account_keeps_its_keys(deployment: Deployment) -> Iterator[str]:
    """Without this statement no one could change the policy again."""
    for name, body in deployment.data.of("KMS::Key").items():
        for action in ("kms:PutKeyPolicy", "kms:DescribeKey", "kms:CreateGrant", "kms:TagResource"):
            if not permits(body["KeyPolicy"], Call(ROOT_USER, action, "*")):
                yield f"{name}: the account itself may not {action}"


def data_keys_open_for_one_user_of_one_table_alone(deployment: Deployment) -> Iterator[str]:
    policy = deployment.data.of("KMS::Key")["DataKey"]["KeyPolicy"]
    table = deployment.data.one("DynamoDB::Table")["TableName"]
    whole = {"kms:EncryptionContext:table": table, "kms:EncryptionContext:user": "usr_1"}
    for action in _ON_DATA_KEY:
        if denies(policy, Call(ROOT_USER, action, "*", whole)):
            yield f"{action} is denied for a user of the table"
        for missing in whole:
            context = {key: value for key, value in whole.items() if key != missing}
            if not denies(policy, Call(ROOT_USER, action, "*", context)):
                yield f"{action} is not denied without {missing}"
        if not denies(policy, Call(ROOT_USER, action, "*", whole | {next(iter(whole)): "other"})):
            yield f"{action} is not denied for another table"


def what_elb_and_s3_write_they_may_write(deployment: Deployment) -> Iterator[str]:
    """ELB writes below `<prefix>/AWSLogs/<account>/`, S3 below the prefix of the logging bucket."""
    (name,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    balancer = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")[name]
    given = {pair["Key"]: pair["Value"] for pair in balancer["LoadBalancerAttributes"]}
    elb = "logdelivery.elasticloadbalancing.amazonaws.com"
    bucket = deployment.data.outputs["AccessLogsBucket"]
    if given["access_logs.s3.bucket"] != deployment.service.parameters["AccessLogsBucket"]:
        yield f"ELB writes to {given['access_logs.s3.bucket']}"
    policy = _bucket_policy(deployment, name_of(bucket))
    prefix = given["access_logs.s3.prefix"]
    if prefix != deployment.stage:
        yield f"ELB writes below {prefix}: a bucket of one stage has the prefix of its stage"
    for account in (ACCOUNT, OTHER):
        key = f"<{name_of(bucket)}.Arn>/{prefix}/AWSLogs/{account}/elasticloadbalancing/x.log.gz"
        if permits(policy, Call(elb, "s3:PutObject", key, _TLS)) is not (account == ACCOUNT):
            yield f"ELB may {'not ' if account == ACCOUNT else ''}write {key}"
    for source, body in deployment.data.of("S3::Bucket").items():
        logging = body.get("LoggingConfiguration")
        if logging is None:
            continue
        target = name_of(logging["DestinationBucketName"])
        key = f"<{target}.Arn>/{logging['LogFilePrefix']}2026-11-30"
        for origin, account in ((source, ACCOUNT), (source, OTHER), ("Another", ACCOUNT)):
            context = {"aws:SourceArn": f"<{origin}.Arn>", "aws:SourceAccount": account} | _TLS
            call = Call("logging.s3.amazonaws.com", "s3:PutObject", key, context)
            wanted = (origin, account) == (source, ACCOUNT)
            if permits(_bucket_policy(deployment, target), call) is not wanted:
                yield f"S3 may {'not ' if wanted else ''}write {key} for {origin} of {account}"


def no_bucket_may_be_read_by_the_services_that_write(deployment: Deployment) -> Iterator[str]:
    for name, body in deployment.data.of("S3::BucketPolicy").items():
        for who in ("logging.s3.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"):
            for action in ("s3:GetObject", "s3:DeleteObject", "s3:PutBucketPolicy"):
                call = Call(who, action, f"<{name_of(body['Bucket'])}.Arn>/x", _TLS)
                if permits(body["PolicyDocument"], call):
                    yield f"{name}: {who} may {action}"


def every_request_without_tls_is_denied(deployment: Deployment) -> Iterator[str]:
    clear = {"aws:SecureTransport": "false"}
    secured = {name_of(body["Bucket"]) for body in deployment.data.of("S3::BucketPolicy").values()}
    for bucket in sorted(set(deployment.data.of("S3::Bucket")) - secured):
        yield f"{bucket} has no policy"
    for bucket in sorted(secured):
        policy = _bucket_policy(deployment, bucket)
        for resource in (f"<{bucket}.Arn>", f"<{bucket}.Arn>/a/b"):
            for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"):
                if not denies(policy, Call(ROOT_USER, action, resource, clear)):
                    yield f"{bucket} accepts {action} without TLS"
                if denies(policy, Call(ROOT_USER, action, resource, _TLS)):
                    yield f"{bucket} denies {action} altogether"


def roles_use_the_key_through_services_alone(deployment: Deployment) -> Iterator[str]:
    key = str(deployment.service.parameters["KeyArn"])
    for name, role in deployment.service.of("IAM::Role").items():
        for policy in role.get("Policies", []):
            for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:ReEncryptTo"):
                for via in ("", f"ec2.{REGION}.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com"):
                    call = Call("", action, key, {"kms:ViaService": via} if via else {})
                    if any(applies(one, call) for one in policy["PolicyDocument"]["Statement"]):
                        yield f"{name} may {action} with the key through {via or 'no service'}"


def every_role_of_a_task_reads_the_table_and_its_secrets_with_the_key(
    deployment: Deployment,
) -> Iterator[str]:
    key = str(deployment.service.parameters["KeyArn"])
    for name, role in deployment.service.of("IAM::Role").items():
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        actions = str([one["Action"] for body in documents for one in body["Statement"]])
        for service in ("dynamodb", "secretsmanager"):
            via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
            call = Call("", "kms:Decrypt", key, via)
            if f"{service}:Get" in actions and not any(permits(one, call) for one in documents):
                yield f"{name} reads by {service} and may not use the key for it"


_TLS = {"aws:SecureTransport": "true"}


def _policy_of(deployment: Deployment, topic: str) -> Mapping[str, Any]:
    (document,) = (
        body["PolicyDocument"]
        for body in deployment.service.of("SNS::TopicPolicy").values()
        if body["Topics"] == [f"<{topic}>"]
    )
    found: Mapping[str, Any] = document
    return found


def _publishers(deployment: Deployment, topic: str) -> set[str]:
    stack, marker = deployment.service, f"<{topic}>"
    found = set()
    for kind in ("CloudWatch::Alarm", "CloudWatch::CompositeAlarm"):
        for alarm in stack.of(kind).values():
            if marker in [*alarm.get("AlarmActions", []), *alarm.get("OKActions", [])]:
                found.add(CLOUDWATCH)
    for rule in stack.of("Events::Rule").values():
        if marker in [target["Arn"] for target in rule["Targets"]]:
            found.add(EVENTS)
    return found


def _bucket_policy(deployment: Deployment, bucket: str) -> Mapping[str, Any]:
    (document,) = (
        body["PolicyDocument"]
        for body in deployment.data.of("S3::BucketPolicy").values()
        if body["Bucket"] == f"<{bucket}>"
    )
    found: Mapping[str, Any] = document
    return found
