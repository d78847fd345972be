"""How a plan names entries and wallets. Pure."""

from service.core.amounts import credits_text
from service.ledger.entities import Entry, Wallet
from service.storage.writes import Write


def described(entry: Entry) -> str:
    return f"{entry.version} ({entry.kind} {credits_text(entry.amount)} for {entry.ref})"


def balances(wallet: Wallet) -> str:
    return (
        f"version {wallet.version}, {credits_text(wallet.credits)} available, "
        f"{credits_text(wallet.held)} held, {credits_text(wallet.captured)} captured"
    )


def deletion(write: Write) -> str:
    return f"delete {write.key.pk}/{write.key.sk}"
