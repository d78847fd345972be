"""Deleting users of a Cognito user pool, against what botocore knows of the API."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from service.core.erasure import StepOutcome
from service.erasure.entities import UserPoolUnavailable
from service.erasure.user_pool import UserPool, UserPoolData, own_subject

POOL = "eu-west-1_AbCdEfGhI"
SUBJECT = "0d7a3f9c-54b8-4c31-9a51-3d8b7b1f2a6e"


@pytest.fixture
def cognito() -> Iterator[tuple[UserPool, Stubber]]:
    client: Any = boto3.client("cognito-idp", region_name="eu-west-1")
    with Stubber(client) as stubber:
        yield UserPool(client, POOL), stubber
        stubber.assert_no_pending_responses()


def found(stubber: Stubber, *names: str) -> None:
    users = [{"Username": name} for name in names]
    wanted = {"UserPoolId": POOL, "Filter": f'sub = "{SUBJECT}"', "Limit": 1}
    stubber.add_response("list_users", {"Users": users}, wanted)


def step(pool: UserPool) -> UserPoolData:
    return UserPoolData(lambda: pool, own_subject)


def test_the_user_is_deleted_by_the_name_that_the_pool_has(
    cognito: tuple[UserPool, Stubber],
) -> None:
    pool, stubber = cognito
    found(stubber, "google_1102")
    stubber.add_response("admin_delete_user", {}, {"UserPoolId": POOL, "Username": "google_1102"})
    assert step(pool).remove(SUBJECT) is StepOutcome.DONE


def test_one_who_is_gone_already_is_deleted(cognito: tuple[UserPool, Stubber]) -> None:
    pool, stubber = cognito
    found(stubber)
    assert step(pool).remove(SUBJECT) is StepOutcome.DONE
    found(stubber, "ann")
    stubber.add_client_error("admin_delete_user", "UserNotFoundException")
    assert step(pool).remove(SUBJECT) is StepOutcome.DONE


@pytest.mark.parametrize("code", ["TooManyRequestsException", "NotAuthorizedException"])
def test_whatever_else_the_pool_says_is_no_deletion(
    cognito: tuple[UserPool, Stubber], code: str
) -> None:
    pool, stubber = cognito
    found(stubber, "ann")
    stubber.add_client_error("admin_delete_user", code)
    with pytest.raises(UserPoolUnavailable, match=code):
        step(pool).remove(SUBJECT)


@pytest.mark.parametrize("user_id", ["110248495921238986420", "usr_01kb7r3v6q8f2x0m4n5p6q7r8s"])
def test_for_who_never_came_through_the_pool_it_is_not_called(user_id: str) -> None:
    assert UserPoolData(None, own_subject).remove(user_id) is StepOutcome.DONE


def test_without_a_pool_nobody_is_said_to_be_deleted_from_it() -> None:
    with pytest.raises(UserPoolUnavailable, match="COGNITO_USER_POOL_ID is not set"):
        UserPoolData(None, own_subject).remove(SUBJECT)
