"""What a client may send as an image: a public https address, the name of an upload, or the bytes
themselves in base64."""

import base64
import binascii
import re

from service.core.public_urls import check_public_url
from service.core.urls import in_lower_case
from service.media.image_headers import HeaderUnreadable, read_size
from service.media.pictures import MAX_IMAGE_BYTES, check_size
from service.uploads.entities import is_reference
from service.videos.entities import ImageTooLarge, ImageUnusable, VideoBody

_MAX_BASE64 = MAX_IMAGE_BYTES * 4 // 3 + 4
_WHITESPACE = "\r\n\t "
_DATA_URL = re.compile(r"data:image/(?P<kind>png|jpe?g);base64,", re.IGNORECASE)
# How the base64 of each kind begins, by its signature.
_BEGINNINGS = {"png": "iVBORw0KGgo", "jpeg": "/9j/"}


def is_address(image: str) -> bool:
    head = image[:64].lstrip(_WHITESPACE)
    return ("://" in head[:32] and not _is_data(head)) or head[:2] == "//"


def without_whitespace(image: str) -> str:
    """Base64 as MIME and PEM tools break it into lines; an address is returned unchanged."""
    if is_address(image) or is_reference(image):
        return image
    for each in _WHITESPACE:
        image = image.replace(each, "")
    return image


def normalised(image: str) -> str:
    """The one form in which an image is checked, hashed, and sent: an address with its scheme and
    host in lower case, or plain base64 without whitespace and `data:` prefix. Raises
    `ImageUnusable` for a prefix that does not fit the image."""
    if is_address(image):
        return in_lower_case(image)
    text = without_whitespace(image)
    return _without_prefix(text) if _is_data(text) else text


def check_address(image: str) -> None:
    """Raises `AddressRefused`. The address is checked, never fetched: Kling fetches it."""
    if is_address(image):
        check_public_url(image)


def check_bytes(image: str) -> None:
    """Raises `ImageUnusable` or `ImageTooLarge` for what is neither an address nor the name of an
    upload."""
    if is_address(image) or is_reference(image):
        return
    if len(image) > _MAX_BASE64:
        raise ImageTooLarge
    try:
        data = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise ImageUnusable from None
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLarge
    try:
        check_size(read_size(data))
    except HeaderUnreadable as error:
        raise ImageUnusable(str(error)) from None


def checked(image: str, prompt_key: str, owner: str) -> VideoBody:
    """The request as it is held and sent. Raises `ImageUnusable` or `ImageTooLarge`."""
    body = VideoBody(normalised(image), prompt_key, owner)
    check_bytes(body.image)
    return body


def _is_data(text: str) -> bool:
    return text[:5].lower() == "data:"


def _without_prefix(text: str) -> str:
    prefix = _DATA_URL.match(text)
    if prefix is None:
        raise ImageUnusable(
            "A data: URL must begin with data:image/png;base64, or data:image/jpeg;base64,."
        )
    base64_text = text[prefix.end() :]
    kind = "png" if prefix["kind"].lower() == "png" else "jpeg"
    other = "jpeg" if kind == "png" else "png"
    if base64_text.startswith(_BEGINNINGS[other]):
        raise ImageUnusable(f"The data: URL says image/{kind}, but the image is a {other.upper()}.")
    return base64_text
