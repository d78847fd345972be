"""What the audit reads."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.admin.entities import Account
from service.jobs.store import job_from, key_use
from service.ledger.entities import WalletStatus
from service.ledger.store import entries, wallet_from
from service.storage import keys
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import Table

PAGE = 200


@dataclass(frozen=True)
class Claim:
    """A claim and the user it names."""

    key: Key
    user_id: str


def scan(table: Table, segment: int, segments: int) -> Iterator[Item]:
    """Every item of one segment, page by page."""
    after: Key | None = None
    while True:
        items, after = table.scan(segment=segment, segments=segments, limit=PAGE, after=after)
        yield from items
        if after is None:
            return


def is_wallet(item: Item) -> bool:
    return str(item["PK"]).startswith(keys.USER_PREFIX) and item["SK"] == keys.wallet("").sk


def claim_from(item: Item) -> Claim | None:
    claimed = str(item["PK"]).startswith((keys.FINGERPRINT_PREFIX, keys.IDENTITY_PREFIX))
    return Claim(Key(str(item["PK"]), str(item["SK"])), str(item["userId"])) if claimed else None


def owner_of(item: Item) -> str | None:
    """The user an item lies with, None for what lies with nobody."""
    pk = str(item["PK"])
    return keys.owner(pk) if pk.startswith(keys.USER_PREFIX) else None


def read_count(table: Table) -> int:
    item = table.get(keys.COUNT)
    count = item["count"] if item else 0
    return count if isinstance(count, int) else 0


def has_wallet(table: Table, user_id: str) -> bool:
    return table.get(keys.wallet(user_id)) is not None


def read_account(table: Table, user_id: str) -> Account | None:
    """One user's account, None when credits moved while it was read. A movement always raises the wallet's version, so the
    same version before and after means that nothing in between was half of one."""
    before = table.get(keys.wallet(user_id))
    if before is None:
        return None
    wallet = wallet_from(before)
    account = Account(
        wallet=wallet,
        entries=tuple(entries(table, user_id)),
        jobs=tuple(job_from(item) for item in _partition(table, user_id, keys.JOB_PREFIX)),
        keys={
            str(item["SK"]): use.job_id
            for item in _partition(table, user_id, keys.IDEMPOTENCY_PREFIX)
            if (use := key_use(item))
        },
        claims_held=wallet.status is WalletStatus.CLOSED or _claims_held(table, user_id),
    )
    after = table.get(keys.wallet(user_id))
    return account if after is not None and after["version"] == wallet.version else None


def _partition(table: Table, user_id: str, prefix: str) -> Iterator[Item]:
    after = ""
    while True:
        page = table.query(keys.partition(user_id), prefix, limit=PAGE, after=after)
        yield from page.items
        if not page.more:
            return
        after = str(page.items[-1]["SK"])


def _claims_held(table: Table, user_id: str) -> bool:
    """Whether there is a profile, and the claims that it names are there and this user's."""
    profile = table.get(keys.profile(user_id))
    if profile is None:
        return False
    marks = (
        keys.fingerprint_claim(str(profile["deviceMark"])),
        keys.identity_claim(str(profile["identityMark"])),
    )
    claims = table.get_together(marks)
    return all(claim is not None and claim["userId"] == user_id for claim in claims)
