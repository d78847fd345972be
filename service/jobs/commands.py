"""Operator commands on one job: `farebox resolve USER JOB`, `farebox release USER JOB`."""

from collections.abc import Callable

import click

from service.core.console import print_message, print_result
from service.feature import Parts
from service.jobs.entities import Job, JobNotFound, ReleaseNotAllowed
from service.jobs.settlement import Settlement


@click.command(
    short_help="poll the provider for one job now, and settle what can be settled",
    help="Poll the provider for one job now, and settle what can be settled. Exits 1 if there is "
    "no such job.",
)
@click.argument("user_id")
@click.argument("job_id")
@click.pass_obj
def resolve(parts: Callable[[], Parts], user_id: str, job_id: str) -> int:
    settlement = parts().get(Settlement)
    return _shown(lambda: settlement.resolve(user_id, job_id))


@click.command(
    short_help="give up a job past its hard limit that nothing settles: nothing is charged",
    help="Give up a job past its hard limit that nothing settles: nothing is charged. Exits 1 if "
    "the job cannot be released.",
)
@click.argument("user_id")
@click.argument("job_id")
@click.pass_obj
def release(parts: Callable[[], Parts], user_id: str, job_id: str) -> int:
    settlement = parts().get(Settlement)
    return _shown(lambda: settlement.force_release(user_id, job_id))


def _shown(act: Callable[[], Job]) -> int:
    try:
        job = act()
    except (JobNotFound, ReleaseNotAllowed) as refusal:
        print_message(str(refusal))
        return 1
    failure = f" ({job.failure})" if job.failure else ""
    print_result(f"{job.job_id} is {job.status}{failure}")
    return 0


COMMANDS = (resolve, release)
