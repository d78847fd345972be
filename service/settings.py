"""The only reader of the environment. The settings of a process are the sections of its features,
read together, so that every fault is reported at once."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields
from typing import Any

from service.core.settings import (
    AnySection,
    CoreSettings,
    Section,
    SettingsError,
    parse_section,
)


class Settings:
    """One section of each kind. Raises `SettingsError` with every fault of every section."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = {type(section): section for section in sections}
        if faults := list(self._faults()):
            raise SettingsError(faults)

    def __repr__(self) -> str:
        return f"Settings({', '.join(map(repr, self._sections.values()))})"

    def section(self, kind: type[AnySection]) -> AnySection:
        found = self._sections[kind]
        assert isinstance(found, kind)
        return found

    @property
    def core(self) -> CoreSettings:
        return self.section(CoreSettings)

    @property
    def production(self) -> bool:
        return self.core.production

    def _faults(self) -> Iterator[str]:
        for section in self._sections.values():
            yield from section.field_faults(production=self.production)
            yield from section.rules(self)
            if self.production:
                yield from section.production_rules()


def read_settings(
    kinds: Iterable[type[Section]], environment: Mapping[str, str] | None = None
) -> Settings:
    """Reads every field from `environment` (the process's own by default); empty means not set.
    Raises `SettingsError` naming all faults at once."""
    given = os.environ if environment is None else environment
    parsed = [(kind, *parse_section(kind, given)) for kind in kinds]
    faults = [fault for _, _, unread in parsed for fault in unread]
    try:
        settings = Settings(kind(**values) for kind, values, _ in parsed)
    except SettingsError as error:
        raise SettingsError(faults + error.faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def make_settings(kinds: Iterable[type[Section]], values: Mapping[str, object]) -> Settings:
    """Settings from values by field name, defaults for the rest. Raises `SettingsError`, and
    `ValueError` for a name that no section has."""
    chosen = tuple(kinds)
    if unknown := values.keys() - {each.name for each in declared(chosen)}:
        raise ValueError(f"no section has {', '.join(sorted(unknown))}")
    return Settings(
        kind(**{each.name: values[each.name] for each in fields(kind) if each.name in values})
        for kind in chosen
    )


def declared(kinds: Iterable[type[Section]]) -> tuple[Field[Any], ...]:
    """Every setting in order. Raises `ValueError` when two sections have one of the same name."""
    found = tuple(each for kind in kinds for each in fields(kind))
    twice = [name for name, times in Counter(each.name for each in found).items() if times > 1]
    if twice:
        raise ValueError(f"declared twice: {', '.join(twice)}")
    return found


def process_environment() -> dict[str, str]:
    """The environment of this process, for code that starts other processes."""
    return dict(os.environ)
