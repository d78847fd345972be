"""What builds images and runs containers here: Docker, or on a bare Debian as root Buildah and
Podman, installed if need be."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.settings import process_environment

PACKAGES = (
    "buildah",
    "podman",
    "runc",
    "catatonit",
    "netavark",
    "aardvark-dns",
    "iptables",
    "mmdebstrap",
)
INSTALL_SECONDS = 300.0
BUILD_SECONDS = 900.0
COMMAND_SECONDS = 120.0
PRODUCTION = "localhost/farebox:check"
# What the compose file builds, by the name that it has with Docker.
LOCAL = "docker.io/library/farebox:local"
# Podman requests more open files than a container on this machine may have, crun wants other
# control groups than are here, and names of services are resolved by netavark alone.
_PODMAN_CONFIGURATION = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
init_path = "/usr/bin/catatonit"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
# Podman makes more writable than Docker, and without systemd it has no one to wake its health
# checks.
_PODMAN_OPTIONS = ("--no-healthcheck", "--read-only-tmpfs=false")
# A build reaches the package index as this machine does.
_BUILD = {
    "docker": ("docker", "build", "--network", "host"),
    "podman": (
        "buildah",
        "bud",
        "--isolation",
        "chroot",
        "--pull-never",
        "--layers",
        "--format",
        "docker",
    ),
}


class CheckFailed(Exception):
    """The check cannot go on; the message says why."""


class Unavailable(Exception):
    """Containers cannot be had here; one sentence why."""


@dataclass(frozen=True)
class Engine:
    """`docker` or `podman`, and the environment it is run with."""

    program: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def podman(self) -> bool:
        return self.program == "podman"

    @property
    def run_options(self) -> tuple[str, ...]:
        """Further options of `run`, so that a container is the same with either engine."""
        return _PODMAN_OPTIONS if self.podman else ()

    def call(
        self,
        *arguments: str,
        stdin: str | None = None,
        seconds: float = COMMAND_SECONDS,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Raises `CheckFailed` with its last words if it fails."""
        return run(
            [self.program, *arguments], self.environment, stdin=stdin, seconds=seconds, check=check
        )

    def remove(self, *containers: str) -> None:
        """At once, whatever they do. Those that are gone already are no error."""
        at_once = ["--time", "0"] if self.podman else []
        if containers:
            self.call("rm", "--force", "--volumes", *at_once, *containers, check=False)

    def remove_images(self, *tags: str) -> None:
        """Their layers stay in the cache of builds. Those that are not there are no error."""
        self.call("rmi", "--force", *tags, check=False)

    def build(self, context: Path, tag: str, *options: str) -> None:
        """An image from a folder with a Dockerfile. Raises `CheckFailed`."""
        run(
            [*_BUILD[self.program], *options, "-t", tag, str(context)],
            self.environment,
            seconds=BUILD_SECONDS,
        )

    def prove(self, image: str) -> None:
        """That containers run here at all. Raises `Unavailable`."""
        done = self.call("run", "--rm", *self.run_options, image, "true", check=False)
        if done.returncode:
            raise Unavailable(f"containers cannot be run here: {done.stderr.strip()[-300:]}")


def provide(folder: Path) -> Engine:
    """Raises `Unavailable`."""
    environment = process_environment()
    if shutil.which("docker") and not _fails(["docker", "info"]):
        return Engine("docker", environment)
    missing = [
        name
        for name in ("buildah", "podman", "runc", "catatonit", "mmdebstrap")
        if not shutil.which(name)
    ]
    if missing:
        _install()
    configuration = folder / "containers.conf"
    configuration.write_text(_PODMAN_CONFIGURATION)
    return Engine("podman", environment | {"CONTAINERS_CONF": str(configuration)})


def _install() -> None:
    if not shutil.which("apt-get"):
        raise Unavailable(
            "there is no Docker engine here, and no apt-get to install Buildah and Podman with"
        )
    if os.geteuid() != 0:
        raise Unavailable(
            "there is no Docker engine here, and only root can install Buildah and Podman"
        )
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        if _fails(["apt-get", "-qq", *arguments]):
            raise Unavailable(
                "there is no Docker engine here, and Buildah and Podman cannot be installed"
            )


def _fails(command: Sequence[str]) -> bool:
    return (
        subprocess.run(
            command, capture_output=True, timeout=INSTALL_SECONDS, check=False
        ).returncode
        != 0
    )


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdin: str | None = None,
    seconds: float = COMMAND_SECONDS,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Raises `CheckFailed` with its last words if it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"{' '.join(command[:4])} … takes longer than {seconds:g} s") from None
    if check and done.returncode:
        raise CheckFailed(
            f"{' '.join(command[:6])} … failed:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return done


def until_true(happens: Callable[[], bool], seconds: float) -> bool:
    """Whether it happened in time."""
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
