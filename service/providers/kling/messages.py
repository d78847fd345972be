"""What Kling's message texts mean where its code alone does not say: 1201 stands for a bad picture,
for a parameter of ours, for a task that does not exist and for an id that is in use.

Only reviewed texts count; every other message means nothing here, and its caller treats it as no
fault of the user's (docs/decisions.md, Providers). Texts marked "observed" are real responses of
the vendor; the others follow from its rules for images
(https://klingai.com/document-api/api/video/3-0-omni/image-to-video)."""

import re

from service.providers.base import RejectionReason

_ADDRESS = re.compile(r"https?://\S+")
_MAX_SHOWN = 200

_IMAGE = re.compile(
    # Observed: "Image pixel is invalid". The subject is a property of the picture itself; the names
    # of parameters ("image_tail", "refer_image") do not match.
    r"(?:the |input |invalid |unsupported )*image "
    r"(?:pixels?|size|width|height|resolution|dimensions?|(?:aspect )?ratio|format|type|file|url)\b"
    # Observed: "File is not in a valid base64 format".
    r"|file is not in a valid base64 format\b"
    r"|fail(?:ed|ure)? to (?:download|fetch|load|read|decode|get) (?:the )?(?:input )?image\b",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    # Observed: "Failure to pass the risk control system".
    r"\brisk control\b"
    r"|\bcontent (?:security|moderation|policy)\b"
    r"|\bsensitive (?:content|information)\b",
    re.IGNORECASE,
)
# Observed: "External_task_id <id> already exists".
_ID_IN_USE = re.compile(r"\bexternal_task_id\b.*\bexists\b", re.IGNORECASE)
# Observed: GET /v1/videos/image2video/<id> returns 400 with 1201 and this text.
_TASK_NOT_FOUND = "task not found by id/external id: {}"


def rejection_of(message: str) -> RejectionReason | None:
    """`IMAGE` or `CONTENT` for a message that is about the picture or its content, else None."""
    text = redacted(message).strip()
    if _IMAGE.match(text):
        return RejectionReason.IMAGE
    return RejectionReason.CONTENT if _CONTENT.search(text) else None


def is_id_in_use(message: str) -> bool:
    """Whether the message says that a task with our id exists already."""
    return _ID_IN_USE.search(message) is not None


def is_task_not_found(message: str, requested_id: str) -> bool:
    """Whether the message says that there is no task with exactly the requested id."""
    return message.strip().casefold() == _TASK_NOT_FOUND.format(requested_id).casefold()


def redacted(message: str) -> str:
    """The message as it may be logged: bounded, and without addresses, which are the users'."""
    return _ADDRESS.sub("[address]", message)[:_MAX_SHOWN]
