"""What becomes of a profile after the sign-up: a mailbox is proved, or welcome credits come later.

In a file of its own because most profiles stay as the sign-up has written them."""

from dataclasses import dataclass

from service.storage.codec import Item
from service.storage.writes import Update, When
from service.users import keys
from service.users.entities import DeviceUse, Digests
from service.users.store import EMAIL, WELCOME_MAILBOX


def email_index(item: Item, user_id: str, email: Digests | None) -> dict[str, str]:
    """What puts a profile as stored into the index under an address that was proved only now;
    nothing for a profile without an address, or that is there. Whoever finds a user by it compares
    the address."""
    if email is None or EMAIL not in item or "GSI1PK" in item:
        return {}
    return keys.email_index(user_id, email.newest)


@dataclass(frozen=True)
class LateMailbox:
    """The mailbox that late welcome credits rest on (None: a bare GoogleID has none), whether it is
    claimed just then, and the `email_index` of its address."""

    digests: Digests | None
    is_new: bool
    index: dict[str, str]

    @property
    def noted(self) -> dict[str, str]:
        """What a profile says of it. A mailbox that came with a linked identity is not that of the
        profile's own address."""
        if self.digests is None:
            return {}
        newest = self.digests.newest
        own = {"mailboxDigest": newest} if self.is_new else {}
        return {WELCOME_MAILBOX: newest, **own, **self.index}


def mailbox_noted_write(user_id: str, mailbox: Digests, index: dict[str, str]) -> Update:
    """The profile of a user whose mailbox is claimed only now. `index` is an `email_index`."""
    key = keys.profile(user_id)
    guard = When(equals={"PK": key.pk, "mailboxDigest": None})
    return Update(key, guard, set={"mailboxDigest": mailbox.newest, **index})


def shared_write(user_id: str, device: Digests, mailbox: LateMailbox) -> Update:
    """The profile of a user whose device turned out to be another's."""
    key = keys.profile(user_id)
    shared = {"deviceDigest": device.newest, "deviceUse": DeviceUse.SHARED.value, **mailbox.noted}
    return Update(key, When(equals={"PK": key.pk}), set=shared)


def welcomed_write(user_id: str, device: Digests, mailbox: LateMailbox) -> Update:
    """The profile of a user who gets the welcome credits with a device that they claim."""
    key = keys.profile(user_id)
    claimed = {"deviceDigest": device.newest, **mailbox.noted}
    return Update(key, When(equals={"PK": key.pk}), set=claimed, remove=("deviceUse",))
