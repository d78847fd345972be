"""Which pictures the video models take. The rules are Kling's
(https://klingai.com/document-api/api/video/3-0-omni/image-to-video); the number of pixels is
bounded besides, because a small file may decode to gigabytes."""

from decimal import Decimal

from service.media.image_headers import HeaderUnreadable, Size

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MIN_SIDE_PIXELS = 300
MAX_ASPECT_RATIO = Decimal("2.5")
MAX_PIXELS = 100_000_000
# RFC 1951: 258 bytes by two codes of one bit each.
MAX_DEFLATE_RATIO = 1032

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# Samples of each pixel, by colour type.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def check_size(size: Size) -> None:
    """Raises `HeaderUnreadable` with a sentence for a picture that no model takes."""
    shorter, longer = sorted((size.width, size.height))
    pixels = f"The image has {size.width} x {size.height} pixels"
    if shorter < MIN_SIDE_PIXELS:
        raise HeaderUnreadable(f"{pixels}; each side must have at least {MIN_SIDE_PIXELS}.")
    if longer > shorter * MAX_ASPECT_RATIO:
        raise HeaderUnreadable(
            f"{pixels}; its longer side may be at most {MAX_ASPECT_RATIO:f} times its shorter one."
        )
    if shorter * longer > MAX_PIXELS:
        raise HeaderUnreadable(f"{pixels}; at most {MAX_PIXELS:,} are taken.")


def check_file(image: bytes, size: Size) -> None:
    """Raises `HeaderUnreadable` for a PNG with anything behind its end, or with less data than its
    pixels need however well they are compressed: its header lies."""
    if not image.startswith(_PNG):
        return
    if image.find(_PNG_END) != len(image) - len(_PNG_END):
        raise HeaderUnreadable("There is something behind the end of the image.")
    depth, colour = image[24], image[25]
    row = -(-size.width * depth * _PNG_CHANNELS[colour] // 8) + 1
    if row * size.height > len(image) * MAX_DEFLATE_RATIO:
        raise HeaderUnreadable("The image has less data than its number of pixels needs.")
