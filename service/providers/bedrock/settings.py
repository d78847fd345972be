"""How Bedrock is called. Without a region, its models are not offered."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Secret, Section, Sections, Url, setting

_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class BedrockSettings(Section):
    bedrock_region: str = setting(
        "", "region of Amazon Bedrock; without it, Bedrock's models are not offered"
    )
    bedrock_endpoint_url: Url = setting(
        Url(), "another address of Bedrock; only outside production", development_only=True
    )
    bedrock_guardrail_id: str = setting(
        "", "guardrail that judges what Bedrock's models read and write; then no text is streamed"
    )
    bedrock_guardrail_version: str = setting("", "its version, such as 1 or DRAFT")
    bedrock_api_key_secret_name: str = setting(
        "",
        "secret in Secrets Manager that holds a Bedrock API key; with it, OpenAI's models at "
        "Bedrock are offered",
    )
    bedrock_api_key: Secret = setting(Secret(), "that key, outside production")
    bedrock_first_byte_seconds: float = setting(
        60.0, "how long to wait for the beginning of a response of Bedrock's"
    )
    bedrock_stall_seconds: float = setting(
        60.0, "how long a response of Bedrock's may pause before it counts as broken off"
    )
    bedrock_count_seconds: float = setting(
        2.0, "how long Bedrock may take to count the tokens of an input"
    )

    @property
    def bedrock_url(self) -> str:
        default = f"https://bedrock-runtime.{self.bedrock_region}.amazonaws.com"
        return self.bedrock_endpoint_url.rstrip("/") or default

    @property
    def bedrock_speaks_responses(self) -> bool:
        return bool(self.bedrock_api_key_secret_name or self.bedrock_api_key)

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.bedrock_region and not _REGION.fullmatch(self.bedrock_region):
            yield "BEDROCK_REGION must be the name of a region, such as us-east-1"
        if bool(self.bedrock_guardrail_id) != bool(self.bedrock_guardrail_version):
            yield "BEDROCK_GUARDRAIL_ID and BEDROCK_GUARDRAIL_VERSION must be set together"
        if self.bedrock_api_key_secret_name and not self.bedrock_region:
            yield "BEDROCK_API_KEY_SECRET_NAME needs BEDROCK_REGION"
