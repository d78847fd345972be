"""The vendored API reference component: the browser bundle of Scalar's `@scalar/api-reference`.

To update it: put `dist/browser/standalone.js` of the new npm package here, compressed with
`gzip -9n`, and correct the constants and the licences of its parts. `make browser` then says
whether the page still works under its policy."""

from functools import cache
from importlib.resources import files

from service.web.docs.assets import Asset

VERSION = "1.76.0"
# Of the file as the npm package has it, uncompressed.
SHA256 = "dcb027152bf20bf2f6dcd66e8f9fb073c1a9e274cf0b94b939a7d99ab8947060"


@cache
def bundle() -> Asset:
    """The component's script. It stays compressed in the image, in memory and on the wire: 1.4 MB
    instead of 4.9 MB."""
    body = (files("service.web.docs") / "vendor" / "scalar" / "standalone.js.gz").read_bytes()
    return Asset("reference", "js", body, gzipped=True)
