"""Every template says what it must, in text and in HTML, and no field can be more than data."""

import re
from html.parser import HTMLParser

import pytest

from service.notifications.mail_entities import FIELDS, MailTemplate, OutgoingMail, SealedMail
from service.notifications.mail_texts import SUBJECTS, TEMPLATES, MailTexts

TIME = "2026-12-03T14:05:00.000Z"
HOSTILE = (
    '<img src=x onerror="alert(1)">\r\nBcc: all@mail.example\r\n\r\n{{ 777 * 777 }}\u2028&amp;'
)
PLAIN = {
    "token": "a+b/c=d",
    "valid_for": "24 hours",
    "changed_at": TIME,
    "expires_at": TIME,
    "credits": "4.5",
    "threshold": "5",
    "what_happened": "Nothing was charged",
    "what_follows": "It is off",
}


def render(
    template: MailTemplate, values: dict[str, str] = PLAIN, name: str = "Example"
) -> OutgoingMail:
    mail = SealedMail("m1", "ann", template, "ann", None)
    fields = {each: values[each] for each in FIELDS[template]}
    return MailTexts("https://app.example/base/", name).outgoing(mail, "a@mail.example", fields)


class Read(HTMLParser):
    """The tags of a page, what they load or link to, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data: str) -> None:
        self.text += f" {' '.join(data.split())} "


@pytest.mark.parametrize("template", MailTemplate)
def test_a_template_shows_every_field_in_both_forms(template: MailTemplate) -> None:
    mail = render(template)
    page = Read(mail.html)
    assert mail.subject == f"Example: {SUBJECTS[template]}"
    for name in FIELDS[template]:
        shown = {"token": "#token=a%2Bb%2Fc%3Dd"}.get(name, PLAIN[name])
        shown = "3 December 2026, 14:05 UTC" if name.endswith("_at") else shown
        assert shown in " ".join(mail.text.split())
        assert shown in page.text
    assert "Example" in mail.text
    assert "Example" in page.text
    assert all(len(line) < 100 or "#token=" in line for line in mail.text.splitlines())


@pytest.mark.parametrize("template", MailTemplate)
def test_a_mail_loads_nothing_and_links_to_the_app_alone(template: MailTemplate) -> None:
    page = Read(render(template).html)
    assert not page.tags & {"img", "script", "link", "iframe", "object", "form", "video"}
    assert "url(" not in render(template).html
    assert all(link.startswith("https://app.example/base/") for link in page.links)
    assert bool(page.links) == (template is not MailTemplate.ACCOUNT_ERASED)


def test_a_token_stands_in_the_fragment_only() -> None:
    [link] = set(re.findall(r"https://\S+", render(MailTemplate.PASSWORD_RESET).text))
    assert link == "https://app.example/base/reset-password#token=a%2Bb%2Fc%3Dd"


@pytest.mark.parametrize("template", MailTemplate)
def test_no_field_is_more_than_data(template: MailTemplate) -> None:
    hostile = {name: text if name.endswith("_at") else HOSTILE for name, text in PLAIN.items()}
    mail, usual = render(template, hostile, name=HOSTILE[:60]), render(template)
    page, expected = Read(mail.html), Read(usual.html)
    assert (page.tags, page.attributes) == (expected.tags, expected.attributes)
    assert "603729" not in mail.text
    assert not any(line.startswith("Bcc:") for line in mail.text.splitlines())
    assert len(mail.text.splitlines()) == len(usual.text.splitlines())
    assert mail.subject.splitlines() == [mail.subject]


def test_every_template_file_is_one_that_is_sent() -> None:
    expected = {f"{each}.{kind}" for each in MailTemplate for kind in ("txt", "html")}
    assert {path.name for path in TEMPLATES.iterdir()} == expected | {"layout.html"}
