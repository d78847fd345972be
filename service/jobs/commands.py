"""Operator commands on jobs: `farebox find ID`, `farebox job USER JOB`, `farebox resolve USER JOB`,
`farebox release USER JOB`."""

from collections.abc import Callable

import click

from service.core.console import print_message, print_result, stop_on_signal
from service.feature import Parts
from service.jobs.entities import Job, JobNotFound, ReleaseNotAllowed
from service.jobs.report import job_line, story_json, story_lines
from service.jobs.search import JobSearch, SearchStopped
from service.jobs.settlement import Settlement


@click.command(
    short_help="find jobs by a user's id, a job's id or the provider's task id",
    help="Find jobs by a user's id, a job's id or the provider's task id. For an id that is not a "
    "user's it reads the whole table. Exits 1 if nothing has this id. A request id is in the logs, "
    "not in the table: `make find ID=…`.",
)
@click.argument("wanted", metavar="ID")
@click.option(
    "--reads-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="R",
    help="Maximum read units per second.",
)
@click.pass_obj
def find(parts: Callable[[], Parts], wanted: str, reads_per_second: float | None) -> int:
    search = parts().get(JobSearch)
    found = search.latest(wanted)
    for job in found:
        print_result(job_line(job))
    if found:
        return 0
    print_message(f"{wanted} is no user who has jobs; reading the whole table …")
    try:
        with stop_on_signal() as stopping:
            for job in search.with_id(wanted, reads_per_second, stopping):
                found.append(job)
                print_result(job_line(job))
    except SearchStopped:
        print_message("The search was stopped before its end.")
        return 2
    if not found:
        print_message(f"No user with jobs, no job and no provider task has the id {wanted}.")
    return 0 if found else 1


@click.command(
    short_help="print one job, its provider's facts and its ledger entries",
    help="Print one job, its provider's facts and its ledger entries. Exits 1 if there is no such "
    "job.",
)
@click.argument("user_id")
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def job(parts: Callable[[], Parts], user_id: str, job_id: str, as_json: bool) -> int:
    story = parts().get(JobSearch).story(user_id, job_id)
    if story is None:
        print_message(str(JobNotFound()))
        return 1
    for line in [story_json(story)] if as_json else story_lines(story):
        print_result(line)
    return 0


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


COMMANDS = (find, job, resolve, release)
