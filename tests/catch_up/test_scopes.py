"""A summary shows what was said: of a transcript it is for sessions that may read that."""

from typing import Any

import pytest

from service.catch_up.entities import CATCH_UP
from service.core.scopes import SessionScope
from service.identity.entities import ScopeMissing
from tests.catch_up.conftest import World, world_of
from tests.sessions.minted import minted

CREATES = frozenset({SessionScope.CREATE_JOBS})
FIELDS: dict[str, Any] = {
    "channel": None,
    "video_id": "7",
    "since": 0,
    "transcript_id": None,
    "upload_id": None,
    "max_minutes": None,
}
TRANSCRIPT = {"transcript_id": "job_01kb7r3v6q8f2x0m4n5p6q7r8s"}
UPLOAD = {"upload_id": "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"}


@pytest.fixture(scope="module")
def world() -> World:
    return world_of()


def read(world: World, scopes: frozenset[SessionScope], **fields: Any) -> Any:
    form = world.harness.operations.known(CATCH_UP).form
    return form.read(minted(world.harness, scopes=scopes), FIELDS | fields)


def test_a_session_that_may_not_read_jobs_summarizes_no_transcript(world: World) -> None:
    with pytest.raises(ScopeMissing) as refusal:
        read(world, CREATES, **TRANSCRIPT)
    assert refusal.value.details == {"scope": "jobs:read"}


@pytest.mark.parametrize(
    ("scopes", "words"), [(CREATES | {SessionScope.READ_JOBS}, TRANSCRIPT), (CREATES, UPLOAD)]
)
def test_what_it_may_read_or_has_uploaded_is_summarized(
    world: World, scopes: frozenset[SessionScope], words: dict[str, str]
) -> None:
    assert read(world, scopes, **words)
