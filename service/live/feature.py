"""Live transcription: a kind of work for `jobs`, the route of its tickets, and what the relay runs.
Without a vendor of transcripts there is none of it."""

from contextlib import suppress
from urllib.parse import urlsplit

from service.catalog.operations import Catalog
from service.core.account_gate import AccountGate
from service.core.server_key_gate import ServerKeyGate
from service.core.settings import CoreSettings, SettingsError
from service.core.token_cipher import TokenCipher
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.settings import JobsSettings
from service.jobs.submit_places import SubmitPlaces
from service.jobs.work import Operations
from service.live import keys
from service.live.block_sales import BlockSales
from service.live.blocks import LiveBlocks
from service.live.callers import Callers
from service.live.checks import segment_check
from service.live.entities import STREAM_PATH
from service.live.operations import Live
from service.live.personal_data import SegmentData
from service.live.routes import live_blueprint
from service.live.serving import Relay, RelayLimits
from service.live.sessions import SessionLimits
from service.live.settings import USE_SECONDS, LiveSettings
from service.live.tickets import Tickets
from service.live.work import LiveTranscribing
from service.providers.assemblyai.settings import AssemblyAiSettings
from service.providers.speech import SpeechProvider, SpeechTokens
from service.results.operations import Results
from service.sessions.operations import Sessions
from service.transcription.deletions import Deletions
from service.web.origins import Origin
from service.web.settings import WebSettings


def build(core: Core, parts: Parts) -> Feature:
    data = SegmentData(core.table)
    checks = (segment_check(),)
    if not core.section(AssemblyAiSettings).is_configured:
        return Feature(checks=checks, erasure=data.steps)
    settings = core.section(LiveSettings)
    work = LiveTranscribing(
        parts.get(Catalog),
        parts.get(SpeechProvider),
        parts.get(Results),
        core.table,
        core.data_keys,
        core.clock,
        settings.live_slice_seconds,
        settings.live_max_seconds,
        settings.live_grace_seconds,
    )
    parts.get(Operations).register_session(work)
    parts.get(Deletions).register(data.remove_of_job)
    cipher = TokenCipher(core.keyring.token_keys)
    live = Live(
        parts.get(Jobs),
        work,
        Tickets(cipher, core.clock, core.ids, settings.live_ticket_seconds),
        Callers(parts.get(AccountGate), parts.get(ServerKeyGate), parts.get(Sessions)),
        core.table,
        core.data_keys,
        core.clock,
        settings.live_slice_seconds,
        settings.live_max_seconds,
    )
    sales = _block_sales(core, parts, cipher)
    url = settings.live_url or _address(core.settings.core)
    return Feature(
        operations={Live: live, BlockSales: sales},
        blueprints=lambda: (live_blueprint(live, sales, url),),
        checks=checks,
        erasure=data.steps,
    )


def _block_sales(core: Core, parts: Parts, cipher: TokenCipher) -> BlockSales:
    """Registered whether or not blocks are offered: those that were sold are settled and shown."""
    settings, submits = core.section(LiveSettings), core.section(JobsSettings)
    blocks = LiveBlocks(
        parts.get(Catalog),
        parts.get(SpeechTokens).name,
        cipher,
        core.clock,
        settings.live_block_seconds,
        settings.live_token_seconds,
        # For its token, its charge, and clocks that differ.
        settings.live_grace_seconds,
        is_offered=settings.live_vendor_tokens,
    )
    parts.get(Operations).register_call(blocks)
    return BlockSales(
        parts.get(Jobs),
        blocks,
        parts.get(SpeechTokens),
        core.clock,
        SubmitPlaces(submits.submit_limit, submits.user_submit_limit, core.clock),
        core.section(AssemblyAiSettings).assemblyai_create_seconds,
        USE_SECONDS,
    )


def relay_of(parts: Parts) -> Relay:
    """The relay over those parts. Raises `SettingsError` where no vendor is configured."""
    core = parts.core
    if not core.section(AssemblyAiSettings).is_configured:
        raise SettingsError(["The relay needs ASSEMBLYAI_API_KEY_SECRET_NAME"])
    settings, web = core.section(LiveSettings), core.section(WebSettings)
    return Relay(
        parts.get(Live),
        parts.get(SpeechProvider),
        core.table.ready,
        core.clock,
        core.metrics,
        web.cors_allowed_origins,
        own_origins(core.settings.core.public_url, settings.live_url),
        RelayLimits(
            settings.live_connections,
            settings.user_live_connections,
            settings.live_threads,
            settings.live_leave_seconds,
            settings.live_drain_seconds,
        ),
        SessionLimits(
            settings.live_max_seconds,
            settings.live_idle_seconds,
            settings.live_silence_seconds,
        ),
    )


def own_origins(*urls: str) -> frozenset[str]:
    """What a client that is no page, as React Native, makes of the address that it connects to."""
    found: set[str] = set()
    for parts in (urlsplit(url) for url in urls if url):
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        with suppress(ValueError):
            found.add(Origin(f"{scheme}://{parts.netloc}"))
    return frozenset(found)


def _address(core: CoreSettings) -> str:
    """The relay stands behind the same name as the web process."""
    scheme, _, rest = core.public_url.rstrip("/").partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}{STREAM_PATH}"


LIVE = Declaration(name="live", build=build, settings=LiveSettings, items=keys.ITEMS)
