"""The recordings behind addresses. Those on this machine are really fetched; the simulators reach
nothing else, so of every other address its name says what is there."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from devstack.simulators.assemblyai.transcripts import seconds_of

MAX_FETCHED_BYTES = 64 * 1024
# Mono, 16 bits, 16 kHz: what a recording without a readable header is taken for.
_BYTES_PER_SECOND = 32_000
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_TIMEOUT = Timeout(connect=2.0, read=5.0)
_NO_AUDIO = "File does not appear to contain audio. File type is {} ({})."
_BEGINNINGS = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\x1aE\xdf\xa3")


@dataclass(frozen=True)
class Audio:
    """How long a recording is; `error` is what AssemblyAI says of one that it cannot use."""

    seconds: int
    error: str = ""


def audio_at(url: str, shown_url: str, is_ours: Callable[[str], bool]) -> Audio:
    """What is behind an address. `is_ours` says whether it is an upload of this simulator."""
    if is_ours(url):
        return Audio(seconds_of(shown_url))
    if (urlsplit(url).hostname or "") not in _LOCAL:
        return _named(shown_url)
    try:
        return _fetched(url, shown_url)
    except (HTTPError, OSError, ValueError):
        return Audio(0, f"Download error, unable to download {shown_url}")


def _named(url: str) -> Audio:
    name = urlsplit(url).path.rpartition("/")[2]
    if "missing" in name:
        return Audio(0, f"Download error, unable to download {url}")
    if "noaudio" in name:
        return Audio(0, _NO_AUDIO.format("text/html", "HTML document"))
    return Audio(seconds_of(url))


def _fetched(url: str, shown_url: str) -> Audio:
    with (
        PoolManager(retries=False, timeout=_TIMEOUT) as connections,
        connections.request("GET", url, preload_content=False, redirect=False) as response,
    ):
        if response.status != 200:
            return Audio(0, f"Download error, unable to download {shown_url}")
        start = response.read(MAX_FETCHED_BYTES)
        length = int(response.headers.get("Content-Length") or len(start))
    if not start.startswith(_BEGINNINGS) and start[4:8] != b"ftyp":
        return Audio(0, _NO_AUDIO.format("application/octet-stream", "data"))
    if length * 1000 < 160 * _BYTES_PER_SECOND:
        return Audio(0, "Audio duration is too short.")
    return Audio(max(1, length // _BYTES_PER_SECOND))
