"""The plan that undoes a sign-up which is torn beyond repair. Pure.

In a file of its own because nothing of such an account is mended: it goes, and the person signs up
again."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.ledger import keys as ledger_keys
from service.ledger import store as ledger_store
from service.ledger.replay import Moment
from service.repair.account_records import (
    DamagedAccount,
    NotRepairable,
    RepairContext,
    digests_of,
)
from service.repair.sentences import deletion
from service.storage.keys import Key, data_key, user_item, user_partition
from service.storage.writes import Delete, When, Write
from service.users import keys as users_keys

MAX_CHANGES = 90


@dataclass(frozen=True)
class Plan:
    """What is to be done in one place; `is_open`: an open wallet is there afterwards."""

    where: str
    says: tuple[str, ...]
    writes: tuple[Write, ...]
    is_open: bool


def is_undone(damaged: DamagedAccount, moments: Sequence[Moment], context: RepairContext) -> bool:
    """Whether a sign-up is torn beyond repair before any of its credits were used: the person then
    signs up again."""
    account = damaged.account
    entries = (*account.entries, *account.late)
    used = (
        account.jobs
        or any(entry.version > 1 for entry in entries)
        or (account.wallet and account.wallet.version > 1)
    )
    is_known = moments and digests_of(damaged, context)
    return not used and not is_known and not account.closed


def undone(damaged: DamagedAccount, moments: Sequence[Moment]) -> Plan:
    account, user_id = damaged.account, damaged.account.user_id
    entries = [moment.entry for moment in moments]
    if len((*account.entries, *account.late)) > len(entries):
        raise NotRepairable("its first entry is not one that this ledger wrote")
    writes: list[Write] = (
        ledger_store.rebuilt_writes(account.wallet, None, entries, ()) if account.wallet else []
    )
    if account.wallet is None:
        writes += [gone(ledger_keys.entry(user_id, entry.version)) for entry in entries]
    writes += [gone(users_keys.profile(user_id))] if account.digests else []
    writes += [gone(data_key(user_id))] if damaged.has_data_key else []
    writes += [gone(users_keys.device(user_id, digest)) for digest in sorted(account.devices)]
    writes += [gone(user_item(user_id, sk)) for sk in account.keys]
    writes += map(gone, damaged.messages)
    writes += [Delete(key, When(equals={"userId": user_id})) for key in damaged.claimed]
    says = ["its sign-up is undone, so that the person can sign up again", *map(deletion, writes)]
    return bounded(Plan(user_partition(user_id), tuple(says), tuple(writes), is_open=False))


def gone(key: Key) -> Delete:
    return Delete(key, When(equals={"PK": key.pk}))


def bounded(made: Plan) -> Plan:
    if len(made.writes) > MAX_CHANGES:
        raise NotRepairable(f"it takes {len(made.writes)} changes, and no restore tears that much")
    return made
