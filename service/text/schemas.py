"""What goes in and out of the routes of text."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from service.core.clock import iso
from service.jobs.entities import Failure
from service.jobs.schemas import JobErrorFields, JobFields, fingerprint_field
from service.providers.generation import FinishReason, Message, Role
from service.text.entities import (
    FAILURES,
    MAX_MESSAGES,
    HistoryEntry,
    PromptUnusable,
    TextBody,
    conversation,
)
from service.text.models import MODELS
from service.text.verdicts import Stop
from service.web.schemas import (
    Flag,
    IntegerInput,
    Prose,
    StrictSchema,
    Text,
    WholeNumber,
)

MAX_OUTPUT_TOKENS = max(model.max_output_tokens for model in MODELS.values())
MIN_OUTPUT_TOKENS = min(model.min_output_tokens for model in MODELS.values())
MAX_PROMPT = 100_000
ENTRIES_A_PAGE = 20
MAX_ENTRIES_A_PAGE = 50
EXAMPLE_MODEL = "gpt-4.1-mini"
# Blanks, a character that is neither blank nor a control character, and whatever is no control
# character: read once from left to right, whatever is sent.
BLANKS = "\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
NOT_BLANK = f"^[{BLANKS}]*[^{BLANKS}{CONTROLS}][^{CONTROLS}]*$"
FINISH_REASONS = tuple(dict.fromkeys((*map(str, FinishReason), *map(str, Stop))))


class Saying(Prose):
    """Prose that is not blank: vendors refuse what is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_PROMPT, **options)
        length = validate.Length(1, MAX_PROMPT, error="Must have {min} to {max} characters.")
        words = validate.Regexp(
            NOT_BLANK, error="Must not be blank, nor contain control characters."
        )
        self.validators = [length, words]


class MessageSchema(StrictSchema):
    """One message of a conversation."""

    role = fields.String(
        required=True,
        validate=validate.OneOf([role.value for role in Role]),
        metadata={"description": "Whose message it is.", "example": "user"},
    )
    content = Saying(
        required=True,
        metadata={"description": "What it says.", "example": "Describe a lighthouse."},
    )


class TextRequestSchema(StrictSchema):
    """The body of `POST /ai/generate`: either `prompt` or `messages`."""

    prompt = Saying(
        load_default=None,
        allow_none=False,
        metadata={
            "description": "What is to be written. The same as one message of the user's.",
            "example": "Describe a lighthouse in one sentence.",
        },
    )
    messages = fields.List(
        fields.Nested(MessageSchema),
        load_default=None,
        allow_none=False,
        validate=validate.Length(1, MAX_MESSAGES),
        metadata={
            "description": "A conversation, instead of `prompt`; the newest message last. But for "
            "those of the system, the first one is the user's."
        },
    )
    model = Text(
        load_default=None,
        allow_none=False,
        max_length=40,
        metadata={
            "description": "Which model writes it; one is chosen where none is named.",
            "example": EXAMPLE_MODEL,
        },
    )
    max_tokens = IntegerInput(
        data_key="maxTokens",
        load_default=None,
        allow_none=False,
        validate=validate.Range(MIN_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS),
        metadata={
            "description": "How long it may be at most, in tokens; models that reason need more "
            "than others. Left out: as long as is usual, or as your balance affords.",
            "example": 200,
        },
    )
    stream = Flag(
        load_default=False,
        metadata={
            "description": "Whether to send the text while it is being written, as Server-Sent "
            "Events.",
            "example": False,
        },
    )
    fingerprint = fingerprint_field()


class TextErrorSchema(JobErrorFields):
    """Why a text was not charged."""

    code = fields.String(
        required=True,
        validate=validate.OneOf([str(code) for code in FAILURES]),
        metadata={"description": "A word for programs.", "example": "NO_RESPONSE"},
    )
    message = fields.String(
        required=True,
        metadata={
            "description": "The same for people.",
            "example": FAILURES[Failure.GENERATION_FAILED].message,
        },
    )


class TextJobSchema(JobFields):
    """The job of a text."""

    model = fields.String(
        required=True, metadata={"description": "Which model writes it.", "example": EXAMPLE_MODEL}
    )
    max_tokens = fields.Integer(
        required=True,
        data_key="maxTokens",
        metadata={"description": "How many tokens it may have at most.", "example": 200},
    )
    limited_by_balance = fields.Boolean(
        required=True,
        data_key="limitedByBalance",
        metadata={"description": "Whether `maxTokens` is what the balance afforded."},
    )
    finish_reason = fields.String(
        required=True,
        data_key="finishReason",
        allow_none=True,
        validate=validate.OneOf(FINISH_REASONS),
        metadata={"description": "Why it ended; null while it is written.", "example": "stop"},
    )
    is_partial = fields.Boolean(
        required=True,
        data_key="partial",
        metadata={"description": "Whether it was ended before it was complete."},
    )
    estimated = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether `receipt.usage` is our own count, because the vendor reported "
            "none that can be used."
        },
    )
    text = fields.String(
        allow_none=True,
        metadata={
            "description": "The text; null until it is stored. Not in lists.",
            "example": "A lighthouse stands where the land gives way to the sea.",
        },
    )
    error = fields.Nested(
        TextErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )


class TextHistoryQuerySchema(StrictSchema):
    limit = WholeNumber(
        load_default=ENTRIES_A_PAGE,
        validate=validate.Range(1, MAX_ENTRIES_A_PAGE),
        metadata={"description": "Texts on one page.", "example": ENTRIES_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=400,
        metadata={"description": "The `nextToken` of the page before."},
    )


class TextHistoryEntrySchema(StrictSchema):
    """A text that was written, and what for."""

    id = fields.String(
        required=True, metadata={"description": "The id of its job.", "example": "job_01kb7r3v"}
    )
    prompt = fields.String(
        required=True,
        metadata={"description": "The newest message.", "example": "Describe a lighthouse."},
    )
    response = fields.String(
        required=True, metadata={"description": "The text.", "example": "It stands at the sea."}
    )
    model = fields.String(
        required=True, metadata={"description": "Which model wrote it.", "example": EXAMPLE_MODEL}
    )
    tokens_used = fields.Integer(
        required=True,
        data_key="tokensUsed",
        metadata={"description": "Tokens of prompt and text together.", "example": 120},
    )
    created_at = fields.DateTime(
        required=True,
        data_key="createdAt",
        metadata={
            "description": "When it was requested (UTC).",
            "example": "2026-11-21T09:00:00.000Z",
        },
    )


class TextHistorySchema(StrictSchema):
    """A page of texts."""

    history = fields.List(
        fields.Nested(TextHistoryEntrySchema),
        required=True,
        metadata={"description": "Newest first."},
    )
    next_token = fields.String(
        required=True,
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )


def body_of(given: Mapping[str, Any]) -> TextBody:
    """The request of a body that `TextRequestSchema` has loaded. Raises `PromptUnusable`."""
    prompt, messages = given["prompt"], given["messages"]
    if (prompt is None) == (messages is None):
        raise PromptUnusable
    said = messages or [{"role": Role.USER, "content": prompt}]
    loaded = conversation(Message(Role(each["role"]), each["content"]) for each in said)
    return TextBody(loaded, given["model"], given["max_tokens"])


def history_body(entries: list[HistoryEntry], next_token: str | None) -> dict[str, object]:
    """A page as JSON."""
    listed = [
        {
            "id": each.job_id,
            "prompt": each.prompt,
            "response": each.response,
            "model": each.model,
            "tokensUsed": each.tokens_used,
            "createdAt": iso(each.created_at),
        }
        for each in entries
    ]
    return {"history": listed, "nextToken": next_token}
