"""Standard Webhooks signatures, with Kling's own published example."""

import pytest

from service.providers.signatures import signature_holds

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)
NOW = 1781080794 * 1000
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": "1781080794",
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}


def test_the_published_example_holds() -> None:
    assert signature_holds(SECRET, HEADERS, BODY, NOW)


def test_one_right_signature_among_several_is_enough() -> None:
    both = HEADERS | {"webhook-signature": f"v1,AAAA {HEADERS['webhook-signature']}"}
    assert signature_holds(SECRET, both, BODY, NOW)


@pytest.mark.parametrize("skew", [-300, 300])
def test_five_minutes_either_way_are_allowed(skew: int) -> None:
    assert signature_holds(SECRET, HEADERS, BODY, NOW + skew * 1000)


@pytest.mark.parametrize("skew", [-301, 301])
def test_more_than_five_minutes_either_way_are_not(skew: int) -> None:
    assert not signature_holds(SECRET, HEADERS, BODY, NOW + skew * 1000)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "9876543211"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1781080795"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "١٧٨١٠٨٠٧٩٤"},
        {"webhook-signature": ""},
        {"webhook-signature": "v2,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="},
        {"webhook-signature": "v1,é"},
    ],
)
def test_anything_changed_in_the_headers_breaks_it(change: dict[str, str]) -> None:
    assert not signature_holds(SECRET, HEADERS | change, BODY, NOW)


def test_a_changed_byte_breaks_it() -> None:
    assert not signature_holds(SECRET, HEADERS, BODY.replace(b"succeeded", b"succeedex"), NOW)


def test_another_secret_breaks_it() -> None:
    assert not signature_holds("whsec_AAAA", HEADERS, BODY, NOW)


def test_a_secret_that_is_not_base64_never_holds() -> None:
    assert not signature_holds("whsec_*", HEADERS, BODY, NOW)
