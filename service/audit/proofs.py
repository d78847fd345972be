"""What the features let the audit prove, put together: every item is of a kind that a feature
declares, and fulfils the checks that the feature contributes."""

from collections.abc import Callable, Iterable, Iterator

from service.storage.checks import (
    AccountCheck,
    Check,
    ItemCheck,
    PartitionCheck,
    PrefixCheck,
)
from service.storage.codec import RawItem, decode_item
from service.storage.key_registry import KeyRegistry
from service.storage.keys import Key


class Checks:
    """`contributed` is called when it is needed: features that are built later contribute too."""

    def __init__(self, registry: KeyRegistry, contributed: Callable[[], Iterable[Check]]) -> None:
        self._registry = registry
        self._contributed = contributed

    @property
    def of_account(self) -> tuple[AccountCheck, ...]:
        return tuple(check for check in self._contributed() if isinstance(check, AccountCheck))

    @property
    def of_item(self) -> tuple[ItemCheck, ...]:
        return tuple(check for check in self._contributed() if isinstance(check, ItemCheck))

    @property
    def of_partition(self) -> tuple[PartitionCheck, ...]:
        return tuple(check for check in self._contributed() if isinstance(check, PartitionCheck))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the sort keys begin with that the checks of an account read."""
        return tuple(
            dict.fromkeys(prefix for check in self.of_account for prefix in check.prefixes)
        )

    @property
    def closed_prefixes(self) -> tuple[str, ...]:
        """The same for those that are read only where the wallet is closed."""
        return tuple(
            dict.fromkeys(prefix for check in self.of_account for prefix in check.closed_prefixes)
        )

    def of_prefix(self, pk: str) -> tuple[PrefixCheck, ...]:
        return tuple(
            check
            for check in self._contributed()
            if isinstance(check, PrefixCheck) and pk.startswith(check.prefix)
        )

    def links(self, account: object) -> frozenset[Key]:
        """The items outside of a user's partition that the checks of the account read."""
        return frozenset(key for check in self.of_account for key in check.links(account))

    def unproved(self) -> set[str]:
        """The kinds of items without any check; there must be none."""
        together: list[AccountCheck | PartitionCheck] = [*self.of_account, *self.of_partition]
        by_group = {name for check in together for name in check.kinds}
        by_item = {check.kind.name for check in self.of_item}
        return {kind.name for kind in self._registry.items} - by_group - by_item

    def needs_wallet(self, key: Key) -> bool:
        """Whether the item under that key belongs to users alone."""
        kind = self._registry.kind_of(key)
        return kind is None or kind.needs_wallet

    def item_faults(self, raw: RawItem) -> Iterator[str]:
        kind = self._registry.kind_of(Key.of_raw_item(raw))
        if kind is None:
            yield "is of a kind that no feature declares"
            return
        for check in self.of_item:
            if check.kind == kind:
                yield from _faults(check, raw)


def _faults(check: ItemCheck, raw: RawItem) -> Iterator[str]:
    try:
        yield from tuple(check.faults(decode_item(raw)))
    except Exception as error:
        # A check is pure: whatever it raises, the item is what no version of this code wrote.
        yield f"cannot be read ({type(error).__name__}: {error})"
