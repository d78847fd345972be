"""Work that nothing waits for."""

import threading
from collections.abc import Callable


def in_thread(work: Callable[[], None]) -> None:
    """Runs it in a thread (with gevent: a greenlet) that the process does not wait for at its end.
    Raises `RuntimeError` when the system has no thread left."""
    threading.Thread(target=work, daemon=True).start()
