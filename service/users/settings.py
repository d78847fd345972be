"""How many users there may be, and what a new one starts with."""

from dataclasses import dataclass
from decimal import Decimal

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class UsersSettings(Section):
    max_users: int = setting(33, "how many users the system takes", minimum=0)
    welcome_credits: Decimal = setting(Decimal(3), "credits a new user starts with", minimum=0)
