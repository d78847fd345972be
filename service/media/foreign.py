"""Files that are something else besides: a page, a script, an archive or a document inside what
begins as a picture or as sound. Whoever serves or unpacks such a file later runs the other half.

Where other programs find what they know: browsers sniff the first bytes
(https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type), archives are
found from their end (APPNOTE.TXT, 4.3.16), PDF within the first 1,024 bytes, scripts anywhere."""

import re

from service.media.image_headers import HeaderUnreadable

SNIFFED_BYTES = 1024
_PAGES = (b"<!doctype", b"<html", b"<head", b"<body", b"<iframe", b"<svg", b"%pdf-")
_SCRIPTS = (b"<script", b"<?php", b"__halt_compiler")
# The end of a ZIP's directory: on one disk, with all of its entries on it. By chance in 10 MB:
# less than once in 10^15 files.
_ARCHIVE_END = re.compile(rb"PK\x05\x06\0\0\0\0(..)\1", re.DOTALL)


def check_is_alone(content: bytes) -> None:
    """Raises `HeaderUnreadable` for a file, or the beginning and the end of one, that is something
    else too."""
    lower = content.lower()
    is_page = any(each in lower[:SNIFFED_BYTES] for each in _PAGES)
    if is_page or any(each in lower for each in _SCRIPTS) or _ARCHIVE_END.search(content):
        raise HeaderUnreadable("The file is something else besides what its name says.")
