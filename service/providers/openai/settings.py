"""How OpenAI is called. Without a key, its models are not offered."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Secret, Section, Sections, Url, setting


@dataclass(frozen=True, kw_only=True)
class OpenAiSettings(Section):
    openai_base_url: Url = setting(
        Url("https://api.openai.com/v1"), "address of OpenAI's API, its version included"
    )
    openai_api_key_secret_name: str = setting(
        "",
        "secret in Secrets Manager that holds OpenAI's API key; without it and OPENAI_API_KEY its "
        "models are not offered",
    )
    openai_api_key: Secret = setting(Secret(), "OpenAI's API key, outside production")
    openai_first_byte_seconds: float = setting(
        60.0, "how long to wait for the beginning of a response of OpenAI's"
    )
    openai_stall_seconds: float = setting(
        60.0, "how long a response of OpenAI's may pause before it counts as broken off"
    )
    openai_count_seconds: float = setting(
        2.0, "how long OpenAI may take to count the tokens of an input"
    )

    @property
    def openai_configured(self) -> bool:
        return bool(self.openai_api_key_secret_name or self.openai_api_key)

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if any(character in self.openai_base_url for character in "?#"):
            yield "OPENAI_BASE_URL must end with its host, port or path, without a query"
