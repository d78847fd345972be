"""Where operator commands write, and how they stop: results to stdout, everything else to
stderr."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def print_result(text: str) -> None:
    sys.stdout.write(text + "\n")


def print_message(text: str) -> None:
    sys.stderr.write(text + "\n")


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """During the block, a signal to stop does not end the process; it only makes the yielded
    function return true."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop.is_set
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
