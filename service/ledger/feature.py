"""The ledger: wallets and their entries, `GET /credits`, `GET /credits/history`."""

from service.core.account_gate import AccountGate
from service.core.sweep import Background
from service.feature import Core, Declaration, Feature, Parts
from service.ledger import keys
from service.ledger.account_gate import WalletGate
from service.ledger.checks import (
    grant_check,
    grant_entry_check,
    grants_of_account_check,
    ledger_check,
)
from service.ledger.grants import Grants
from service.ledger.history import History
from service.ledger.low_balance import LowBalance
from service.ledger.operations import Ledger
from service.ledger.personal_data import LedgerData
from service.ledger.routes import ledger_blueprint
from service.ledger.scale import scale_check
from service.ledger.session_floor import SessionFloor
from service.ledger.settings import LedgerSettings
from service.ledger.sweeps import DueGrants
from service.ledger.wallet_locks import WAIT_LIMIT_SECONDS, WalletLocks
from service.storage.cursor import PageTokens
from service.web.settings import WebSettings


def build(core: Core, parts: Parts) -> Feature:
    del parts
    ledger = Ledger(
        table=core.table,
        clock=core.clock,
        metrics=core.metrics,
        wallet_locks=WalletLocks(core.section(WebSettings).web_connections, WAIT_LIMIT_SECONDS),
        mac_key=core.keyring.mac_key,
        deadline_seconds=core.section(LedgerSettings).transaction_deadline_seconds,
        jitter=core.jitter,
    )
    history = History(core.table, PageTokens(core.keyring.token_keys))
    grants = Grants(ledger, core.table, core.clock, core.metrics, core.keyring.mac_key)

    def sweeps(background: Background) -> tuple[DueGrants]:
        return (DueGrants(core.table, grants, core.clock, core.metrics, background.stopping),)

    return Feature(
        operations={
            Ledger: ledger,
            Grants: grants,
            History: history,
            LowBalance: LowBalance(core.table),
            AccountGate: WalletGate(core.table),
            SessionFloor: SessionFloor(core.table, core.clock),
        },
        blueprints=lambda: (ledger_blueprint(ledger, history),),
        sweeps=sweeps,
        exports=LedgerData(ledger).exports,
        checks=(
            ledger_check(core.keyring.mac_key),
            grant_check(core.keyring.mac_key),
            grants_of_account_check(),
            grant_entry_check(),
            scale_check(),
        ),
    )


LEDGER = Declaration(
    name="ledger", build=build, settings=LedgerSettings, items=keys.ITEMS, due=keys.DUE
)
