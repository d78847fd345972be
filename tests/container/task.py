"""A task's container as the service's template describes it, in the words of `docker run`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.template import CHECKOUT, parse_template
from release.join import text_of

_TEMPLATE = CHECKOUT / "cloudformation" / "service.yaml"
# Fargate has no word for it; here it shows that nothing needs one.
_BEYOND = ("--security-opt", "no-new-privileges")


@dataclass(frozen=True)
class Task:
    """What it runs, how long it may take to stop, and the options that harden it so."""

    command: tuple[str, ...]
    stop_seconds: int
    options: tuple[str, ...]


def described(name: str) -> Task:
    """`WebTask` or another of the template's tasks, with the memory of its smallest size."""
    template = parse_template(text_of(_TEMPLATE))
    (container,) = template["Resources"][name]["Properties"]["ContainerDefinitions"]
    memory = ("--memory", f"{template['Mappings']['Sizes']['small']['Memory']}m")
    stop_seconds = int(container["StopTimeout"])
    options = (*_options(container), *memory, "--stop-timeout", str(stop_seconds), *_BEYOND)
    return Task(tuple(container["Command"]), stop_seconds, options)


def _options(container: Mapping[str, Any]) -> tuple[str, ...]:
    linux = container["LinuxParameters"]
    return (
        *("--user", container["User"]),
        *(["--read-only"] if container["ReadonlyRootFilesystem"] else []),
        *(["--init"] if linux["InitProcessEnabled"] else []),
        *(
            option
            for capability in linux["Capabilities"]["Drop"]
            for option in ("--cap-drop", capability)
        ),
        *(option for tmpfs in linux["Tmpfs"] for option in ("--tmpfs", _tmpfs(tmpfs))),
    )


def _tmpfs(tmpfs: Mapping[str, Any]) -> str:
    return f"{tmpfs['ContainerPath']}:size={tmpfs['Size']}m,{','.join(tmpfs['MountOptions'])}"
