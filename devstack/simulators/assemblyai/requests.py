"""What AssemblyAI accepts as a request for a transcript."""

import json
from typing import Any
from urllib.parse import urlsplit

from devstack.simulators.assemblyai.transcripts import AssemblyAiError, TranscriptRequest

_LANGUAGES = """
    en en_au en_uk en_us af am ar as az ba be bg bn bo br bs ca cs cy da de el es et eu fa fi fo fr
    gl gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr
    ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl
    tr tt uk ur uz vi yi yo zh
"""
_KNOWN = {
    "audio_url": str,
    "audio_end_at": int,
    "audio_start_from": int,
    "speech_models": list,
    "speaker_labels": bool,
    "language_code": str,
    "language_detection": bool,
    "webhook_url": str,
    "webhook_auth_header_name": str,
    "webhook_auth_header_value": str,
}


def parse_request(body: bytes) -> TranscriptRequest:
    """Raises `AssemblyAiError` 400. Unknown fields are refused: the description allows none."""
    fields = _fields(body)
    for name, value in fields.items():
        if name not in _KNOWN:
            raise AssemblyAiError(400, f"Invalid endpoint schema, unknown field {name}")
        if type(value) is not _KNOWN[name]:
            raise AssemblyAiError(400, f"{name} is of the wrong type")
    if not _is_address(fields.get("audio_url", "")):
        raise AssemblyAiError(400, "audio_url should start with http")
    end_ms = fields.get("audio_end_at")
    if end_ms is not None and end_ms <= fields.get("audio_start_from", 0):
        raise AssemblyAiError(400, "audio_end_at must be after audio_start_from")
    if fields.get("webhook_url") and not _is_address(fields["webhook_url"]):
        raise AssemblyAiError(400, "webhook_url should start with http")
    if fields.get("language_code", "en") not in _LANGUAGES.split():
        raise AssemblyAiError(400, "language_code is not a supported language")
    models = fields.get("speech_models") or ["universal-2"]
    return TranscriptRequest(
        audio_url=fields["audio_url"],
        end_ms=end_ms,
        speaker_labels=fields.get("speaker_labels", False),
        language_code=fields.get("language_code", "en"),
        speech_model=str(models[0]),
        webhook_url=fields.get("webhook_url", ""),
        webhook_header=fields.get("webhook_auth_header_name", ""),
        webhook_value=fields.get("webhook_auth_header_value", ""),
    )


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise AssemblyAiError(400, "Invalid JSON in the request's body")
    return fields


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
