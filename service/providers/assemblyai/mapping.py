"""What AssemblyAI is sent, and what its responses mean. Pure.

Source: AssemblyAI's OpenAPI description
(https://github.com/AssemblyAI/assemblyai-api-spec/blob/main/openapi.yml). Only reviewed texts of
its errors count; every other text is no fault of the user's."""

import re
from collections.abc import Mapping
from typing import Any

from service.core.clock import from_foreign_iso
from service.providers.base import RejectionReason, Task, TaskStatus, TranscriptionRequest
from service.providers.http import Reply
from service.storage.codec import Value

CALLBACK_HEADER = "X-Farebox-Callback"
REQUEST_TIMEOUT = 408
_MAX_SHOWN = 200
_MAX_FACT = 64
_MAX_SECONDS = 7 * 24 * 3600
_TRANSCRIPT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ADDRESS = re.compile(r"https?://\S+")
_STATUSES = {
    "queued": TaskStatus.RUNNING,
    "processing": TaskStatus.RUNNING,
    "completed": TaskStatus.SUCCEEDED,
    "error": TaskStatus.FAILED,
}
_NOT_FOUND = "transcript lookup error, transcript id not found"
_AUDIO = re.compile(
    r"download error\b"
    r"|(?:the )?file does not appear to contain audio\b"
    r"|(?:the )?audio (?:duration|file) is too (?:short|long)\b"
    r"|transcoding failed\b"
    r"|language_detection cannot be performed on files with no spoken audio\b"
    r"|upload(?:ed)? file (?:is )?not accessible\b",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"the following models are not available in this language\b", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"your current account balance is negative\b|this feature is paid-only\b", re.IGNORECASE
)
_OF_OUR_ACCOUNT = frozenset({401, 402, 403})


def body_of(
    request: TranscriptionRequest, speech_model: str, callback_secret: str
) -> dict[str, object]:
    """The body of `POST /v2/transcript`. What is transcribed, and billed, ends at `audio_end_at`
    milliseconds."""
    language: dict[str, object] = (
        {"language_code": request.language} if request.language else {"language_detection": True}
    )
    return {
        "audio_url": request.audio_url,
        "audio_end_at": request.max_seconds * 1000,
        "speech_models": [speech_model],
        "speaker_labels": request.speaker_labels,
        **language,
        "webhook_url": request.callback_url,
        "webhook_auth_header_name": CALLBACK_HEADER,
        "webhook_auth_header_value": callback_secret,
    }


def transcript_of(reply: Reply) -> Mapping[str, Any] | None:
    """A transcript object; None for anything else."""
    body = reply.json()
    if reply.status != 200 or not isinstance(body, dict):
        return None
    transcript_id, status = body.get("id"), body.get("status")
    if not isinstance(transcript_id, str) or not _TRANSCRIPT_ID.fullmatch(transcript_id):
        return None
    return body if isinstance(status, str) and status in _STATUSES else None


def task_of(transcript: Mapping[str, Any]) -> Task:
    """The task of what `transcript_of` returned."""
    status = _STATUSES[transcript["status"]]
    error = str(transcript.get("error") or "")
    document = {name: transcript.get(name) for name in ("text", "words")}
    return Task(
        transcript["id"],
        status,
        _facts(transcript),
        reason=redacted(error),
        rejection=rejection_of(error) if status is TaskStatus.FAILED else None,
        document=document if status is TaskStatus.SUCCEEDED else {},
    )


def error_of(reply: Reply) -> str | None:
    """The text of AssemblyAI's own error; None where the body is none of its."""
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) and error else None


def refusal_of(reply: Reply) -> RejectionReason | None:
    """Why a create was turned down for certain; None where that is not proved."""
    error = error_of(reply)
    if error is None or not 400 <= reply.status < 500 or reply.status == REQUEST_TIMEOUT:
        return None
    if reply.status == 429:
        return RejectionReason.BUSY
    return rejection_of(error) or RejectionReason.UNAVAILABLE


def rejection_of(error: str) -> RejectionReason | None:
    """`AUDIO` for a text that is about the recording, `LANGUAGE` for one that is about what can be
    had in its language, else None."""
    text = redacted(error).strip()
    if _LANGUAGE.match(text):
        return RejectionReason.LANGUAGE
    return RejectionReason.AUDIO if _AUDIO.match(text) else None


def refuses_us(reply: Reply) -> bool:
    """Whether a refusal that is not the request's fault is about our key or our balance. Any other
    may be about what a user wrote, in words that are not reviewed."""
    text = redacted(error_of(reply) or "").strip()
    return reply.status in _OF_OUR_ACCOUNT or bool(_ACCOUNT.match(text))


def is_from_a_proxy(reply: Reply) -> bool:
    """A 4xx without AssemblyAI's error: something in front of it refused the request. Not 408,
    which may mean that the request was received."""
    is_refusal = 400 <= reply.status < 500 and reply.status != REQUEST_TIMEOUT
    return is_refusal and error_of(reply) is None


def is_not_found(reply: Reply) -> bool:
    """AssemblyAI's definite "no such transcript"."""
    error = error_of(reply) or ""
    return reply.status in (400, 404) and error.strip().lower().startswith(_NOT_FOUND)


def redacted(message: str) -> str:
    """The message as it may be logged: bounded, and without addresses, which are the users'."""
    return _ADDRESS.sub("[address]", message)[:_MAX_SHOWN]


def created_at_of(entry: Mapping[str, Any]) -> int | None:
    """When an entry of the list was created, in epoch milliseconds; None where it does not say so
    legibly."""
    try:
        return from_foreign_iso(str(entry.get("created")))
    except (ValueError, OverflowError):
        return None


def _facts(transcript: Mapping[str, Any]) -> dict[str, Value]:
    facts: dict[str, Value] = {
        "transcriptId": transcript["id"],
        "status": transcript["status"],
        "model": _text(transcript.get("speech_model_used")),
        "language": _text(transcript.get("language_code")),
        "audioSeconds": _seconds(transcript.get("audio_duration")),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _text(value: object) -> str | None:
    """Bounded text that DynamoDB stores as it is: half a surrogate pair, which JSON can spell, has
    no UTF-8."""
    if not isinstance(value, str) or not value:
        return None
    return value[:_MAX_FACT].encode("utf-8", "replace").decode()


def _seconds(value: object) -> int | None:
    """Whole seconds; None for what is none, or cannot be."""
    if type(value) not in (int, float) or not 0 <= value <= _MAX_SECONDS:  # type: ignore[operator]
        return None
    return int(value) if value == int(value) else None  # type: ignore[call-overload]
