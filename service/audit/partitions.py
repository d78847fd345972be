"""What the audit proves of partitions other than users'. In a file of its own because features
bring these checks, and the walk over accounts knows nothing of them."""

from collections.abc import Iterator

from service.audit.proofs import Checks
from service.audit.store import Reader
from service.storage.checks import PrefixCheck, Violation
from service.storage.codec import Item, decode_item
from service.storage.keys import Key

MAX_REREADINGS = 3


class _Items:
    """The items of one partition as its check reads them."""

    def __init__(self, reader: Reader, pk: str) -> None:
        self._reader = reader
        self._pk = pk

    def items(self, prefix: str) -> Iterator[Item]:
        return map(decode_item, self._reader.partition(self._pk, prefix))

    def one(self, key: Key) -> Item | None:
        raw = self._reader.one(key)
        return decode_item(raw) if raw else None


def partition_faults(reader: Reader, checks: Checks, pk: str) -> list[Violation]:
    """What is wrong with that partition. Faults are read again once no transaction is under way
    there: until then a query may see some of its writes and not yet the others. Damage looks the
    same each time."""
    return [
        violation
        for check in checks.of_prefix(pk)
        for violation in _lasting_faults(reader, check, pk)
    ]


def _lasting_faults(reader: Reader, check: PrefixCheck, pk: str) -> list[Violation]:
    faults = _faults(reader, check, pk)
    for _ in range(MAX_REREADINGS):
        if not faults:
            break
        before = faults
        reader.settle(check.head(pk))
        faults = _faults(reader, check, pk)
        if faults == before:
            break
    return faults


def _faults(reader: Reader, check: PrefixCheck, pk: str) -> list[Violation]:
    try:
        return list(check.faults(pk, _Items(reader, pk)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The check of the item itself names it too; what depends on it cannot be proved.
        return [Violation(pk, f"cannot be proved ({type(error).__name__}: {error})")]
