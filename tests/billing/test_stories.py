"""A sample of `python -m tests.billing`: the events of payments in any order (`stories`)."""

import random

import pytest

from tests.billing.stories import STORIES, Stories, Story, sequences


@pytest.mark.sample
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name.replace(" ", "-"))
def test_a_storys_events_in_any_order_have_one_end(story: Story) -> None:
    stories = Stories()
    for sequence in random.Random(7).sample(list(sequences(story, 4)), 25):
        stories.run(story, sequence)
    stories.world.assert_proved()
