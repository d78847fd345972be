"""What gevent has not replaced in a process that it has patched."""

import ssl
import sys
from collections.abc import Iterator
from types import ModuleType

from gevent import monkey

import service.app

PACKAGES = ("service", "flask", "werkzeug", "boto3", "botocore", "urllib3", "requests", "structlog")
PATCHED = ("socket", "ssl", "threading", "time", "select", "queue")


def unpatched_names() -> list[str]:
    """The modules that are not patched, and the names of our libraries that still mean an
    original."""
    modules = [name for name in PATCHED if not monkey.is_module_patched(name)]
    return modules + sorted(_original_names())


def _original_names() -> Iterator[str]:
    assert service.app.build
    # Reading it recurses without end where only one of the two classes is known to the other.
    assert ssl.create_default_context().minimum_version
    originals = {
        id(value): f"{module}.{name}"
        for module, names in monkey.saved.items()
        for name, value in names.items()
        if callable(value)
    }
    for module_name, module in tuple(sys.modules.items()):
        if module_name.partition(".")[0] in PACKAGES and isinstance(module, ModuleType):
            for name, value in vars(module).items():
                if id(value) in originals:
                    yield f"{module_name}.{name} is the original {originals[id(value)]}"
