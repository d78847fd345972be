"""What single items must be by their kind: every item is of a kind that a feature declares, and
fulfils the checks that the feature contributes."""

from collections.abc import Callable, Iterable, Iterator

from service.storage.checks import ItemCheck
from service.storage.codec import RawItem, decode_item
from service.storage.key_registry import KeyRegistry
from service.storage.keys import Key

# Proved together with everything else of their user (`audit_account`), or by the walk itself.
PROVED_BY_ACCOUNT = frozenset(
    {
        "wallet",
        "entry",
        "job",
        "idempotency key",
        "profile",
        "device",
        "device claim",
        "identity claim",
        "count of users",
    }
)


class ItemKinds:
    """`checks` is called when the audit begins: features that are built later contribute too."""

    def __init__(
        self, registry: KeyRegistry, checks: Callable[[], Iterable[ItemCheck]] = tuple
    ) -> None:
        self._registry = registry
        self._checks = checks

    def unproved(self) -> set[str]:
        """The kinds of which nothing is proved: there must be none."""
        named = PROVED_BY_ACCOUNT | {check.kind.name for check in self._checks()}
        return {kind.name for kind in self._registry.items} - named

    def faults(self, raw: RawItem) -> Iterator[str]:
        kind = self._registry.kind_of(Key.of_raw_item(raw))
        if kind is None:
            yield "is of a kind that no feature declares"
            return
        for check in self._checks():
            if check.kind == kind:
                yield from _read(check, raw)


def _read(check: ItemCheck, raw: RawItem) -> Iterator[str]:
    try:
        yield from tuple(check.faults(decode_item(raw)))
    except Exception as error:
        # A check is pure: whatever it raises, the item is what no version of this code wrote.
        yield f"cannot be read ({type(error).__name__}: {error})"
