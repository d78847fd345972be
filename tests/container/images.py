"""The images that are looked into and run: ours, on what the registry has or, where none can be
reached, on stand-ins."""

import re

from devstack.template import CHECKOUT
from devstack.terminal import Say
from tests.container.engine import Engine
from tests.container.stand_ins import stand_in_base, stand_in_dynamodb

_DOCKERFILE = CHECKOUT / "docker" / "Dockerfile"
_COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
_PULL_SECONDS = 300.0


def python_version() -> str:
    """The Python of the Dockerfile's own base image, as in `3.13`."""
    return _named(r"ARG BASE_IMAGE=\S+/python:(\d+\.\d+)", _DOCKERFILE.read_text())


def provide_base(engine: Engine, say: Say) -> str:
    """What our image is built on."""
    official = _named(r"ARG BASE_IMAGE=(\S+)", _DOCKERFILE.read_text())
    return official if _at_hand(engine, official, say) else stand_in_base(engine)


def provide_dynamodb(engine: Engine, base: str, say: Say) -> str:
    """DynamoDB Local. `base` is a Linux that a stand-in can be made of."""
    official = _named(r"\$\{DYNAMODB_IMAGE:-(\S+)\}", _COMPOSE_FILE.read_text())
    return official if _at_hand(engine, official, say) else stand_in_dynamodb(engine, base)


def build(engine: Engine, target: str, tag: str, base: str) -> None:
    """One target of the Dockerfile."""
    engine.build(
        CHECKOUT, tag, "-f", str(_DOCKERFILE), "--target", target, f"--build-arg=BASE_IMAGE={base}"
    )


def _at_hand(engine: Engine, image: str, say: Say) -> bool:
    if engine.call("image", "inspect", image, check=False).returncode == 0:
        return True
    done = engine.call("pull", "--quiet", image, seconds=_PULL_SECONDS, check=False)
    if done.returncode:
        say(
            f"       {image} cannot be had, so a stand-in is made: "
            f"{done.stderr.strip().splitlines()[-1]}"
        )
    return done.returncode == 0


def _named(pattern: str, text: str) -> str:
    (name,) = re.findall(pattern, text)
    return str(name)
