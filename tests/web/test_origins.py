"""Origins in settings: brought into the form that browsers send, or refused at start."""

import pytest

from service.web.origins import Origin
from tests.web.small_app import small_app


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://App.Example.com", "https://app.example.com"),
        ("HTTPS://app.example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("https://app.example.com:08443", "https://app.example.com:8443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://MÜNCHEN.example", "https://xn--mnchen-3ya.example"),
        ("https://例え.テスト", "https://xn--r8jz45g.xn--zckzah"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
        ("https://my_app.example.com", "https://my_app.example.com"),
        (
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        ),
        (
            "Chrome-Extension://ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        ),
        (
            "moz-extension://1f2e3d4c-0000-4000-8000-0123456789ab",
            "moz-extension://1f2e3d4c-0000-4000-8000-0123456789ab",
        ),
        ("capacitor://localhost", "capacitor://localhost"),
        ("Ionic://LocalHost:8080", "ionic://localhost:8080"),
    ],
)
def test_an_origin_is_brought_into_the_form_that_browsers_send(written: str, sent: str) -> None:
    assert Origin(written) == sent
    response = (
        small_app(origins=(Origin(written),))
        .app.test_client()
        .get("/misbehave", headers={"Origin": sent})
    )
    assert response.headers["Access-Control-Allow-Origin"] == sent


@pytest.mark.parametrize(
    "written",
    [
        *("*", "null", "", "app.example.com", "//app.example.com", "https://", "https://:443"),
        *("https://*.example.com", "https://app.example.com:*", "https://app.example.com:port"),
        *(
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com?a=b",
        ),
        *("https://app.example.com#top", "https://app.example.com:8443/", "file://", "https:/a.b"),
        *("https://ann:secret@app.example.com", "https://ann@app.example.com", "https://[::1"),
        *("https://a.example;https://b.example", "https://a.example https://b.example"),
        *("https://a.example;b.example", "https://a.example|https://b.example"),
        *("https://app..example.com", "https://-app.example.com", "https://app.example.com:0"),
        *("https://app.example.com:65536", "http://127.1", "http://0x7f000001", "https://[::g]"),
        *("chrome-extension://abc", "chrome-extension://abcdefghijklmnopabcdefghijklmnoq"),
        *("chrome-extension://abcdefghijklmnopabcdefghijklmnop:1", "moz-extension://abc"),
        *("chrome-extension://abcdefghijklmnopabcdefghijklmnop.evil.example", "data://x"),
        *("file://host", "capacitor://a..b", "capacitor://local host", "ws://app.example.com"),
        *("https://app.exa mple.com", "https://a,b", "https://app.example.com\n", "'https://a.b'"),
    ],
)
def test_what_no_browser_sends_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"must|takes|has a"):
        Origin(written)


def test_a_refusal_does_not_repeat_credentials() -> None:
    with pytest.raises(ValueError, match="credentials") as caught:
        Origin("https://ann:hunter2@app.example.com")
    assert "hunter2" not in str(caught.value)
