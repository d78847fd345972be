"""What the vendor makes of a picture that was sent as base64: it decodes it.

A real decoder, not the header check of the service, so that the two can disagree."""

import io

from PIL import Image

MIN_SIDE_PIXELS = 300
MAX_DECODED_PIXELS = 40_000_000

# Larger pictures are not decoded here, so Pillow need not warn of them.
Image.MAX_IMAGE_PIXELS = None


def is_usable(picture: bytes) -> bool:
    """Whether it is a JPEG or PNG that decodes, at least 300 pixels on each side and at most 2.5
    times as long as wide, or as wide as long."""
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG")) as image:
            shorter, longer = sorted(image.size)
            if shorter * longer <= MAX_DECODED_PIXELS:
                image.load()
    except Exception:
        # Pillow raises errors of many kinds for files that are damaged.
        return False
    return shorter >= MIN_SIDE_PIXELS and longer * 2 <= shorter * 5
