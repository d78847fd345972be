"""How often events are handed on, and where webhooks may go."""

from dataclasses import dataclass

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class NotificationsSettings(Section):
    outbox_interval_seconds: float = setting(
        2.0, "pause between two runs of the sweeps that hand on events and deliver webhooks"
    )
    webhook_timeout_seconds: float = setting(
        10.0, "how long one webhook may take, from looking the name up to the response"
    )
    webhook_allow_private: bool = setting(
        False,
        "let webhooks go to private addresses and over http, as to the local simulators",
        development_only=True,
    )
