"""Jobs of which the service has no response."""

from service.providers.base import Indeterminate, TaskStatus
from tests.doubles.service_harness import ServiceHarness


def lost(world: ServiceHarness, *, taken: bool) -> str:
    """A job whose create got no response; the provider has accepted it or not."""
    world.provider.creates = [Indeterminate()]
    job_id = world.submit().job.job_id
    if taken:
        world.provider.book(job_id, TaskStatus.RUNNING)
    return job_id
