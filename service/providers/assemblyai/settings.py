"""How AssemblyAI is called."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import CoreSettings, Secret, Section, Sections, Url, setting

_SOCKET_URL = re.compile(r"wss?://[A-Za-z0-9.\[\]:-]{1,255}(/[\w./-]*)?")

SPEECH_MODELS = ("universal-2", "universal-3-pro")


@dataclass(frozen=True, kw_only=True)
class AssemblyAiSettings(Section):
    assemblyai_base_url: Url = setting(
        Url("https://api.assemblyai.com"),
        "AssemblyAI's address; in the EU https://api.eu.assemblyai.com",
    )
    assemblyai_api_key_secret_name: str = setting(
        "",
        "secret in Secrets Manager that holds AssemblyAI's API key and the secret of its "
        "callbacks; empty: no transcription is offered",
    )
    assemblyai_api_key: Secret = setting(Secret(), "AssemblyAI API key, outside production")
    assemblyai_callback_secret: Secret = setting(
        Secret(), "what AssemblyAI's callbacks must carry in a header, outside production"
    )
    assemblyai_speech_model: str = setting(
        "universal-2", f"speech model: {', '.join(SPEECH_MODELS)}", choices=SPEECH_MODELS
    )
    assemblyai_streaming_url: str = setting(
        "wss://streaming.assemblyai.com",
        "AssemblyAI's address of live sessions; in the EU wss://streaming.eu.assemblyai.com",
    )
    assemblyai_create_seconds: float = setting(
        8.0, "longest time for all tries of one create together"
    )
    assemblyai_query_seconds: float = setting(
        15.0, "longest time for one query; the transcript of ten hours is several MB"
    )

    @property
    def is_configured(self) -> bool:
        return bool(self.assemblyai_api_key_secret_name or self.assemblyai_api_key)

    def rules(self, settings: Sections) -> Iterator[str]:
        if self.is_configured and not settings.section(CoreSettings).public_url:
            yield (
                "PUBLIC_URL is missing: a transcript is found again by the address of its callback"
            )
        if self.assemblyai_api_key and not self.assemblyai_callback_secret:
            yield "ASSEMBLYAI_CALLBACK_SECRET is missing: callbacks would be unsigned"
        if not _SOCKET_URL.fullmatch(self.assemblyai_streaming_url):
            yield "ASSEMBLYAI_STREAMING_URL must be a ws(s) address, such as wss://host"

    def production_rules(self) -> Iterator[str]:
        if not self.assemblyai_streaming_url.startswith("wss:"):
            yield "ASSEMBLYAI_STREAMING_URL must be wss in production"
