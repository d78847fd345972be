"""Erasure and export of users."""

from collections.abc import Callable
from functools import partial

from service.core.erasure import ErasureStep
from service.core.sweep import Background
from service.erasure import keys
from service.erasure.checks import erasure_check
from service.erasure.export import Export
from service.erasure.notices import Notice, Notices, no_notice
from service.erasure.operations import Erasures
from service.erasure.routes import erasure_blueprint, export_blueprint
from service.erasure.settings import ErasureSettings
from service.erasure.sweeps import DueErasures
from service.erasure.user_pool import UserPool, UserPoolData
from service.feature import Core, Declaration, Feature, Parts
from service.identity.settings import IdentitySettings
from service.ledger.operations import Ledger
from service.notifications.mail import MailBox
from service.notifications.settings import NotificationsSettings
from service.users.directory import UserDirectory
from service.users.linking import Identities
from service.users.operations import Users


def build(core: Core, parts: Parts) -> Feature:
    ledger, mac_key = parts.get(Ledger), core.keyring.mac_key
    erasures = Erasures(
        core.table,
        ledger,
        parts.get(Users),
        core.clock,
        core.metrics,
        mac_key,
        parts.erasure_steps,
        _notice(core, parts),
    )
    export = Export(ledger, core.clock, parts.export_parts)
    user_pool = UserPoolData(_user_pool(core), parts.get(Identities).pool_subjects)

    def sweeps(background: Background) -> tuple[DueErasures]:
        interval_seconds = core.section(ErasureSettings).erasure_interval_seconds
        return (DueErasures(erasures, background.stopping, interval_seconds),)

    return Feature(
        operations={Erasures: erasures, Export: export},
        blueprints=lambda: (erasure_blueprint(erasures), export_blueprint(export)),
        sweeps=sweeps,
        checks=(erasure_check(mac_key),),
        erasure=(ErasureStep("user_pool", user_pool.remove),),
    )


def _notice(core: Core, parts: Parts) -> Notice:
    if not core.section(NotificationsSettings).mail_from:
        return no_notice
    return Notices(parts.get(MailBox), parts.get(UserDirectory).verified_email).sealed


def _user_pool(core: Core) -> Callable[[], UserPool] | None:
    pool_id = core.section(IdentitySettings).cognito_user_pool_id
    if not pool_id:
        return None
    endpoint_url = core.section(ErasureSettings).cognito_endpoint_url
    return partial(UserPool.connect, core.settings.core.aws_region, endpoint_url, pool_id)


ERASURE = Declaration(
    name="erasure", build=build, settings=ErasureSettings, items=keys.ITEMS, due=keys.DUE
)
