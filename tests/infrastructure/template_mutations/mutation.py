"""A mutation, and the files that it can change."""

from dataclasses import dataclass

SERVICE = "cloudformation/service.yaml"
DATA = "cloudformation/data.yaml"
SERVER = "docker/gunicorn.conf.py"
IMAGE = "docker/Dockerfile"
PRODUCTION = "cloudformation/parameters/production.json"


@dataclass(frozen=True)
class TemplateMutation:
    """Replaces the first `old` after the only `after` by `new`."""

    name: str
    file: str
    old: str
    new: str
    after: str = ""


def on(name: str, resource: str, old: str, new: str) -> TemplateMutation:
    """A mutation of one resource of the service template."""
    return TemplateMutation(name, SERVICE, old, new, f"\n  {resource}:\n")
