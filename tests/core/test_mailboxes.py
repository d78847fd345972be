"""Addresses and mailboxes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.mailboxes import InvalidAddress, address_of, is_disposable, mailbox_of


@pytest.mark.parametrize(
    ("text", "address", "mailbox"),
    [
        ("ann@example.org", "ann@example.org", "ann@example.org"),
        ("Ann@EXAMPLE.org", "Ann@example.org", "ann@example.org"),
        ("A.N.N+news@GoogleMail.com", "A.N.N+news@googlemail.com", "ann@gmail.com"),
        ("a.nn@example.org", "a.nn@example.org", "a.nn@example.org"),
        ("ann+news@example.org", "ann+news@example.org", "ann+news@example.org"),
        ("ann+news@outlook.com", "ann+news@outlook.com", "ann@outlook.com"),
        ("ann@me.com", "ann@me.com", "ann@icloud.com"),
        ("ann-news@yahoo.com", "ann-news@yahoo.com", "ann-news@yahoo.com"),
        ("+news@gmail.com", "+news@gmail.com", "+news@gmail.com"),
        ("o'neil@example.org", "o'neil@example.org", "o'neil@example.org"),
        ("ann@münchen.de", "ann@xn--mnchen-3ya.de", "ann@xn--mnchen-3ya.de"),
        ("ann@xn--mnchen-3ya.de", "ann@xn--mnchen-3ya.de", "ann@xn--mnchen-3ya.de"),
    ],
)
def test_an_address_is_kept_as_written_and_leads_to_one_mailbox(
    text: str, address: str, mailbox: str
) -> None:
    found = address_of(text)

    assert (found.text, found.mailbox) == (address, mailbox)
    assert mailbox_of(text) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "ann@localhost",
        "ann@com",
        "ann@[127.0.0.1]",
        "a@b@example.org",
        '"a b"@example.org',
        "jürgen@example.org",
        "ann..b@example.org",
        " ann@example.org",
        "ann@example.org\n",
        "Ann <ann@example.org>",
        "ann@example.org,bob@example.org",
        "ann@example.org\r\nBcc: bob@example.org",
        "a" * 65 + "@example.org",
        "ann@" + "a." * 120 + "example.org",
    ],
)
def test_what_no_mail_can_be_sent_to_is_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress):
        address_of(text)


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        (" Ann@Gmail.com ", "ann@gmail.com"),
        ("Jürgen@example.org", "jürgen@example.org"),
        ("JÜRGEN@example.org", "jürgen@example.org"),
        ('"Ann@Home"@example.org', '"ann@home"@example.org'),
        ("Nobody", "nobody"),
        ("", ""),
    ],
)
def test_a_text_that_a_provider_vouches_for_has_a_mailbox_in_any_case(
    text: str, mailbox: str
) -> None:
    assert mailbox_of(text) == mailbox


@given(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "{}@{}".format,
            st.text("ab.+'\"(),:;<>@[]\\ é", max_size=12),
            st.sampled_from(["gmail.com", "example.org", "me.com", "fastmail.com", "münchen.de"]),
        ),
    )
)
def test_the_mailbox_of_a_mailbox_is_the_same(text: str) -> None:
    assert mailbox_of(mailbox_of(text)) == mailbox_of(text)


def test_an_address_does_not_show_itself_in_a_log() -> None:
    assert "louisa" not in repr(address_of("louisa@example.org"))


@pytest.mark.parametrize(
    "text", ["ann@mailinator.com", "Ann@MAILINATOR.com", "ann@box.mailinator.com"]
)
def test_mailboxes_to_be_thrown_away_are_recognised(text: str) -> None:
    assert is_disposable(text)


@pytest.mark.parametrize(
    "text",
    [
        "ann@gmail.com",
        "ann@example.org",
        "ann@mailinator.com.example.org",
        "mailinator.com@gmail.com",
        "",
        "com",
    ],
)
def test_ordinary_mailboxes_are_not_disposable(text: str) -> None:
    assert not is_disposable(text)
