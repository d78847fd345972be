"""The users of the Amazon Cognito user pool, as far as they have to be deleted. In a file of its
own because it calls another system."""

from collections.abc import Callable
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.core.erasure import StepOutcome
from service.erasure.entities import UserPoolUnavailable

_GONE = "UserNotFoundException"


class Subjects(Protocol):
    """Returns the subjects in the user pool that a user signs in as, as
    `Identities.pool_subjects`."""

    def __call__(self, user_id: str) -> tuple[str, ...]: ...


class UserPool:
    """Deletes users of one pool."""

    def __init__(self, client: Any, pool_id: str) -> None:
        self._client = client
        self._pool_id = pool_id

    @classmethod
    def connect(cls, region: str, endpoint_url: str, pool_id: str) -> "UserPool":
        config = Config(
            connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
        )
        client = boto3.client(
            "cognito-idp", region_name=region, endpoint_url=endpoint_url or None, config=config
        )
        return cls(client, pool_id)

    def delete(self, subject: str) -> None:
        """Deletes the user with that subject; again without effect. Raises `UserPoolUnavailable`.

        AdminDeleteUser takes a username, and the subject only of the pool's local users: whoever
        came through another provider is found first."""
        try:
            for name in self._names(subject):
                self._delete(name)
        except (ClientError, BotoCoreError, OSError, KeyError) as error:
            raise UserPoolUnavailable(f"Amazon Cognito: {_reason(error)}") from error

    def _names(self, subject: str) -> list[str]:
        found = self._client.list_users(
            UserPoolId=self._pool_id, Filter=f'sub = "{subject}"', Limit=1
        )
        return [str(user["Username"]) for user in found["Users"]]

    def _delete(self, name: str) -> None:
        try:
            self._client.admin_delete_user(UserPoolId=self._pool_id, Username=name)
        except ClientError as error:
            if _reason(error) != _GONE:
                raise


class UserPoolData:
    """The erasure step of the user pool."""

    def __init__(self, connect: Callable[[], UserPool] | None, subjects: Subjects) -> None:
        """`connect` is called when someone is to be deleted: most processes delete no one. None
        where no pool is configured."""
        self._connect = connect
        self._subjects = subjects

    def remove(self, user_id: str) -> StepOutcome:
        """Raises `UserPoolUnavailable`, also where no pool is configured: then no one knows whether
        the user is still in one."""
        for subject in self._subjects(user_id):
            if self._connect is None:
                raise UserPoolUnavailable("COGNITO_USER_POOL_ID is not set")
            self._connect().delete(subject)
        return StepOutcome.DONE


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__
