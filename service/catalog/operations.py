"""Looking prompts up and quoting prices."""

from collections.abc import Mapping, Sequence

from service.catalog.entities import Price, Prompt, unknown_prompt
from service.core.amounts import Amount


class Catalog:
    """The prompts and the prices of one release."""

    def __init__(self, prompts: Sequence[Prompt], prices: Mapping[str, Amount]) -> None:
        self._prompts = {prompt.key: prompt for prompt in prompts}
        self._prices = dict(prices)

    def prompts(self) -> tuple[Prompt, ...]:
        return tuple(self._prompts.values())

    def prompt(self, key: str) -> Prompt:
        """Raises `UnknownPromptKey`."""
        if key not in self._prompts:
            raise unknown_prompt(self._prompts)
        return self._prompts[key]

    def quote(self, operation: str) -> Price:
        """Returns the price of an operation. Raises `KeyError` for an operation without a price."""
        return Price(operation, self._prices[operation])
