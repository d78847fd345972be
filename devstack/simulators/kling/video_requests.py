"""Validates a request for a video (legacy `POST /v1/videos/image2video`)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from devstack.simulators.kling.codes import KlingError
from devstack.simulators.kling.pictures import is_usable

MAX_TEXT_CHARACTERS = 2_500
MAX_IMAGE_BYTES = 10 * 1024 * 1024

# An image URL with this in its path is refused at once, or accepted and the task fails later. The
# messages are the vendor's own.
REFUSED_IMAGE_PATH = "refused-image"
FAILING_IMAGE_PATHS = MappingProxyType(
    {
        "bad-pixels": "Image pixel is invalid",
        "bad-content": "Failure to pass the risk control system",
    }
)
NOT_AN_IMAGE = "File is not in a valid base64 format"

_DEFAULT_MODEL = "kling-v1"
_CLIPS = ("5", "10")
_BY_THE_SECOND = tuple(str(seconds) for seconds in range(3, 16))


@dataclass(frozen=True)
class Model:
    """What one model can do. `end_frame`: the modes that take `image_tail`, in clips of
    `end_frame_durations`; `sound`: the modes that make sound."""

    modes: tuple[str, ...] = ("std", "pro")
    durations: tuple[str, ...] = _CLIPS
    end_frame: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()
    end_frame_durations: tuple[str, ...] = (*_CLIPS, *_BY_THE_SECOND)


MODELS = MappingProxyType(
    {
        "kling-v1": Model(end_frame=("std", "pro"), end_frame_durations=("5",)),
        "kling-v1-5": Model(end_frame=("pro",)),
        "kling-v1-6": Model(end_frame=("pro",)),
        "kling-v2-master": Model(),
        "kling-v2-1": Model(end_frame=("pro",)),
        "kling-v2-1-master": Model(),
        "kling-v2-5-turbo": Model(end_frame=("pro",)),
        "kling-v2-6": Model(end_frame=("pro",), sound=("pro",)),
        "kling-v3": Model(("std", "pro", "4k"), _BY_THE_SECOND, ("std", "pro"), ("std", "pro")),
    }
)


@dataclass(frozen=True)
class VideoRequest:
    """A valid request. `image` is the URL or base64 text as sent; with a `failure` the task will
    fail, with that message."""

    model_name: str
    mode: str
    duration: str
    sound: bool
    image: str
    failure: str
    watermark: bool
    callback_url: str
    external_task_id: str


def parse_request(body: bytes) -> VideoRequest:
    """Parses a request body; unknown fields are ignored.

    Raises `KlingError`: 1200 not a JSON object, 1203 unknown model, 1201 any other invalid
    value."""
    fields = _fields(body)
    name, model = _model(fields)
    mode = _word(fields, "mode", "std", model.modes)
    duration = _word(fields, "duration", "5", model.durations)
    sound = _word(fields, "sound", "off", ("on", "off")) == "on"
    if sound and mode not in model.sound:
        raise KlingError(1201, "sound is not supported by this model and mode")
    _check_texts(fields)
    _check_scale(fields)
    pictures = [_picture(fields, key) for key in ("image", "image_tail") if fields.get(key)]
    if not pictures:
        raise KlingError(1201, "image and image_tail can not be empty at the same time")
    if fields.get("image_tail"):
        _check_end_frame(fields, model, (mode, duration, sound))
    return VideoRequest(
        model_name=name,
        mode=mode,
        duration=duration,
        sound=sound,
        image=pictures[0][0],
        failure=next((failure for _, failure in pictures if failure), ""),
        watermark=_watermark(fields),
        callback_url=_callback_url(fields),
        external_task_id=_text(fields, "external_task_id"),
    )


def _fields(body: bytes) -> Mapping[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise KlingError(1200, "the request body is not JSON") from None
    if not isinstance(fields, dict):
        raise KlingError(1200, "the request body is not a JSON object")
    return fields


def _model(fields: Mapping[str, object]) -> tuple[str, Model]:
    """The old field `model` is ignored, so that such a request gets the default model: so does the
    vendor."""
    name = _text(fields, "model_name") or _DEFAULT_MODEL
    if name not in MODELS:
        raise KlingError(1203, f"model {name[:64]!r} does not exist")
    return name, MODELS[name]


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise KlingError(1201, f"{key} must be a string")
    return value


def _word(fields: Mapping[str, object], key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = _text(fields, key) or default
    if value not in allowed:
        raise KlingError(1201, f"{key} must be one of {', '.join(allowed)}")
    return value


def _check_texts(fields: Mapping[str, object]) -> None:
    for key in ("prompt", "negative_prompt"):
        if len(_text(fields, key)) > MAX_TEXT_CHARACTERS:
            raise KlingError(
                1201, f"{key} must not be longer than {MAX_TEXT_CHARACTERS} characters"
            )


def _check_scale(fields: Mapping[str, object]) -> None:
    value = fields.get("cfg_scale", 0.5)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise KlingError(1201, "cfg_scale must be a number from 0 to 1")


def _picture(fields: Mapping[str, object], key: str) -> tuple[str, str]:
    """The image, and the message with which it will fail the task, if it will. URLs are never
    fetched."""
    text = _text(fields, key)
    if text.startswith(("http://", "https://")):
        return text, _linked_failure(_url_path(text, key))
    try:
        picture = base64.b64decode(text, validate=True)
    except ValueError:
        raise KlingError(1201, NOT_AN_IMAGE) from None
    if len(picture) > MAX_IMAGE_BYTES:
        raise KlingError(1201, "Image size exceeds 10MB")
    return text, "" if is_usable(picture) else FAILING_IMAGE_PATHS["bad-pixels"]


def _linked_failure(path: str) -> str:
    if REFUSED_IMAGE_PATH in path:
        raise KlingError(1201, NOT_AN_IMAGE)
    return next((text for part, text in FAILING_IMAGE_PATHS.items() if part in path), "")


def _url_path(url: str, key: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or not parts.hostname:
        raise KlingError(1201, f"{key} is not a valid address")
    return parts.path


def _check_end_frame(
    fields: Mapping[str, object], model: Model, chosen: tuple[str, str, bool]
) -> None:
    mode, duration, sound = chosen
    if mode not in model.end_frame or duration not in model.end_frame_durations or sound:
        raise KlingError(1201, "image_tail is not supported by this model, mode and duration")
    if any(fields.get(key) for key in ("static_mask", "dynamic_masks", "camera_control")):
        raise KlingError(1201, "image_tail, masks and camera_control exclude each other")


def _watermark(fields: Mapping[str, object]) -> bool:
    info = fields.get("watermark_info")
    if info is None:
        return False
    enabled = info.get("enabled", False) if isinstance(info, dict) else None
    if not isinstance(enabled, bool):
        raise KlingError(1201, "watermark_info must be an object with enabled true or false")
    return enabled


def _callback_url(fields: Mapping[str, object]) -> str:
    url = _text(fields, "callback_url")
    if not url:
        return ""
    if not url.startswith(("http://", "https://")):
        raise KlingError(1201, "callback_url must be an http(s) address")
    _url_path(url, "callback_url")
    return url
