"""How many users there may be, and what a new one starts with."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from service.core.settings import Section, Sections, setting

_MAX_SHARING_USERS = 50


@dataclass(frozen=True, kw_only=True)
class UsersSettings(Section):
    max_users: int = setting(33, "how many users the system takes", minimum=0)
    welcome_credits: Decimal = setting(Decimal(3), "credits a new user starts with", minimum=0)
    device_policy: str = setting(
        "refuse",
        "what becomes of new users whose device is another user's: refuse; no_welcome: they get no "
        "free credits; review: they are frozen until an operator decides",
        choices=("refuse", "no_welcome", "review"),
    )
    max_users_per_device: int = setting(
        5,
        "how many users may sign up with one device: the one who gets the welcome credits, and "
        "others where they get none or DEVICE_POLICY lets them in. One place is kept for the "
        "first: 1 refuses everyone else, also whoever has no verified address",
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.max_users_per_device > _MAX_SHARING_USERS:
            yield f"MAX_USERS_PER_DEVICE must be at most {_MAX_SHARING_USERS}"
