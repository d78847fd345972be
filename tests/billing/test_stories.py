"""A sample of `python -m tests.billing`: the events of payments (`stories`) and of subscriptions
(`lives`) in any order."""

import random

import pytest

from tests.billing.life_stories import LIVES, Life
from tests.billing.lives import Lives
from tests.billing.stories import STORIES, Stories, Story, sequences


@pytest.mark.sample
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name.replace(" ", "-"))
def test_a_storys_events_in_any_order_have_one_end(story: Story) -> None:
    stories = Stories()
    for sequence in random.Random(7).sample(list(sequences(len(story.steps), 4)), 25):
        stories.run(story, sequence)
    stories.world.assert_proved()


@pytest.mark.sample
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name.replace(" ", "-"))
def test_a_subscriptions_events_in_any_order_have_one_end(life: Life) -> None:
    lives = Lives(life)
    for sequence in random.Random(7).sample(list(sequences(len(life.events), 4)), 25):
        lives.run(sequence)
