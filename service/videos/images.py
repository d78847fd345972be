"""What a client may send as an image: a public https address, or the bytes themselves in base64."""

import base64
import binascii

from service.core.public_urls import check_public_url
from service.videos.entities import MAX_IMAGE_BYTES, ImageTooLarge, ImageUnusable

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_MAX_BASE64 = MAX_IMAGE_BYTES * 4 // 3 + 4


def is_address(image: str) -> bool:
    return "://" in image[:32] or image[:2] == "//"


def check_address(image: str) -> None:
    """Raises `AddressRefused`. The address is checked, never fetched: Kling fetches it."""
    if is_address(image):
        check_public_url(image)


def check_bytes(image: str) -> None:
    """Raises `ImageUnusable` or `ImageTooLarge` for what is not an address."""
    if is_address(image):
        return
    if len(image) > _MAX_BASE64:
        raise ImageTooLarge
    try:
        data = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise ImageUnusable from None
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLarge
    if not data.startswith(_SIGNATURES):
        raise ImageUnusable
