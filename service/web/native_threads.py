"""Long computations under gunicorn's gevent worker."""

from collections.abc import Callable
from typing import Any

import gevent
from gevent.monkey import is_module_patched


def run_natively(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what the function returns, computed in a thread of gevent's pool: all requests of the
    process share one thread, which the computation would block. Without gevent each request has a
    thread of its own, and the function is called in it. The function must release the interpreter's
    lock, as cryptographic libraries do."""
    if not is_module_patched("threading"):
        return function(*arguments)
    return gevent.get_hub().threadpool.apply(function, arguments)
