import base64

from devstack.simulators.signing import signature, signature_headers


def test_the_vendor_s_own_example_is_signed_as_it_says() -> None:
    key = base64.b64decode("dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    assert (
        signature(key, "9876543210", 1781080794, body)
        == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
    )


def test_without_a_key_there_are_no_headers() -> None:
    assert signature_headers([], "1", 2, b"{}") == {}
