"""Deleting users of a Cognito user pool, against what botocore knows of the API, and against the
simulated pool."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.stub import Stubber

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.core.erasure import StepOutcome
from service.core.settings import Url
from service.erasure.entities import UserPoolUnavailable
from service.erasure.user_pool import Subjects, UserPool, UserPoolData
from service.ledger.entities import WalletStatus
from service.users.linking import Identities
from tests.devstack.simulators.stack import START, Stack
from tests.doubles.clock import FakeClock
from tests.doubles.people import cognito as cognito_user
from tests.doubles.service_harness import memory_world
from tests.erasure.lives import erased

POOL = "eu-west-1_AbCdEfGhI"
POOL_SETTINGS: dict[str, Any] = {
    "cognito_user_pool_id": "us-east-1_Farebox01",
    "cognito_client_ids": ("fareboxlocal",),
    "stage": "dev",
}
SUBJECT = "0d7a3f9c-54b8-4c31-9a51-3d8b7b1f2a6e"


@pytest.fixture
def stack() -> Iterator[Stack]:
    clock = FakeClock(START)
    with SimulatorServer(SimulatorSettings(port=0), clock) as server:
        yield Stack(server, clock)


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


def only(*subjects: str) -> Subjects:
    return lambda _: subjects


def step(pool: UserPool) -> UserPoolData:
    return UserPoolData(lambda: pool, only(SUBJECT))


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


def test_for_who_never_came_through_the_pool_it_is_not_called() -> None:
    assert UserPoolData(None, only()).remove("ann") is StepOutcome.DONE


def test_without_a_pool_no_one_is_said_to_be_deleted_from_it() -> None:
    with pytest.raises(UserPoolUnavailable, match="COGNITO_USER_POOL_ID is not set"):
        UserPoolData(None, only(SUBJECT)).remove(SUBJECT)


def test_every_identity_of_the_pool_is_deleted_whichever_opened_the_account(stack: Stack) -> None:
    """Also one whose user name is another provider's, and one that was only linked."""
    settings = {"cognito_endpoint_url": Url(f"{stack.url}/cognito"), **POOL_SETTINGS}
    world = memory_world(**settings)
    people = {"own": "0d7a3f9c-54b8-4c31-9a51-3d8b7b1f2a6e", "linked": str(UUID(int=2))}
    for name, subject in people.items():
        token = {"sub": subject, "cognito:username": f"google_{name}", "email": f"{name}@gmail.com"}
        assert stack.call("POST", "/cognito/__token", json=token).status_code == 200
    stack.call("POST", "/cognito/__token", json={"sub": str(UUID(int=3))})
    own, linked = (cognito_user(each, f"{name}@gmail.com") for name, each in people.items())
    world.users.sign_up(own, world.users.digests("phone"))
    world.parts.get(Identities).link(own.subject, linked)
    assert linked.subject not in str(world.items())
    stack.arm("cognito", "AdminDeleteUser", "status:429")
    erased(world, own.subject, 120)
    left = stack.call("GET", "/cognito/__users").json()
    assert sorted(left["deleted"]) == ["google_linked", "google_own"]
    assert [user["sub"] for user in left["users"]] == [str(UUID(int=3))]
    assert world.wallet(own.subject).status is WalletStatus.CLOSED
    assert world.audit().violations == ()
