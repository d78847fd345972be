"""How often erasures are carried on."""

from dataclasses import dataclass

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class ErasureSettings(Section):
    erasure_interval_seconds: float = setting(
        5.0, "pause between two runs of the sweep that carries erasures on"
    )
