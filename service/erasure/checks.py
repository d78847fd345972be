"""What the audit proves of erasures: each is as this service wrote it, runs exactly while its
user's wallet is closing, and has left nothing personal behind once it has ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.erasure import keys, store
from service.erasure.entities import Erasure, ErasureState
from service.ledger.entities import Wallet, WalletStatus
from service.storage.checks import AccountCheck, Violation, item_name
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES
from service.users import keys as users_keys

PROFILE = "PROFILE"
DATA_KEY = "DATAKEY"
# What may have been written for someone who has come back is not looked at.
_PERSONAL = (PROFILE, users_keys.DEVICE_PREFIX)


class ErasureRecords(Protocol):
    """The part of an account that this check reads."""

    @property
    def user_id(self) -> str: ...

    @property
    def wallet(self) -> Wallet | None: ...

    @property
    def items(self) -> Mapping[str, Sequence[Item]]: ...


def erasure_check(mac_key: bytes) -> AccountCheck:
    def faults(account: ErasureRecords) -> Iterator[Violation]:
        erasure = None
        for item in account.items.get(keys.ERASURE, ()):
            try:
                erasure = store.erasure_from(item)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                what = f"cannot be read ({type(error).__name__}: {error})"
                yield Violation(item_name(account.user_id, keys.ERASURE), what)
                return
            for what in _own_faults(erasure, item, mac_key):
                yield Violation(item_name(account.user_id, keys.ERASURE), what)
        yield from _account_faults(account, erasure)

    return AccountCheck(
        ("erasure",), faults, prefixes=(keys.ERASURE,), closed_prefixes=(DATA_KEY, *_PERSONAL)
    )


def _own_faults(erasure: Erasure, item: Item, mac_key: bytes) -> Iterable[str]:
    if not erasure.is_sealed(mac_key):
        yield "is not as this service wrote it (its MAC does not hold)"
    index = {name: item[name] for name in DUE_INDEX_ATTRIBUTES if name in item}
    if erasure.notice is not None and erasure.state is ErasureState.FINISHED:
        yield "has ended, and still holds an address"
    due_at = erasure.due_at
    expected = {} if due_at is None else keys.DUE_ERASURES.index(erasure.user_id, due_at)
    if index != expected or (due_at is None) != (erasure.state is ErasureState.FINISHED):
        yield "its index attributes are not those of its state and time"


def _account_faults(account: ErasureRecords, erasure: Erasure | None) -> Iterator[Violation]:
    status = account.wallet.status if account.wallet else None
    is_running = erasure is not None and erasure.state is ErasureState.RUNNING
    where = item_name(account.user_id, keys.ERASURE)
    if is_running and status is not WalletStatus.CLOSING:
        yield Violation(where, f"runs, and the wallet is {status or 'missing'}")
    if status is WalletStatus.CLOSING and not is_running:
        yield Violation(where, "does not run, and the wallet is closing")
    if status is WalletStatus.CLOSED and erasure is not None and not is_running:
        yield from _left_over(account)


def _left_over(account: ErasureRecords) -> Iterator[Violation]:
    for prefix in _PERSONAL:
        for item in account.items.get(prefix, ()):
            yield Violation(item_name(account.user_id, str(item["SK"])), "outlived the erasure")
    for item in account.items.get(DATA_KEY, ()):
        if item.get("keys"):
            where = item_name(account.user_id, str(item["SK"]))
            yield Violation(where, "has keys, and its user is erased")
