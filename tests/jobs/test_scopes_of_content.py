"""What a job has delivered is returned to a minted session that may read jobs, on every route."""

from dataclasses import replace
from typing import Any

import pytest

from service.app import create_app
from service.core.scopes import KeyScope, SessionScope
from service.sessions.minting import Minting
from service.text.operations import Text
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.server_keys.stored import stored_key
from tests.sessions.minted import WANTED, back_end, minted
from tests.text.conftest import new_text, text_world

CREATES = frozenset({SessionScope.CREATE_JOBS})
READS = CREATES | {SessionScope.READ_JOBS}


@pytest.fixture(scope="module")
def world() -> ServiceHarness:
    return text_world(MemoryBehind(), MemoryBehind.name)


@pytest.mark.parametrize(("scopes", "is_shown"), [(READS, True), (CREATES, False)])
def test_cancelling_shows_the_text_of_a_job_to_whoever_may_read_it(
    world: ServiceHarness, scopes: frozenset[SessionScope], is_shown: bool
) -> None:
    begun = world.parts.get(Text).generate(replace(new_text(), principal=minted(world)))
    path = f"/jobs/{begun.job.job_id}/cancel"
    data = post(world, path, scopes).get_json()["data"]
    assert data["cancellation"] == "NOT_POSSIBLE"
    assert data["job"]["status"] == "SUCCEEDED"
    assert ("text" in data["job"]) is is_shown


def post(world: ServiceHarness, path: str, scopes: frozenset[SessionScope]) -> Any:
    key, _ = stored_key(world, tuple(KeyScope))
    wanted = replace(WANTED, scopes=scopes)
    session = world.parts.get(Minting).mint(back_end(key_id=key.key_id), wanted)
    headers = {"Authorization": f"Bearer {session.access_token}"}
    return create_app(world.parts).test_client().post(path, headers=headers)
