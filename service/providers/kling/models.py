"""Which modes and durations each of Kling's models takes for a video from one image
(https://app.klingai.com/global/dev/document-api/apiReference, capability map).

A model that is not here is refused at start: Kling would refuse every request for it. Models
without modes of their own ("master") ignore `mode`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_CLIPS = ("5", "10")
_BY_THE_SECOND = tuple(str(seconds) for seconds in range(3, 16))


@dataclass(frozen=True)
class Model:
    """Durations are seconds as Kling spells them."""

    modes: tuple[str, ...] = ("std", "pro")
    durations: tuple[str, ...] = _CLIPS


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "kling-v1": Model(),
        "kling-v1-5": Model(),
        "kling-v1-6": Model(),
        "kling-v2-master": Model(),
        "kling-v2-1": Model(),
        "kling-v2-1-master": Model(),
        "kling-v2-5-turbo": Model(),
        "kling-v2-6": Model(),
        "kling-v3": Model(("std", "pro", "4k"), _BY_THE_SECOND),
    }
)
MODES = tuple(dict.fromkeys(mode for model in MODELS.values() for mode in model.modes))
DURATIONS = _BY_THE_SECOND
