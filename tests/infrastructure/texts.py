"""Templates and other YAML of a checkout, joined, parsed and rendered once for each text: the
checks read the same files hundreds of times. What is returned here is not to be changed."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from devstack.template import SafeLoader, parse_template
from release.join import joined, parts_of
from tests.infrastructure.render import Stack, render

Given = tuple[tuple[str, str], ...]


def text_of(path: Path) -> str:
    """As that of `release.join`."""
    return path.read_text(encoding="utf-8") if path.is_file() else _joined(parts_of(path))


@lru_cache(maxsize=64)
def _joined(parts: tuple[str, ...]) -> str:
    return joined(parts)


@lru_cache(maxsize=512)
def rendered(text: str, given: Given, name: str) -> Stack:
    """The template of that text with these parameters. Raises `RenderError`, `yaml.YAMLError`."""
    return render(parse_template(text), dict(given), name)


@lru_cache(maxsize=64)
def plain_yaml(text: str) -> Any:
    """YAML without the tags of templates. Raises `yaml.YAMLError`."""
    return yaml.load(text, Loader=SafeLoader)
