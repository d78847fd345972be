"""The models on offer, from the reviewed data file next to this one. Pure but for reading that file
once, when the process starts.

In a file of its own because it is data. A model's price is that of its operation
(`service/catalog/prices.json`), and so is what its vendor bills (`provider_costs.json`)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_OPERATION = re.compile(r"[a-z0-9-]{1,40}:text")


@dataclass(frozen=True)
class TextModel:
    """A model as its users know it by `name`, and its vendor by `model_id`. The input and the
    output of a request fit into `context_tokens` together.

    `bytes_per_token` is our own count: a model writes at least so many bytes a token on average.
    `hides_reasoning`: the vendor bills output that no one receives, so that no one can count what
    was billed when a call is cancelled. `max_temperature`: None where the model takes neither
    temperature nor top_p."""

    name: str
    operation: str
    provider: str
    model_id: str
    context_tokens: int
    default_output_tokens: int
    max_output_tokens: int
    min_output_tokens: int
    bytes_per_token: int
    hides_reasoning: bool
    max_temperature: int | None


def checked_models(given: Mapping[str, Mapping[str, Any]]) -> Mapping[str, TextModel]:
    """The models by name. Raises `ValueError`, `KeyError` or `TypeError`."""
    models = {name: _model(name, facts) for name, facts in given.items()}
    if len({model.operation for model in models.values()}) < len(models):
        raise ValueError("two models have the same operation")
    return MappingProxyType(models)


def read_models() -> Mapping[str, TextModel]:
    """Raises `ValueError` if the file is invalid."""
    file = resources.files("service.text").joinpath("models.json")
    return checked_models(json.loads(file.read_text(encoding="utf-8")))


def _model(name: str, facts: Mapping[str, Any]) -> TextModel:
    model = TextModel(
        name=name,
        operation=facts["operation"],
        provider=facts["provider"],
        model_id=facts["modelId"],
        context_tokens=facts["contextTokens"],
        default_output_tokens=facts["defaultOutputTokens"],
        max_output_tokens=facts["maxOutputTokens"],
        min_output_tokens=facts["minOutputTokens"],
        bytes_per_token=facts["bytesPerToken"],
        hides_reasoning=facts["hidesReasoning"],
        max_temperature=facts["maxTemperature"],
    )
    if not _NAME.fullmatch(name) or not _OPERATION.fullmatch(model.operation):
        raise ValueError(f"model {name!r} has no usable name or operation")
    limits = (
        model.min_output_tokens,
        model.default_output_tokens,
        model.max_output_tokens,
        model.context_tokens,
    )
    if any(type(each) is not int for each in (*limits, model.bytes_per_token)):
        raise TypeError(f"model {name!r} has a limit that is not a whole number")
    if not (model.bytes_per_token > 0 and limits[0] > 0 and list(limits) == sorted(limits)):
        raise ValueError(f"model {name!r} has limits that contradict each other")
    return model


MODELS = read_models()
