"""How gunicorn runs the web process: `gunicorn -c docker/gunicorn.conf.py`, in the container and on
a laptop.

Settings: PORT (8080), HOST (127.0.0.1; 0.0.0.0 in the container), WEB_CONCURRENCY (2 processes),
WEB_CONNECTIONS (2000 each), RECEIVE_SECONDS (10), MAX_RECEIVE_SECONDS (300), UPLOAD_LIMIT_MEGABYTES
and USER_UPLOAD_LIMIT_MEGABYTES (64 and 16 each; `service.web.receiving`), DRAIN_SECONDS (15; 0:
none), DRAIN_FLAG_PATH (a file below the temporary folder, one for each port). Empty: not set.
"""

import ctypes
import os
import resource
import signal
import tempfile
from pathlib import Path
from threading import Timer
from types import FrameType

from gunicorn.arbiter import Arbiter

from service.web.gunicorn_worker import limited
from service.web.receiving import Limits

_HOST = os.environ.get("HOST") or "127.0.0.1"
_PORT = int(os.environ.get("PORT") or "8080")
_DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS") or "15")
_MEGABYTE = 1024 * 1024
# From glibc's malloc.h. A threshold that is set does not grow by itself.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE_BLOCK_BYTES = 256 * 1024
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes an unlinked file of its own there

# The web processes inherit it, and respond to `GET /health/ready` with 503 while the file exists.
_DRAIN_FLAG = Path(
    os.environ.get("DRAIN_FLAG_PATH") or Path(tempfile.gettempdir()) / f"farebox-drain-{_PORT}"
)
os.environ["DRAIN_FLAG_PATH"] = str(_DRAIN_FLAG)

wsgi_app = "service.wsgi:app"
bind = f"{_HOST}:{_PORT}"
reuse_port = True
worker_class = limited(
    Limits(
        receive_seconds=float(os.environ.get("RECEIVE_SECONDS") or "10"),
        max_receive_seconds=float(os.environ.get("MAX_RECEIVE_SECONDS") or "300"),
        upload_bytes=int(os.environ.get("UPLOAD_LIMIT_MEGABYTES") or "64") * _MEGABYTE,
        user_upload_bytes=int(os.environ.get("USER_UPLOAD_LIMIT_MEGABYTES") or "16") * _MEGABYTE,
    )
)
workers = int(os.environ.get("WEB_CONCURRENCY") or "2")
# Longer than the balancer's idle time-out (60 s), or it would reuse a connection that we are just
# closing: a stray 502.
keepalive = 75
# What a request may still take after the draining; both together stay below the container's
# stop time-out.
graceful_timeout = 30
# With one connection more, the one that has waited the most time for its client is closed.
worker_connections = int(os.environ.get("WEB_CONNECTIONS") or "2000")
# No one in front of us speaks for a client in headers that we read.
forwarded_allow_ips = ""
# The one parser that our worker knows.
http_parser = "python"
# It would be written to the home folder, and the container's file system is read-only.
control_socket_disable = True
# A heartbeat must never wait for a disk.
worker_tmp_dir = _SHARED_MEMORY if Path(_SHARED_MEMORY).is_dir() else None
accesslog = None
errorlog = "-"
loglevel = "warning"


def on_starting(server: Arbiter) -> None:
    """A flag that a killed predecessor left would keep us out of service."""
    del server
    _return_memory()
    _DRAIN_FLAG.unlink(missing_ok=True)
    _allow_open_files(2 * worker_connections + 512)


def _return_memory() -> None:
    """Makes glibc give every large block back to the system when it is freed, in the processes that
    are forked from here. After the first large body it would take the next ones from its heap, and
    keep that. Other systems have no such function."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
        mallopt(_M_ARENA_MAX, 2)


def _allow_open_files(count: int) -> None:
    """Each client may need a connection to a provider besides its own. Systems allow 1,024 (macOS:
    256) at first, and more on request."""
    allowed, possible = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if possible == resource.RLIM_INFINITY else min(count, possible)
    if allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, possible))


def when_ready(server: Arbiter) -> None:
    """Serves on for DRAIN_SECONDS after SIGTERM, but not ready any more, so that balancers leave
    before the doors close.

    Without it new and idle connections break the moment the signal arrives, and not every platform
    takes a task out of its balancer first. A second SIGTERM stops at once. The flag is also how the
    web processes know that what they stream has to end (`service.text.sweeps`)."""
    del server
    stop = signal.getsignal(signal.SIGTERM)
    if not callable(stop):
        return

    def drain(number: int, frame: FrameType | None) -> None:
        is_second = _DRAIN_FLAG.exists()
        _DRAIN_FLAG.touch()
        if is_second or _DRAIN_SECONDS <= 0:
            stop(number, frame)
            return
        timer = Timer(_DRAIN_SECONDS, stop, (number, None))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, drain)


def on_exit(server: Arbiter) -> None:
    """The next one on this port starts ready."""
    del server
    _DRAIN_FLAG.unlink(missing_ok=True)
