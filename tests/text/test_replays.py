"""A text's idempotency key, while the models on offer change."""

import pytest

from service.text.entities import UnknownModel
from service.text.operations import Text
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import begin, is_replay, text_world, write


@pytest.fixture
def world() -> ServiceHarness:
    return text_world(MemoryBehind(), MemoryBehind.name)


def test_a_key_outlives_the_default_model(world: ServiceHarness) -> None:
    first = write(world, key="k", model=None)
    world.parts.get(Text)._default_model = "gpt-4.1-nano"
    again = begin(world, key="k", model=None)
    assert (again.job.job_id, is_replay(again)) == (first.job_id, True)
    assert write(world, model=None).payload["model"] == "gpt-4.1-nano"


def test_a_key_outlives_its_model_s_offer(world: ServiceHarness) -> None:
    first = write(world, key="k", model="gpt-4.1-nano")
    world.parts.get(Text)._callers.pop("gpt-4.1-nano")
    assert begin(world, key="k", model="gpt-4.1-nano").job.job_id == first.job_id
    before = world.items()
    with pytest.raises(UnknownModel) as refused:
        begin(world, key="other", model="gpt-4.1-nano")
    assert refused.value.details == {"knownModels": ["gpt-4.1-mini", "gpt-5-mini"]}
    assert world.items() == before
