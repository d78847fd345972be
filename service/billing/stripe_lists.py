"""Stripe's lists, read to their end.

In a file of its own because one page of a sum is a wrong sum, whatever is listed."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from service.billing.stripe_api import StripeApi
from service.billing.stripe_parsing import Raw, UnexpectedObject, listed

PAGE = 100


class Identified(Protocol):
    @property
    def id(self) -> str: ...


Listed = TypeVar("Listed", bound=Identified)


def everything(
    api: StripeApi,
    path: str,
    parse: Callable[[Raw], Listed],
    params: Mapping[str, Any],
    max_objects: int,
) -> tuple[Listed, ...]:
    """Every object of a list, newest first, page by page. Raises `StripeUnavailable` where there
    are more than `max_objects`, and what `StripeApi.get` raises."""
    found: list[Listed] = []

    def page(raw: Raw) -> tuple[tuple[Listed, ...], bool]:
        objects, has_more = listed(raw, parse)
        if has_more and (not objects or len(found) + len(objects) >= max_objects):
            raise UnexpectedObject(f"a list goes on after {len(found) + len(objects)} objects")
        return objects, has_more

    query: dict[str, Any] = {**params, "limit": PAGE}
    while True:
        objects, has_more = api.get(path, page, query)
        found += objects
        if not has_more:
            return tuple(found)
        query["starting_after"] = objects[-1].id
