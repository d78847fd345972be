"""How Kling is called."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Secret, Section, Sections, Url, setting
from service.providers.kling.models import DURATIONS, MODELS, MODES


@dataclass(frozen=True, kw_only=True)
class KlingSettings(Section):
    kling_base_url: Url = setting(Url("https://api-singapore.klingai.com"), "Kling's address")
    kling_api_key_secret_name: str = setting(
        "", "secret in Secrets Manager that holds Kling's credentials"
    )
    kling_api_key: Secret = setting(Secret(), "Kling API key, outside production")
    kling_access_key: Secret = setting(
        Secret(), "Kling access key (with the secret key instead of an API key), outside production"
    )
    kling_secret_key: Secret = setting(Secret(), "Kling secret key, outside production")
    kling_callback_secret: Secret = setting(
        Secret(),
        "Kling's webhook secret (whsec_…), outside production; empty: callbacks are unsigned",
    )
    kling_model_name: str = setting(
        "kling-v1", f"Kling model: {', '.join(MODELS)}", choices=tuple(MODELS)
    )
    kling_mode: str = setting("pro", "Kling mode: std, pro or (kling-v3 only) 4k", choices=MODES)
    kling_duration: str = setting(
        "5",
        "length of a video in seconds, as Kling spells it: 5 or 10; with kling-v3 3 to 15",
        choices=DURATIONS,
    )
    kling_create_seconds: float = setting(8.0, "longest time for all tries of one create together")
    kling_query_seconds: float = setting(5.0, "longest time for one query")

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        has_pair = self.kling_access_key and self.kling_secret_key
        if not (self.kling_api_key_secret_name or self.kling_api_key or has_pair):
            yield (
                "KLING_API_KEY_SECRET_NAME is missing (outside production KLING_API_KEY, or "
                "KLING_ACCESS_KEY and KLING_SECRET_KEY, will do)"
            )
        yield from self._model_faults()

    def _model_faults(self) -> Iterator[str]:
        """Kling refuses every request with a mode or duration that the model does not take. What
        no model takes is a fault of the single field."""
        model = MODELS.get(self.kling_model_name)
        if model is None:
            return
        for name, value, known, allowed in (
            ("KLING_MODE", self.kling_mode, MODES, model.modes),
            ("KLING_DURATION", self.kling_duration, DURATIONS, model.durations),
        ):
            if value in known and value not in allowed:
                yield (
                    f"{name} must be one of {', '.join(allowed)} with KLING_MODEL_NAME "
                    f"{self.kling_model_name}"
                )
