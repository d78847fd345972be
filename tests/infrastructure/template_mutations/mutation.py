"""A mutation, and the files that it can change."""

from dataclasses import dataclass

# Templates as CloudFormation gets them, joined from their parts.
BASE = "cloudformation/base.yaml"
SERVICE = "cloudformation/service.yaml"
DATA = "cloudformation/data.yaml"
SERVER = "docker/gunicorn.conf.py"
IMAGE = "docker/Dockerfile"
DEPLOY = "release/deploy"
PRODUCTION = "cloudformation/parameters/production.json"


@dataclass(frozen=True)
class TemplateMutation:
    """Replaces the first `old` after the only `after` by `new`."""

    name: str
    file: str
    old: str
    new: str
    after: str = ""


def on(name: str, resource: str, old: str, new: str, file: str = SERVICE) -> TemplateMutation:
    """A mutation of one resource of a template."""
    return TemplateMutation(name, file, old, new, f"\n  {resource}:\n")
