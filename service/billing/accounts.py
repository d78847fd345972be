"""Who may buy. In a file of its own because everything that begins a payment needs it."""

from service.ledger.entities import (
    AccountClosing,
    AccountRequired,
    Wallet,
    WalletFrozen,
    WalletStatus,
)


def require_account(wallet: Wallet | None) -> None:
    """Raises `AccountRequired` or `AccountClosing`."""
    if wallet is None or wallet.status is WalletStatus.CLOSED:
        raise AccountRequired
    if wallet.status is WalletStatus.CLOSING:
        raise AccountClosing


def require_buyer(wallet: Wallet | None) -> None:
    """Whoever pays must be able to spend. Raises `AccountRequired`, `AccountClosing` or
    `WalletFrozen`."""
    require_account(wallet)
    if wallet is not None and wallet.status is WalletStatus.FROZEN:
        raise WalletFrozen
