"""The mailbox of the local stack in a real browser."""

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.notifications.mail_entities import FIELDS, MailTemplate, SealedMail
from service.notifications.mail_sender import SesSender
from service.notifications.mail_texts import MailTexts
from tests.browser.chromium import Page
from tests.notifications.test_mail_texts import PLAIN

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_a_person_reads_a_mail_and_nothing_of_it_runs(width: int, dark: bool) -> None:
    with SimulatorServer(SimulatorSettings(port=0)) as server, Page(width, dark=dark) as page:
        texts = MailTexts(f"{server.url}/app", "Farebox")
        ses = SesSender.of("us-east-1", f"{server.url}/ses", "no-reply@farebox.example", "")
        page.go(f"{server.url}/ses/__mailbox")
        page.wait('document.querySelector(".empty")')
        for template in MailTemplate:
            mail = SealedMail(f"m-{template}", "ann", template, "ann", None)
            fields = {name: PLAIN[name] for name in FIELDS[template]}
            ses.send(texts.outgoing(mail, "ann@mail.example", fields))
        page.wait('document.querySelectorAll("nav a").length')
        page.go(f"{server.url}/ses/__mailbox")
        page.wait(f'document.querySelectorAll("nav a").length === {len(MailTemplate)}')
        page.evaluate('[...document.querySelectorAll("nav a")].at(-1).click()')
        page.wait('document.querySelector("h2")?.textContent.includes("Confirm")')
        page.wait('document.querySelector("pre a")?.href.includes("#token=a%2Bb")')
        assert page.evaluate('document.querySelector("iframe").contentDocument === null')
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.violations() == []
        assert [line for line in page.console if line.startswith("error")] == []
        assert all(server.url in each or "data:" in each for each in page.requests)
