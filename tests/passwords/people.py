"""People with a password, and the mails that they receive, over the real parts."""

import json
from dataclasses import dataclass
from typing import Any

from service.core.mailboxes import address_of
from service.core.principal import Principal
from service.notifications import mail_store
from service.passwords.accounts import PasswordAccounts
from service.passwords.hashing import HashCost, Hashes
from service.passwords.operations import Passwords, Verified
from service.passwords.resets import PasswordResets
from service.passwords.sign_ins import Attempt, PasswordSignIns
from service.storage.codec import decode_item
from service.storage.data_keys import DataKeys
from service.web.native_threads import run_natively
from tests.doubles.service_harness import ServiceHarness

EMAIL = "ann@example.org"
PASSWORD = "seven tired otters"
OTHER_PASSWORD = "eight tired otters"
HOME, CAFE = "192.0.2.7", "198.51.100.9"
CHEAP = HashCost(memory_kibibytes=8, iterations=1, at_once=8, max_waiting=500, wait_seconds=30.0)


def cheap_hashes() -> Hashes:
    return Hashes(CHEAP, run_natively)


@dataclass(frozen=True)
class ReceivedMail:
    template: str
    to: str
    fields: dict[str, str]


class People:
    """Registers people and reads their mail."""

    def __init__(self, world: ServiceHarness) -> None:
        self.world = world
        self.passwords = world.parts.get(Passwords)
        self.sign_ins = world.parts.get(PasswordSignIns)
        self.resets = world.parts.get(PasswordResets)
        self.accounts = world.parts.get(PasswordAccounts)

    def register(self, email: str = EMAIL, password: str = PASSWORD, device: str = "phone") -> None:
        self.passwords.register(address_of(email), password, device)
        self.world.clock.advance(0.001)

    def token(self, template: str = "verify_email") -> str:
        """That of the latest mail."""
        return [mail for mail in self.mails() if mail.template == template][-1].fields["token"]

    def user(self, email: str = EMAIL, password: str = PASSWORD, device: str = "phone") -> Verified:
        """Someone who has registered and verified the address."""
        self.register(email, password, device)
        return self.verify(password=password)

    def verify(self, token: str | None = None, password: str = PASSWORD) -> Verified:
        """Opens that link, or that of the latest mail."""
        return self.passwords.verify_email(self.token() if token is None else token, password)

    def sign_in(
        self, email: str = EMAIL, password: str = PASSWORD, network: str = HOME
    ) -> Principal:
        return self.sign_ins.sign_in(Attempt(address_of(email), password, network)).principal

    def request_reset(self, email: str = EMAIL) -> None:
        self.resets.request(address_of(email))
        self.world.clock.advance(0.001)

    def mails(self) -> list[ReceivedMail]:
        """All that are queued, in the order in which they were."""
        raw = [item for item in self.world.items() if item["SK"]["S"].startswith("MAIL#")]
        items = [decode_item(item) for item in raw]
        items.sort(key=lambda item: str(item["createdAt"]))
        return [self._opened(item) for item in items if "content" in item]

    def _opened(self, item: Any) -> ReceivedMail:
        mail = mail_store.mail_from(item).mail
        data_keys: DataKeys = self.world.parts.core.data_keys
        assert mail.content is not None
        text = data_keys.open(mail.sealed_for, *mail_store.content_place(mail), mail.content)
        content = json.loads(text or "{}")
        return ReceivedMail(mail.template, content["to"], content["fields"])

    def kinds(self) -> list[str]:
        """The partitions and sort keys in the table, without what varies."""
        return sorted(
            f"{item['PK']['S'].partition('#')[0]}/{item['SK']['S'].partition('#')[0]}"
            for item in self.world.items()
        )
