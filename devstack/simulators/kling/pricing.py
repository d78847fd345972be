"""What a video costs in units of a prepaid pack
(https://kling.ai/document-api/pricing/base/video)."""

from decimal import Decimal
from types import MappingProxyType

from devstack.simulators.kling.video_requests import VideoRequest

# (model, mode) -> units of a 5 second clip; one of 10 seconds costs twice as much.
_CLIPS = MappingProxyType(
    {
        ("kling-v1", "std"): Decimal("1"),
        ("kling-v1", "pro"): Decimal("3.5"),
        ("kling-v1-5", "std"): Decimal("2"),
        ("kling-v1-5", "pro"): Decimal("3.5"),
        ("kling-v1-6", "std"): Decimal("2"),
        ("kling-v1-6", "pro"): Decimal("3.5"),
        ("kling-v2-master", "std"): Decimal("10"),
        ("kling-v2-master", "pro"): Decimal("10"),
        ("kling-v2-1", "std"): Decimal("2"),
        ("kling-v2-1", "pro"): Decimal("3.5"),
        ("kling-v2-1-master", "std"): Decimal("10"),
        ("kling-v2-1-master", "pro"): Decimal("10"),
        ("kling-v2-5-turbo", "std"): Decimal("1.5"),
        ("kling-v2-5-turbo", "pro"): Decimal("2.5"),
        ("kling-v2-6", "std"): Decimal("1.5"),
        ("kling-v2-6", "pro"): Decimal("2.5"),
    }
)

# (mode, sound) -> units of each second with kling-v3.
_SECONDS = MappingProxyType(
    {
        ("std", False): Decimal("0.6"),
        ("std", True): Decimal("0.9"),
        ("pro", False): Decimal("0.8"),
        ("pro", True): Decimal("1.2"),
        ("4k", False): Decimal("3"),
    }
)


def units(request: VideoRequest) -> Decimal:
    """Units charged for the request if it succeeds."""
    if request.model_name == "kling-v3":
        return _SECONDS[request.mode, request.sound] * int(request.duration)
    clip = _CLIPS[request.model_name, request.mode] * (2 if request.duration == "10" else 1)
    return clip * 2 if request.sound else clip


def plain(amount: Decimal) -> str:
    """The amount as on the wire: `3.5`, `10`, `0`."""
    return format(amount.normalize(), "f") if amount else "0"
