"""The reviewed prompts, from the data file next to this one."""

import json
from importlib import resources

from service.catalog.entities import MAX_PROMPT, Prompt


def read_prompts() -> tuple[Prompt, ...]:
    """Returns every prompt, sorted by key. Raises `ValueError` if the file is invalid."""
    text = resources.files("service.catalog").joinpath("prompts.json").read_text(encoding="utf-8")
    prompts = tuple(Prompt(key, words) for key, words in sorted(json.loads(text).items()))
    for prompt in prompts:
        if not prompt.key.isidentifier() or not 0 < len(prompt.text) <= MAX_PROMPT:
            raise ValueError(f"prompt {prompt.key!r} has no usable key or text")
    return prompts
