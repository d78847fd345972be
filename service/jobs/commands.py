"""Operator commands on jobs: `farebox find ID`, `farebox job JOB`, `farebox resolve JOB`,
`farebox release JOB`; the last three also as `USER JOB`."""

from collections.abc import Callable, Iterator

import click

from service.core.console import print_message, print_result, stop_on_signal
from service.feature import Parts
from service.jobs.entities import Job, JobNotFound, ReleaseNotAllowed
from service.jobs.report import job_json, job_line, story_json, story_lines
from service.jobs.search import JobSearch, SearchStopped
from service.jobs.settlement import Settlement
from service.users.directory import UserDirectory


def _named(
    context: click.Context, parameter: click.Parameter, ids: tuple[str, ...]
) -> tuple[str | None, str]:
    """User (None: not named) and job."""
    del context
    if len(ids) > 2:
        raise click.BadParameter("a user's id and a job's, or a job's alone", param=parameter)
    return (ids[0] if len(ids) == 2 else None), ids[-1]


_IDS = click.argument("ids", nargs=-1, required=True, metavar="[USER] JOB", callback=_named)


@click.command(
    short_help="find jobs by a user's id or e-mail, a job's id or the provider's task id",
    help="Find jobs by a user's id, the e-mail address of a sign-up, a job's id or the provider's "
    "task id. For any other id, and for jobs of users who signed up before ids led to users, it "
    "reads the whole table. Exits 1 if nothing has this id. A request id is in the logs, not in "
    "the table: `make find ID=…`.",
)
@click.argument("wanted", metavar="ID")
@click.option(
    "--reads-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="R",
    help="Maximum read units per second.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per job.")
@click.pass_obj
def find(
    parts: Callable[[], Parts], wanted: str, reads_per_second: float | None, as_json: bool
) -> int:
    built = parts()
    search = built.get(JobSearch)
    show = job_json if as_json else job_line
    found = _indexed(search, built.get(UserDirectory), wanted)
    for job in found:
        print_result(show(job))
    if found:
        return 0
    print_message(f"No index leads from {wanted} to a job; reading the whole table …")
    try:
        with stop_on_signal() as stopping:
            for job in search.with_id(wanted, reads_per_second, stopping):
                found.append(job)
                print_result(show(job))
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
@_IDS
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def job(parts: Callable[[], Parts], ids: tuple[str | None, str], as_json: bool) -> int:
    def story() -> Iterator[str]:
        user_id, job_id = _resolved(parts(), ids)
        found = parts().get(JobSearch).story(user_id, job_id)
        if found is None:
            raise JobNotFound
        return iter([story_json(found)]) if as_json else story_lines(found)

    return _shown(story)


@click.command(
    short_help="poll the provider for one job now, and settle what can be settled",
    help="Poll the provider for one job now, and settle what can be settled. Exits 1 if there is "
    "no such job.",
)
@_IDS
@click.pass_obj
def resolve(parts: Callable[[], Parts], ids: tuple[str | None, str]) -> int:
    settlement = parts().get(Settlement)
    return _shown(lambda: _state(settlement.resolve(*_resolved(parts(), ids))))


@click.command(
    short_help="give up a job past its hard limit that nothing settles: nothing is charged",
    help="Give up a job past its hard limit that nothing settles: nothing is charged. Exits 1 if "
    "the job cannot be released.",
)
@_IDS
@click.pass_obj
def release(parts: Callable[[], Parts], ids: tuple[str | None, str]) -> int:
    settlement = parts().get(Settlement)
    return _shown(lambda: _state(settlement.force_release(*_resolved(parts(), ids))))


def _indexed(search: JobSearch, directory: UserDirectory, wanted: str) -> list[Job]:
    """The newest jobs of the user with that id or e-mail address, or the one job with that id; none
    where only the whole table could say."""
    users = directory.with_email(wanted) if "@" in wanted else ()
    jobs = [job for user_id in (wanted, *users) for job in search.latest(user_id)]
    payer = None if jobs else search.payer_of(wanted)
    story = search.story(payer, wanted) if payer else None
    return [story.job] if story else jobs


def _resolved(parts: Parts, ids: tuple[str | None, str]) -> tuple[str, str]:
    """User and job; a job's id alone leads to its user. Raises `JobNotFound`."""
    user_id, job_id = ids
    user_id = user_id or parts.get(JobSearch).payer_of(job_id)
    if user_id is None:
        raise JobNotFound(
            f"No job is found by the id {job_id} alone. farebox find {job_id} reads "
            "the whole table."
        )
    return user_id, job_id


def _state(job: Job) -> Iterator[str]:
    failure = f" ({job.failure})" if job.failure else ""
    yield f"{job.job_id} is {job.status}{failure}"


def _shown(lines: Callable[[], Iterator[str]]) -> int:
    try:
        for line in lines():
            print_result(line)
    except (JobNotFound, ReleaseNotAllowed) as refusal:
        print_message(str(refusal))
        return 1
    return 0


COMMANDS = (find, job, resolve, release)
