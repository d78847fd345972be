"""Scheme and host in lower case, and nothing else changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.urls import in_lower_case


@pytest.mark.parametrize(
    ("url", "lower"),
    [
        ("Https://images.example.com/a.jpg", "https://images.example.com/a.jpg"),
        (
            "HTTPS://Images.Example.COM/Astronaut.JPG?A=B#C",
            "https://images.example.com/Astronaut.JPG?A=B#C",
        ),
        ("https://Example.com", "https://example.com"),
        ("https://Example.com?Q", "https://example.com?Q"),
        ("https://Example.com#F", "https://example.com#F"),
        ("https://Ann:Secret@Example.com:443/", "https://Ann:Secret@example.com:443/"),
        ("https://[2606:4700::ABCD]/A", "https://[2606:4700::abcd]/A"),
        ("https://example.com/%2f%C3", "https://example.com/%2f%C3"),
        ("https://example.com/HTTPS://B", "https://example.com/HTTPS://B"),
        # Not ASCII: lower case would turn the Kelvin sign into an ordinary k.
        ("HTTPS://\u212aling.example/A", "https://\u212aling.example/A"),
        ("R0lGODlh", "R0lGODlh"),
        ("", ""),
    ],
)
def test_only_scheme_and_host_change(url: str, lower: str) -> None:
    assert in_lower_case(url) == lower


@given(st.text(max_size=60))
def test_any_text_is_normalised_once_and_for_all(text: str) -> None:
    for url in (text, f"Https://{text}"):
        lower = in_lower_case(url)
        assert (in_lower_case(lower), len(lower)) == (lower, len(url))
