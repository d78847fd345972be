"""Jobs: the life of a metered request, its routes and the sweep that settles what is due."""

from collections.abc import Callable

from flask import Flask

from service.core.amounts import amount_of
from service.core.rate_limits import Window
from service.core.sweep import Background
from service.core.token_cipher import TokenCipher
from service.entitlements.operations import Entitlements
from service.feature import Core, Declaration, Feature, Parts
from service.jobs import keys
from service.jobs.admission import Admission
from service.jobs.ceiling_checks import ceilings_check
from service.jobs.checks import house_leases_check, implicit_key_check, job_check
from service.jobs.commands import COMMANDS
from service.jobs.entities import Job, Times
from service.jobs.extensions import Extensions
from service.jobs.holds import Holds
from service.jobs.house import HouseBudget
from service.jobs.job_ids import JobIds
from service.jobs.operations import JobLimits, Jobs
from service.jobs.personal_data import JobData
from service.jobs.routes import jobs_blueprint, quote_blueprint
from service.jobs.schemas import job_body
from service.jobs.search import JobSearch
from service.jobs.settings import JobsSettings
from service.jobs.settlement import Settlement
from service.jobs.sweeps import DueJobs
from service.jobs.work import Operations
from service.ledger.limits import UserLimits
from service.ledger.operations import Ledger
from service.storage.checks import Check
from service.storage.cursor import PageTokens
from service.users.directory import UserDirectory
from service.users.operations import Users
from service.web.health import drain_check
from service.web.settings import WebSettings

CALLBACKS_PER_WINDOW = 6
CALLBACK_WINDOW_SECONDS = 10.0


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(JobsSettings)
    times = parts.replaced(
        Times, job_times(settings, has_callbacks=bool(core.settings.core.public_url))
    )
    operations = Operations()
    settlement = _settlement(core, parts, operations, times)
    job_ids = parts.replaced(JobIds, JobIds(core.ids, core.keyring.mac_key))
    search = JobSearch(core.table, parts.get(Ledger), parts.get(UserDirectory), job_ids, core.clock)
    per_day = amount_of(settings.house_credits_per_day)
    house = HouseBudget(core.table, core.clock, core.metrics, per_day)
    jobs = _jobs(core, parts, operations, settlement, times, job_ids, house)
    window = Window(CALLBACKS_PER_WINDOW, CALLBACK_WINDOW_SECONDS, core.clock)
    data = _data(core, parts, operations)

    def sweeps(background: Background) -> tuple[DueJobs]:
        due = DueJobs(
            core.table,
            settlement.in_background(),
            core.clock,
            core.metrics,
            background.pool("resolve", settings.worker_threads),
            background.stopping,
            settings.worker_interval_seconds,
        )
        return (due,)

    def add_routes(app: Flask) -> None:
        """Later than other features' routes: the kinds of work, which are built after this feature,
        say what a job looks like."""
        app.register_blueprint(jobs_blueprint(jobs, operations, window, _is_draining(core)))
        app.register_blueprint(quote_blueprint(jobs, operations))

    return Feature(
        operations={
            Jobs: jobs,
            Operations: operations,
            Settlement: settlement,
            JobSearch: search,
            Times: times,
            Window: window,
            HouseBudget: house,
        },
        hooks=(add_routes,),
        sweeps=sweeps,
        closing=(house.close,),
        erasure=data.steps,
        exports=data.exports,
        checks=_checks(core, operations),
    )


def _is_draining(core: Core) -> Callable[[], bool]:
    return drain_check(core.section(WebSettings).drain_flag_path)


def _checks(core: Core, operations: Operations) -> tuple[Check, ...]:
    jobs = job_check(operations, core.keyring.mac_key)
    implicit_keys = implicit_key_check(core.keyring.mac_key)
    return (jobs, implicit_keys, house_leases_check(), ceilings_check())


def _data(core: Core, parts: Parts, operations: Operations) -> JobData:
    def render(job: Job) -> object:
        return job_body(job, operations)

    return JobData(core.table, parts.get(Ledger), core.clock, core.keyring.mac_key, render)


def _settlement(core: Core, parts: Parts, operations: Operations, times: Times) -> Settlement:
    return Settlement(
        core.table,
        parts.get(Ledger),
        parts.get(Users),
        operations,
        core.clock,
        core.metrics,
        times,
        core.keyring.mac_key,
    )


def _jobs(
    core: Core,
    parts: Parts,
    operations: Operations,
    settlement: Settlement,
    times: Times,
    job_ids: JobIds,
    house: HouseBudget,
) -> Jobs:
    ledger, users = parts.get(Ledger), parts.get(Users)
    settings = core.section(JobsSettings)
    limits = parts.replaced(UserLimits, _limits(settings))
    admission = Admission(
        core.table,
        ledger,
        users,
        parts.get(Entitlements),
        Holds(ledger, core.clock, job_ids, times, limits, house, core.keyring.mac_key),
        operations,
        settlement,
        core.clock,
        core.metrics,
        times,
    )
    return Jobs(
        table=core.table,
        admission=admission,
        house=house,
        operations=operations,
        settlement=settlement,
        extensions=Extensions(
            ledger,
            core.clock,
            house,
            limits,
            parts.get(Entitlements),
            core.keyring.mac_key,
        ),
        token_cipher=TokenCipher(core.keyring.token_keys),
        page_tokens=PageTokens(core.keyring.token_keys),
        clock=core.clock,
        limits=JobLimits(
            settings.long_poll_limit,
            settings.user_long_poll_limit,
            settings.submit_limit,
            settings.user_submit_limit,
        ),
        public_url=core.settings.core.public_url,
    )


def _limits(settings: JobsSettings) -> UserLimits:
    return UserLimits(
        settings.max_open_jobs_per_user,
        amount_of(settings.max_credits_per_user_day),
        amount_of(settings.house_loss_per_user_day),
    )


def job_times(settings: JobsSettings, *, has_callbacks: bool) -> Times:
    """The protocol's times in milliseconds. Where the provider calls back, polls can be rarer."""
    poll_min_seconds, poll_max_seconds = (
        (settings.callback_poll_min_seconds, settings.callback_poll_max_seconds)
        if has_callbacks
        else (settings.poll_min_seconds, settings.poll_max_seconds)
    )
    return Times(
        submit=_milliseconds(settings.submit_seconds),
        quarantine=_milliseconds(settings.quarantine_seconds),
        not_found_gap=_milliseconds(settings.not_found_gap_seconds),
        hard_limit=_milliseconds(settings.hard_limit_seconds),
        watch=_milliseconds(settings.watch_seconds),
        poll_min=_milliseconds(poll_min_seconds),
        poll_max=_milliseconds(poll_max_seconds),
        watch_poll=_milliseconds(settings.watch_poll_seconds),
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


JOBS = Declaration(
    name="jobs",
    build=build,
    settings=JobsSettings,
    items=keys.ITEMS,
    due=keys.DUE,
    commands={"Jobs, straight on the table": COMMANDS},
)
