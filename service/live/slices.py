"""What a session may relay, and what more of it costs. Pure.

In a file of its own because these rules are the money of a session. Times are monotonic seconds."""

from dataclasses import dataclass

from service.catalog.pricing import Counter, Terms
from service.core.amounts import Amount
from service.jobs.extensions import Extension
from service.live.entities import MIN_SECONDS
from service.providers.speech import Ended

# How far audio may be ahead of the time in which it is spoken: what a client buffers meanwhile.
BURST_SECONDS = 5
# A browser's audio comes in blocks of 128 samples: of 48 kHz, 375 in a second.
FRAMES_A_SECOND = 400
FRAMES = 4_000
# How long before its end a slice is extended.
EXTEND_SECONDS = 30


def cost_of(terms: Terms, seconds: int) -> Amount:
    """The most that so many seconds cost."""
    return terms.bound({Counter.MILLISECONDS.value: seconds * 1000})


def affordable_seconds(
    terms: Terms, held: Amount, seconds: int, wanted: int, affordable: Amount
) -> int:
    """How many seconds more so many credits afford a session that holds `held` for `seconds`: up to
    what is wanted, found by halving, since cost grows with time. 0 for less than `MIN_SECONDS`,
    unless less is wanted."""
    low, high = 0, wanted
    while low < high:
        middle = (low + high + 1) // 2
        if cost_of(terms, seconds + middle) - held <= affordable:
            low = middle
        else:
            high = middle - 1
    return low if low >= min(MIN_SECONDS, wanted) else 0


def extension_of(terms: Terms, held: Amount, seconds: int, more: int) -> Extension:
    """The extension of a session that holds `held` for `seconds` by `more` seconds."""
    return Extension(max(0, cost_of(terms, seconds + more) - held), more * 1000)


@dataclass
class Meter:
    """Counts what is relayed, by its bytes: never a client's word. `until` is when all that is held
    has run out, `seconds` how much that is."""

    bytes_per_second: int
    began: float
    seconds: int
    until: float
    relayed_bytes: int = 0

    @property
    def relayed_seconds(self) -> int:
        """Whole seconds, at most what is held."""
        return min(self.relayed_bytes // self.bytes_per_second, self.seconds)

    def wait_seconds(self, size: int, now: float) -> float:
        """How long audio of that many bytes has to wait: until it is not further ahead of the time
        in which it is spoken than a burst, nor beyond what is held (infinite, until that grows)."""
        after = self.relayed_bytes + size
        if now >= self.until or after > self.seconds * self.bytes_per_second:
            return float("inf")
        return max(0.0, after / self.bytes_per_second - BURST_SECONDS - (now - self.began))

    def count(self, size: int) -> None:
        self.relayed_bytes += size

    def extend(self, seconds: int) -> None:
        self.seconds += seconds
        self.until += seconds

    def lag_seconds(self, now: float) -> float:
        """How far audio is behind the time in which it is spoken: a vendor bills that time."""
        return now - self.began - self.relayed_bytes / self.bytes_per_second

    def is_due(self, now: float) -> bool:
        """Whether it is time to extend: `EXTEND_SECONDS` before the end, or at half of what was
        held at first, where that is shorter."""
        return now >= self.until - min(EXTEND_SECONDS, self.seconds / 2)


@dataclass
class FrameLimit:
    """How many frames a client may send: each takes time, however little audio it has. `FRAMES` may
    come at once, after a pause of the network, and `FRAMES_A_SECOND` from then on."""

    at: float
    left: float = FRAMES

    def take(self, now: float) -> bool:
        """Whether one more may come."""
        self.left = min(FRAMES, self.left + (now - self.at) * FRAMES_A_SECOND)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


def charged_seconds(relayed: int, ended: Ended | None, *, has_words: bool) -> tuple[int, str]:
    """How many seconds are charged: what was relayed, at most what the vendor says that it had or
    how long its session lasted. A report of nothing, where there are words, is a vendor fault,
    which is named; then our own count decides."""
    reported = (
        [each for each in (ended.audio_seconds, ended.session_seconds) if each is not None]
        if ended
        else []
    )
    if has_words and 0 in reported:
        return relayed, "usage_zero"
    return min([relayed, *reported]), ""
