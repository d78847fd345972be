"""Who reads which of Stripe's objects and applies it.

In a file of its own because each kind of object belongs to another part of billing, and none of
them knows the others."""

from collections.abc import Callable

import structlog

from service.billing.events import ObjectKind, ObjectRef

log = structlog.get_logger()

Handler = Callable[[str], object]
"""Reads the present object with that id and applies it. Whatever it raises means: again later."""


class Reconciler:
    """Applies Stripe's present state of an object, whoever noticed that it has changed: safe to
    call any number of times, in any order, side by side."""

    def __init__(self) -> None:
        self._handlers: dict[ObjectKind, Handler] = {}

    def register(self, kind: ObjectKind, handler: Handler) -> None:
        """To be called while the process is put together. Raises `ValueError` for a kind that has a
        handler."""
        if kind in self._handlers:
            raise ValueError(f"{kind.value} is reconciled twice")
        self._handlers[kind] = handler

    @property
    def kinds(self) -> frozenset[ObjectKind]:
        """What has a handler."""
        return frozenset(self._handlers)

    def reconcile(self, ref: ObjectRef) -> None:
        """Raises what the handler of its kind raises."""
        log.debug("stripe_object_read", kind=ref.kind.value, object_id=ref.object_id)
        self._handlers[ref.kind](ref.object_id)
