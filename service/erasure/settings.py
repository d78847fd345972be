"""How often erasures are carried on, and where the user pool is that they delete from."""

from dataclasses import dataclass

from service.core.settings import Section, Url, setting


@dataclass(frozen=True, kw_only=True)
class ErasureSettings(Section):
    erasure_interval_seconds: float = setting(
        5.0, "pause between two runs of the sweep that carries erasures on"
    )
    cognito_endpoint_url: Url = setting(
        Url(), "another address of Amazon Cognito; only outside production", development_only=True
    )
