"""What a mistake is, and the files it can be made in."""

from dataclasses import dataclass

SERVICE = "cloudformation/service.yaml"
DATA = "cloudformation/data.yaml"
SERVER = "docker/gunicorn.conf.py"
IMAGE = "docker/Dockerfile"
PRODUCTION = "cloudformation/parameters/production.json"


@dataclass(frozen=True)
class TemplateMutation:
    """The first `old` behind the only `after` becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    after: str = ""


def on(name: str, resource: str, old: str, new: str) -> TemplateMutation:
    """In one resource of the service."""
    return TemplateMutation(name, SERVICE, old, new, f"\n  {resource}:\n")
