"""Mutations of the configuration of gunicorn."""

from tests.infrastructure.template_mutations.mutation import SERVER, TemplateMutation

SERVER_CONFIGURATION = (
    TemplateMutation("keepalive-of-gunicorns-own", SERVER, "keepalive = 75", "keepalive = 2"),
    TemplateMutation(
        "workers-that-keep-nothing-alive",
        SERVER,
        "worker_class = limited(",
        'worker_class = "sync"\n_limited = limited(',
    ),
    TemplateMutation(
        "control-socket-in-the-home",
        SERVER,
        "control_socket_disable = True",
        "control_socket_disable = False",
    ),
    TemplateMutation(
        "grace-beyond-the-stop", SERVER, "graceful_timeout = 30", "graceful_timeout = 60"
    ),
    TemplateMutation(
        "grace-below-an-order", SERVER, "graceful_timeout = 30", "graceful_timeout = 10"
    ),
    TemplateMutation("drain-forgotten", SERVER, "def when_ready(", "def when_it_is_ready("),
    TemplateMutation(
        "other-connections-than-the-settings",
        SERVER,
        'worker_connections = int(os.environ.get("WEB_CONNECTIONS") or "2000")',
        "worker_connections = 64",
    ),
)
