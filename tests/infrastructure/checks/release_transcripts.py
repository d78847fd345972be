"""Every release script does in every situation what was written, call by call and word by word."""

from collections.abc import Iterator

from tests.infrastructure import transcripts
from tests.infrastructure.deployments import Deployment


def no_script_does_anything_else_than_was_written(deployment: Deployment) -> Iterator[str]:
    if deployment.production:
        yield from transcripts.differences(deployment.root)
