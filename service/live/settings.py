"""How live sessions are held, relayed and bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, more_than, setting
from service.ledger.settings import LedgerSettings
from service.providers.assemblyai.settings import AssemblyAiSettings

# AssemblyAI ends a session after three hours by its own clock, which starts first (its error 3008).
MAX_SECONDS = 10_700
# What AssemblyAI's tokens can be bound to, by its description, in seconds.
MIN_BLOCK_SECONDS, MAX_BLOCK_SECONDS = 60, 10_800
MAX_REDEEM_SECONDS = 600
# What is left to begin a session with a token once it is charged: to receive it and to connect.
USE_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class LiveSettings(Section):
    live_url: str = setting(
        "", "address of the relay's WebSocket; empty: PUBLIC_URL as wss, with its path"
    )
    live_host: str = setting("127.0.0.1", "address that the relay listens on")
    live_port: int = setting(8080, "port of the relay")
    live_slice_seconds: int = setting(120, "how much of a live session is held at once", minimum=30)
    live_max_seconds: int = setting(
        10_700, "longest live session; AssemblyAI's own end after three hours", minimum=60
    )
    live_ticket_seconds: float = setting(60.0, "how long a ticket can begin a live session")
    live_vendor_tokens: bool = setting(
        False,
        "whether a user may have AssemblyAI's token for a block of time in place of the relay",
    )
    live_block_seconds: int = setting(
        600, "how long such a block is; it is charged whole", minimum=MIN_BLOCK_SECONDS
    )
    live_token_seconds: int = setting(
        120, "how long AssemblyAI's token can begin a session; at most 600"
    )
    live_idle_seconds: int = setting(
        30, "how far audio may fall behind before its live session ends", minimum=5
    )
    live_silence_seconds: int = setting(
        60, "after how long without a word a live session ends", minimum=5
    )
    live_connections: int = setting(250, "live sessions of one relay; more are refused")
    user_live_connections: int = setting(3, "how many of them one user may have")
    live_grace_seconds: float = setting(
        60.0, "how long after the end of what is held its relay may still store and settle it"
    )
    live_threads: int = setting(16, "threads of one relay that call the table")
    live_leave_seconds: float = setting(
        15.0,
        "how long a relay that ends goes on, no longer ready, so that balancers leave",
        minimum=0,
    )
    live_drain_seconds: float = setting(
        20.0, "how long a relay may then take to end and settle its sessions"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        """Of what is offered alone: no other process is kept from starting."""
        if not settings.section(AssemblyAiSettings).is_configured:
            return
        ledger = settings.section(LedgerSettings)
        needed = 2 * ledger.transaction_deadline_seconds + 20
        what = "twice TRANSACTION_DEADLINE_SECONDS + 20"
        yield from more_than([("LIVE_GRACE_SECONDS", self.live_grace_seconds, what, needed)])
        if self.live_max_seconds > MAX_SECONDS:
            yield f"LIVE_MAX_SECONDS must not be more than {MAX_SECONDS}"
        if self.live_block_seconds > MAX_BLOCK_SECONDS:
            yield f"LIVE_BLOCK_SECONDS must not be more than {MAX_BLOCK_SECONDS}"
        if self.live_token_seconds > MAX_REDEEM_SECONDS:
            yield f"LIVE_TOKEN_SECONDS must not be more than {MAX_REDEEM_SECONDS}"
        if self.live_vendor_tokens:
            needed = 2 * settings.section(AssemblyAiSettings).assemblyai_create_seconds
            what = f"twice ASSEMBLYAI_CREATE_SECONDS + {USE_SECONDS}"
            window = ("LIVE_TOKEN_SECONDS", self.live_token_seconds, what, needed + USE_SECONDS)
            yield from more_than([window])
        if self.live_max_seconds < self.live_slice_seconds:
            yield "LIVE_MAX_SECONDS must not be less than LIVE_SLICE_SECONDS"
        if self.user_live_connections > self.live_connections:
            yield "USER_LIVE_CONNECTIONS must not be more than LIVE_CONNECTIONS"
        if self.live_url and not self.live_url.startswith(("ws://", "wss://")):
            yield "LIVE_URL must be a ws(s) address"
