"""Sessions: opened with the token of a sign-in, refreshed, listed, ended."""

import secrets

from service.core.erasure import ErasurePhase, ErasureStep, ExportPart, StepOutcome
from service.feature import Core, Declaration, Feature, Parts
from service.identity.access_tokens import AccessTokens
from service.ledger.operations import Ledger
from service.ledger.session_floor import SessionFloor
from service.sessions import keys
from service.sessions.checks import ceiling_check, session_check
from service.sessions.mint_routes import minting_blueprint
from service.sessions.minting import Minting
from service.sessions.operations import Sessions
from service.sessions.routes import COOKIE_NAME, COOKIE_PATH, sessions_blueprint
from service.sessions.schemas import exported_ceiling, exported_session
from service.sessions.settings import SessionsSettings
from service.sessions.sign_ins import SignIns
from service.users.operations import Users
from service.web.page_cookie import CookieTerms, PageCookie
from service.web.settings import WebSettings


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(SessionsSettings)
    sessions = Sessions(
        core.table,
        core.data_keys,
        parts.get(AccessTokens),
        parts.get(SessionFloor),
        core.clock,
        core.ids,
        core.metrics,
        secrets.token_bytes,
        core.keyring.mac_key,
        settings.session_days,
    )

    def erase(user_id: str) -> StepOutcome:
        return StepOutcome.DONE if sessions.erase(user_id) else StepOutcome.WAITING

    cookie, minting = _cookie(core, settings), _minting(core, parts)
    sign_ins = SignIns(sessions, parts.get(Users), parts.get(Ledger), core.clock)
    return Feature(
        operations={Sessions: sessions, PageCookie: cookie, Minting: minting},
        blueprints=lambda: (
            sessions_blueprint(sign_ins, sessions, parts.get(AccessTokens), cookie),
            minting_blueprint(minting),
        ),
        checks=(session_check(), ceiling_check(core.keyring.mac_key)),
        erasure=(ErasureStep("sessions", erase, ErasurePhase.ACCESS),),
        exports=(
            ExportPart("sessions", lambda user_id: map(exported_session, sessions.live(user_id))),
            ExportPart(
                "mintedSessions", lambda user_id: map(exported_ceiling, sessions.ceilings(user_id))
            ),
        ),
    )


def _minting(core: Core, parts: Parts) -> Minting:
    return Minting(
        core.table,
        parts.get(AccessTokens),
        parts.get(Ledger),
        core.clock,
        core.ids,
        core.keyring.mac_key,
    )


def _cookie(core: Core, settings: SessionsSettings) -> PageCookie:
    same_site, secure = settings.session_cookie_same_site, settings.session_cookie_secure
    terms = CookieTerms(COOKIE_NAME, COOKIE_PATH, same_site, secure)
    return PageCookie(terms, core.section(WebSettings).cors_allowed_origins)


SESSIONS = Declaration(name="sessions", build=build, settings=SessionsSettings, items=keys.ITEMS)
