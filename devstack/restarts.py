"""When a process that died is restarted, and when not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RestartRule:
    """Restarts after a delay that doubles with each death; stops restarting at the
    `max_deaths`-th death within `window_seconds`."""

    max_deaths: int = 5
    window_seconds: float = 60.0
    first_wait_seconds: float = 0.2
    max_wait_seconds: float = 3.0

    def recent(self, deaths: tuple[float, ...], now: float) -> tuple[float, ...]:
        """The deaths (monotonic seconds) within the window."""
        return tuple(at for at in deaths if now - at < self.window_seconds)[-self.max_deaths :]

    def wait_seconds(self, deaths: tuple[float, ...], now: float) -> float | None:
        """The delay before the restart; None: do not restart."""
        count = len(self.recent(deaths, now))
        if count >= self.max_deaths:
            return None
        return min(self.max_wait_seconds, self.first_wait_seconds * 2.0 ** max(0, count - 1))
