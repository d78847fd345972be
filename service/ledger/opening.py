"""How a wallet is opened without welcome credits, and how they are granted later. Pure.

In a file of its own because only signing up and its review need it."""

from dataclasses import replace

from service.core.amounts import Amount
from service.ledger.details import NO_DETAILS, Details
from service.ledger.entities import EntryKind, Movement, Wallet, WalletStatus
from service.ledger.lots import LotKind
from service.ledger.movements import WELCOME, freeze, grant

# The FREEZE of a sign-up that an operator has to review; every other is an operator's own.
REVIEW = "review"
_SIGN_UP = "sign-up"


def open_unwelcomed(user_id: str, now: int) -> Movement:
    """Opens a wallet without credits."""
    fresh = Wallet(user_id=user_id, welcomed=False, created_at=now, updated_at=now)
    return grant(fresh, LotKind.FREE, 0, None, _SIGN_UP, now, EntryKind.INITIAL)


def welcome_later(
    wallet: Wallet, amount: Amount, now: int, *, details: Details = NO_DETAILS
) -> Movement:
    """Grants the welcome credits to a wallet that was opened without them. Raises `ValueError` for
    one that was welcomed."""
    if wallet.welcomed:
        raise ValueError("a wallet is welcomed once")
    welcomed = replace(wallet, welcomed=True)
    return grant(
        welcomed, LotKind.FREE, amount, None, WELCOME, now, EntryKind.INITIAL, details=details
    )


def frozen_for_review(opened: Movement, now: int, details: Details) -> Movement:
    """That movement, and the wallet frozen until an operator has decided."""
    frozen = freeze(opened.wallet, REVIEW, now, details=details)
    return Movement(frozen.wallet, opened.entries + frozen.entries)


def awaits_review(wallet: Wallet) -> bool:
    """Whether the wallet may be one that an operator has to review."""
    return wallet.status is WalletStatus.FROZEN and not wallet.welcomed
