"""The situations of a stage with an identity stack, which none of our own stages has."""

from collections.abc import Iterator

from tests.infrastructure.scripts import Responses
from tests.infrastructure.situation import Situation

_NO_STACK = "ValidationError: Stack with id farebox-staging-identity does not exist"


def of_a_user_pool() -> Iterator[Situation]:
    outputs = (
        '[{"OutputKey": "CognitoUserPoolId", "OutputValue": "pool"}, '
        '{"OutputKey": "CognitoClientIds", "OutputValue": "clients"}, '
        '{"OutputKey": "CognitoHookSecretArn", "OutputValue": "arn:hook"}]'
    )
    there: Responses = (
        ("*describe-stacks*farebox-staging-identity*StackStatus*", "UPDATE_COMPLETE", 0),
        ("*describe-stacks*farebox-staging-identity*Outputs*", outputs, 0),
    )
    not_there: Responses = (("*describe-stacks*farebox-staging-identity*", _NO_STACK, 254),)
    made = {"MailFrom": "accounts@example.com", "MailIdentity": "example.com"}
    for script in ("check", "deploy", "identity", "settings", "status"):
        yield Situation("of a stage with users", (script,), there, identity=made)
    for script in ("check", "identity"):
        yield Situation("of a stage that gets users", (script,), not_there, identity=made)
    refused: Responses = (
        ("*create-change-set*--change-set-name\\ identity\\ *", "ValidationError: no", 254),
    )
    yield Situation("whose identity stack is refused", ("check",), refused, identity=made)
    lost: Responses = (("*describe-change-set*BackupSelection*", "UserPool", 0),)
    yield Situation("that loses every user", ("deploy",), lost + there, identity=made)
    foreign = {"UserPoolArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_A"}
    yield Situation("of a pool that is there already", ("deploy",), there, identity=foreign)
    unsaid = {"YES": ""}
    yield Situation("that is not confirmed", ("identity",), there, unsaid, "n\n", made)
