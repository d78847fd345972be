"""The relay of live sessions: one event loop, until it is stopped. Any number of relays may run;
any may die anywhere."""

import asyncio
import signal
import sys

from service.app import build, load_settings
from service.core.errors import FareboxError
from service.core.logs import configure
from service.core.settings import SettingsError
from service.core.sweep import run_in_background
from service.ledger.scale import check_scale
from service.live.feature import relay_of
from service.live.serving import OpenSessions, Relay
from service.live.settings import LiveSettings


def main() -> int:
    """Runs until SIGTERM or SIGINT, leaves, ends its sessions and settles them; a second signal
    ends the leaving. 0 when it was stopped, 1 when it could not start."""
    try:
        settings = load_settings()
        configure(settings.core.log_level, settings.core.log_format)
        parts = build(settings, service="relay")
        check_scale(parts.core.table)
        relay = relay_of(parts)
    except (SettingsError, FareboxError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    run_in_background((*parts.web_sweeps(), OpenSessions(relay, parts.core.metrics)))
    try:
        asyncio.run(_serve(relay, parts.core.section(LiveSettings)))
    except OSError as error:
        sys.stderr.write(f"The relay cannot listen: {error.strerror}\n")
        return 1
    finally:
        parts.close()
    return 0


async def _serve(relay: Relay, settings: LiveSettings) -> None:
    stop, at_once, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        (at_once if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await relay.run(settings.live_host, settings.live_port, stop, at_once)


if __name__ == "__main__":
    sys.exit(main())
