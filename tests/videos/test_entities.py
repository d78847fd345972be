"""Which result of the provider can be handed over, and what it used."""

from typing import Any

import pytest

from service.providers.base import Task, TaskStatus
from service.videos.entities import deliverable, usage_of


@pytest.mark.parametrize(
    ("url", "plain", "good"),
    [
        ("https://v.example/a.mp4?x=1", False, True),
        ("http://127.0.0.1:8090/a.mp4", True, True),
        ("http://127.0.0.1:8090/a.mp4", False, False),
        ("https://user@v.example/a.mp4", True, False),
        ("javascript:alert(1)", True, False),
        ("https://v.example/a b", True, False),
        ("https://v.example/\n", True, False),
        ("https://[::1", True, False),
        ("file:///etc/passwd", True, False),
        ("//v.example/a.mp4", True, False),
    ],
)
@pytest.mark.protocol("unusable-result")
def test_only_a_whole_and_bounded_link_is_handed_on(url: str, plain: bool, good: bool) -> None:
    assert deliverable(url, plain) is good


@pytest.mark.parametrize(
    ("facts", "usage"),
    [
        ({}, {"videos": 1}),
        ({"videos": ({"id": "1"},)}, {"videos": 1}),
        ({"videos": ({"duration": "5.041"},)}, {"videos": 1, "milliseconds": 5041}),
        ({"videos": ({"duration": "NaN"},)}, {"videos": 1}),
        ({"videos": ({"duration": "-5"},)}, {"videos": 1}),
        ({"videos": ({"duration": "9" * 40},)}, {"videos": 1}),
        ({"videos": ({"duration": "Infinity"},)}, {"videos": 1}),
        ({"videos": ({"duration": "9e999999"},)}, {"videos": 1}),
        ({"videos": ({"duration": "1e-999999"},)}, {"videos": 1}),
        ({"videos": ({"duration": "sNaN"},)}, {"videos": 1}),
    ],
)
def test_usage_is_what_the_provider_states_if_it_makes_sense(
    facts: dict[str, Any], usage: dict[str, int]
) -> None:
    assert usage_of(Task("t", TaskStatus.SUCCEEDED, facts)) == usage
