import pytest

from service.app import create_app
from service.identity.operations import Identity
from tests.doubles.service_harness import BOSS, ServiceHarness, memory_world
from tests.identity.operators_app import Tokens
from tests.passkeys.operator_browser import EVE, URL, OperatorBrowser


@pytest.fixture
def world() -> ServiceHarness:
    world = memory_world(public_url=URL, admin_subjects=(BOSS, EVE))
    world.submit("ann")
    world.parts.get(Identity)._tokens = Tokens(world.clock)
    return world


@pytest.fixture
def boss(world: ServiceHarness) -> OperatorBrowser:
    return OperatorBrowser(world, create_app(world.parts).test_client())


@pytest.fixture
def eve(world: ServiceHarness, boss: OperatorBrowser) -> OperatorBrowser:
    """Another operator."""
    return OperatorBrowser(world, boss.client, "eve-0", EVE)
