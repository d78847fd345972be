"""The interface between a feature and the composition root: what it needs, declares and
contributes.

Only the `feature.py` of a feature and the entry points use this."""

import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click
from flask import Blueprint, Flask

from service.core.clock import Clock
from service.core.erasure import ErasureStep, ExportPart
from service.core.ids import Ids
from service.core.keyring import Keyring
from service.core.metrics import Metrics
from service.core.settings import AnySection, Section
from service.core.sweep import Background, Sweep
from service.settings import Settings
from service.storage.checks import Check
from service.storage.data_keys import DataKeys
from service.storage.key_registry import KeyRegistry
from service.storage.keys import DueKind, ItemKind
from service.storage.objects import Objects
from service.storage.table import Table
from service.web.error_shapes import ErrorShape

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class Core:
    """What every feature can be built from: everything that reaches outside the process, except the
    features' own clients. Those share `tls`, which says whom to trust."""

    settings: Settings
    clock: Clock
    ids: Ids
    jitter: Callable[[], float]
    metrics: Metrics
    table: Table
    tls: ssl.SSLContext
    data_keys: DataKeys
    keyring: Keyring
    read_secret: Callable[[str], str]
    open_bucket: Callable[[str], Objects]
    keys: KeyRegistry

    def section(self, kind: type[AnySection]) -> AnySection:
        return self.settings.section(kind)


def no_sweeps(background: Background) -> Sequence[Sweep]:
    del background
    return ()


def no_blueprints() -> tuple[Blueprint, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What a feature contributes to a process, built.

    `operations` are found by later features under the type that they are published as.
    `blueprints` makes the routes: most of what building a process costs, so only one that serves
    them calls it. `hooks` are applied to the web application before any route of it is served;
    `error_shapes` are those of the addresses whose errors do not come in the envelope.
    `sweeps` run in the worker, `web_sweeps` in every web process; `closing` when a process ends as
    it should. `erasure` and `exports` are for everything that the feature holds of a user."""

    operations: Mapping[type[Any], object] = field(default_factory=dict)
    blueprints: Callable[[], tuple[Blueprint, ...]] = no_blueprints
    hooks: tuple[Callable[[Flask], None], ...] = ()
    error_shapes: tuple[ErrorShape, ...] = ()
    sweeps: Callable[[Background], Sequence[Sweep]] = no_sweeps
    web_sweeps: tuple[Sweep, ...] = ()
    closing: tuple[Callable[[], None], ...] = ()
    checks: tuple[Check, ...] = ()
    erasure: tuple[ErasureStep, ...] = ()
    exports: tuple[ExportPart, ...] = ()


class Parts:
    """The parts of one process that have been built so far. `replacements` replace what a feature
    would publish under the same type."""

    def __init__(self, core: Core, replacements: Mapping[type[Any], object] | None = None) -> None:
        self.core = core
        self.features: dict[str, Feature] = {}
        self._replacements = dict(replacements or {})
        self._published: dict[type[Any], object] = {}

    def get(self, kind: type[Part]) -> Part:
        """Returns what an earlier feature publishes under that type. Raises `KeyError` if none
        does."""
        found: Any = self._published[kind]
        return found  # type: ignore[no-any-return]

    def replaced(self, kind: type[Part], usual: Part) -> Part:
        """The replacement for `usual`, if there is one."""
        found: Any = self._replacements.get(kind, usual)
        return found  # type: ignore[no-any-return]

    def replacement_or(self, kind: type[Part], make: Callable[[], Part]) -> Part:
        """As `replaced`, for a part that is expensive to create (a TLS context takes 17 ms)."""
        found: Any = self._replacements[kind] if kind in self._replacements else make()
        return found  # type: ignore[no-any-return]

    def add(self, name: str, feature: Feature) -> None:
        self.features[name] = feature
        for kind, part in feature.operations.items():
            self._published[kind] = self.replaced(kind, part)

    def checks(self) -> tuple[Check, ...]:
        """The checks of every feature that has been built so far."""
        return tuple(check for feature in self.features.values() for check in feature.checks)

    def erasure_steps(self) -> tuple[ErasureStep, ...]:
        """The steps of every feature that has been built so far, in the order of their phases.
        Raises `ValueError` when two have the same name."""
        steps = tuple(step for feature in self.features.values() for step in feature.erasure)
        _require_distinct(step.name for step in steps)
        return tuple(sorted(steps, key=lambda step: step.phase))

    def export_parts(self) -> tuple[ExportPart, ...]:
        """Likewise, in the order in which the features were built."""
        exports = tuple(part for feature in self.features.values() for part in feature.exports)
        _require_distinct(part.name for part in exports)
        return exports

    def sweeps(self, background: Background) -> tuple[Sweep, ...]:
        return tuple(
            sweep for feature in self.features.values() for sweep in feature.sweeps(background)
        )

    def close(self) -> None:
        """Returns what the process holds for itself, the last feature first: it uses earlier ones
        until its end. A process that is killed never does."""
        for feature in reversed(self.features.values()):
            for closing in feature.closing:
                closing()

    def web_sweeps(self) -> tuple[Sweep, ...]:
        return tuple(sweep for feature in self.features.values() for sweep in feature.web_sweeps)


def _require_distinct(names: Iterable[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"registered twice: {', '.join(twice)}")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known of a feature before anything is built: its settings, its keys, and the operator
    commands under the heading that `--help` lists them with. They build the parts only when one of
    them runs."""

    name: str
    build: Callable[[Core, Parts], Feature]
    settings: type[Section] | None = None
    items: tuple[ItemKind, ...] = ()
    due: tuple[DueKind, ...] = ()
    commands: Mapping[str, tuple[click.Command, ...]] = field(default_factory=dict)


def key_registry(declarations: Iterable[Declaration]) -> KeyRegistry:
    """Raises `ValueError` when two kinds of items could have the same key."""
    chosen = tuple(declarations)
    return KeyRegistry(
        (kind for each in chosen for kind in each.items),
        (kind for each in chosen for kind in each.due),
    )
