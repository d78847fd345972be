"""What can be requested, and for how many credits."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from service.core.amounts import Amount, credits_text
from service.core.errors import InvalidRequest

IMAGE_TO_VIDEO = "kling:image2video"
MAX_PROMPT = 2500


class UnknownPromptKey(InvalidRequest):
    """Names the known keys, so that the caller can choose one."""

    code = "UNKNOWN_PROMPT_KEY"
    summary = "There is no prompt with this key."
    details_example: ClassVar[Mapping[str, object]] = {
        "knownPromptKeys": ["foo_prompt", "slow_zoom"]
    }


@dataclass(frozen=True)
class Prompt:
    """A reviewed text that a client requests by its key."""

    key: str
    text: str


@dataclass(frozen=True)
class Price:
    """What an operation costs. `version` identifies the price: the same operation and amount
    always have the same version, in every process and release."""

    operation: str
    amount: Amount

    @property
    def version(self) -> str:
        facts = f"{self.operation}\n{credits_text(self.amount)}"
        return hashlib.sha256(facts.encode()).hexdigest()[:8]


def unknown_prompt(known: Iterable[str]) -> UnknownPromptKey:
    return UnknownPromptKey(details={"knownPromptKeys": sorted(known)})
