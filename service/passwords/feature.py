"""Passwords: accounts with an e-mail address and a password."""

import hashlib
import hmac
from functools import partial

from service.core.erasure import ErasurePhase, ErasureStep, ExportPart, StepOutcome
from service.core.rate_limits import Window
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger
from service.notifications.mail import MailBox
from service.passwords import keys
from service.passwords.accounts import PasswordAccounts
from service.passwords.base import Base
from service.passwords.checks import password_checks
from service.passwords.commands import COMMANDS
from service.passwords.common_passwords import CommonPasswords
from service.passwords.hashing import HashCost, Hashes
from service.passwords.imports import AccountImport
from service.passwords.operations import Passwords
from service.passwords.pace import Pace
from service.passwords.policy import PasswordPolicy
from service.passwords.resets import PasswordResets
from service.passwords.routes import (
    login_blueprint,
    registration_blueprint,
    resets_blueprint,
)
from service.passwords.sealing import Sealing
from service.passwords.settings import PasswordsSettings
from service.passwords.sign_ins import PasswordSignIns
from service.passwords.throttle import Throttle
from service.sessions.entities import SessionEnd
from service.sessions.operations import Sessions
from service.storage.settings import StorageSettings
from service.users.linking import Identities
from service.users.operations import Users
from service.web.native_threads import run_natively
from service.web.page_cookie import PageCookie

WINDOW_SECONDS = 60.0
MAX_WAITING_HASHES = 100


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(PasswordsSettings)
    hashes = parts.replacement_or(Hashes, lambda: Hashes(_cost(settings), run_natively))
    base = _base(core, parts, hashes)
    passwords = Passwords(base, core.ids)
    sign_ins = PasswordSignIns(base)
    sessions = parts.get(Sessions)

    def end_sessions(user_id: str, keep: str | None) -> None:
        sessions.end_all(user_id, SessionEnd.PASSWORD, keep)

    resets = PasswordResets(base, end_sessions, core.ids)
    imports = AccountImport(base, core.ids)
    window = partial(Window, seconds=WINDOW_SECONDS, clock=core.clock)
    of_network = window(settings.password_requests_per_minute)
    of_sign_ins = window(settings.password_sign_ins_per_minute)
    return Feature(
        operations={
            PasswordAccounts: base.accounts,
            Passwords: passwords,
            PasswordSignIns: sign_ins,
            PasswordResets: resets,
            AccountImport: imports,
        },
        blueprints=lambda: (
            registration_blueprint(passwords, of_network),
            login_blueprint(sign_ins, sessions, parts.get(PageCookie), of_sign_ins),
            resets_blueprint(resets, of_network),
        ),
        checks=password_checks(),
        erasure=(_erasure(base.accounts),),
        exports=(ExportPart("passwordAccount", base.accounts.export),),
    )


def _base(core: Core, parts: Parts, hashes: Hashes) -> Base:
    settings = core.section(PasswordsSettings)
    key = hmac.new(core.keyring.mac_key, b"passwords", hashlib.sha256).digest()
    sealing = Sealing(core.section(StorageSettings).sealed_name, key)
    return Base(
        table=core.table,
        clock=core.clock,
        users=parts.get(Users),
        identities=parts.get(Identities),
        wallets=parts.get(Ledger),
        mails=parts.get(MailBox),
        accounts=PasswordAccounts(core.table, sealing, core.keyring.peppers, hashes.of_no_one),
        hashes=hashes,
        policy=PasswordPolicy(settings.password_min_length, CommonPasswords()),
        throttle=Throttle(core.table, core.clock, key),
        pace=Pace(core.clock, settings.password_response_seconds),
        sealing=sealing,
    )


def _cost(settings: PasswordsSettings) -> HashCost:
    return HashCost(
        memory_kibibytes=settings.password_hash_memory_kibibytes,
        iterations=settings.password_hash_iterations,
        at_once=settings.password_hashes_at_once,
        max_waiting=MAX_WAITING_HASHES,
        wait_seconds=settings.password_hash_wait_seconds,
    )


def _erasure(accounts: PasswordAccounts) -> ErasureStep:
    """No one may sign in any more."""

    def run(user_id: str) -> StepOutcome:
        accounts.erase(user_id)
        return StepOutcome.DONE

    return ErasureStep("password", run, ErasurePhase.ACCESS)


PASSWORDS = Declaration(
    name="passwords",
    build=build,
    settings=PasswordsSettings,
    items=keys.ITEMS,
    commands={"Accounts with a password, straight on the table": COMMANDS},
)
