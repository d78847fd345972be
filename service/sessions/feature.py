"""Sessions: opened with the token of a sign-in, refreshed, listed, ended."""

import secrets

from service.core.erasure import ErasurePhase, ErasureStep, ExportPart, StepOutcome
from service.feature import Core, Declaration, Feature, Parts
from service.identity.access_tokens import AccessTokens
from service.sessions import keys
from service.sessions.checks import session_check
from service.sessions.operations import Sessions
from service.sessions.schemas import exported_session
from service.sessions.settings import SessionsSettings


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(SessionsSettings)
    sessions = Sessions(
        core.table,
        core.data_keys,
        parts.get(AccessTokens),
        core.clock,
        core.ids,
        core.metrics,
        secrets.token_bytes,
        core.keyring.mac_key,
        settings.session_days,
    )

    def erase(user_id: str) -> StepOutcome:
        return StepOutcome.DONE if sessions.erase(user_id) else StepOutcome.WAITING

    return Feature(
        operations={Sessions: sessions},
        checks=(session_check(),),
        erasure=(ErasureStep("sessions", erase, ErasurePhase.ACCESS),),
        exports=(
            ExportPart("sessions", lambda user_id: map(exported_session, sessions.live(user_id))),
        ),
    )


SESSIONS = Declaration(name="sessions", build=build, settings=SessionsSettings, items=keys.ITEMS)
