"""Which servers are trusted: those with a certificate under one of the public roots."""

import ssl
from functools import cache

import certifi


@cache
def public_roots() -> ssl.SSLContext:
    """The TLS context over certifi's roots. Loading them takes 17 ms and holds a megabyte, so a
    process makes one and shares it."""
    return ssl.create_default_context(cafile=certifi.where())
