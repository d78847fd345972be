"""What goes in and out of the route of live sessions."""

from marshmallow import fields, validate

from service.core.amounts import credits_number
from service.core.clock import iso
from service.jobs.entities import Failure
from service.jobs.schemas import (
    JobErrorFields,
    JobFields,
    google_id_field,
    required_fingerprint_field,
)
from service.live.entities import (
    BLOCK_FAILURES,
    DEFAULT_RATE,
    ENGLISH,
    FAILURES,
    LANGUAGES,
    SAMPLE_RATES,
    Ending,
    Via,
)
from service.providers.speech import Encoding
from service.web.schemas import (
    IntegerInput,
    StrictSchema,
    credits_field,
)

EXAMPLE_REQUEST = {"Fingerprint": "fp-4be1a2c09d", "sampleRate": 16000, "languages": "en"}
_EXAMPLE_URL = "/transcriptions/job_01kbz3c8e0q2m5v9s7t4x6y8z0"


class LiveRequestSchema(StrictSchema):
    """A live session."""

    google_id = google_id_field()
    fingerprint = required_fingerprint_field()
    sample_rate = IntegerInput(
        data_key="sampleRate",
        load_default=DEFAULT_RATE,
        validate=validate.OneOf(SAMPLE_RATES),
        metadata={
            "description": "Samples per second of the audio that is going to be sent.",
            "example": 16000,
        },
    )
    encoding = fields.String(
        load_default=Encoding.PCM_S16LE.value,
        validate=validate.OneOf([each.value for each in Encoding]),
        metadata={
            "description": "How it is encoded: 16-bit little-endian PCM or mu-law; mono, without "
            "a container.",
            "example": Encoding.PCM_S16LE.value,
        },
    )
    languages = fields.String(
        load_default=ENGLISH,
        validate=validate.OneOf(LANGUAGES),
        metadata={
            "description": "`en`: English. `multi`: English, Spanish, French, German, Italian "
            "and Portuguese, detected while it is spoken.",
            "example": ENGLISH,
        },
    )


class LiveStreamRequestSchema(LiveRequestSchema):
    """The body of `POST /transcriptions/stream`."""

    via = fields.String(
        load_default=Via.RELAY.value,
        validate=validate.OneOf([each.value for each in Via]),
        metadata={
            "description": "`relay`: a ticket, and whole seconds that are relayed are charged. "
            "`vendor`, where the operator allows it: a token of the vendor's for a block of fixed "
            "length, which is charged whole now, whatever of it is used.",
            "example": Via.RELAY.value,
        },
    )


class LiveQuoteSchema(StrictSchema):
    """What the first slice of the session would hold now, or what a block of time has cost."""

    operation = fields.String(
        required=True,
        metadata={"description": "What is priced.", "example": "assemblyai:live"},
    )
    cost = credits_field(
        "What the first slice holds; only whole seconds relayed are charged. Of a block: what was "
        "charged."
    )
    available = credits_field("What can be spent.")
    slice_seconds = fields.Integer(
        required=True,
        data_key="sliceSeconds",
        metadata={"description": "How long the slice, or the block, lasts.", "example": 120},
    )
    affordable_seconds = fields.Integer(
        required=True,
        data_key="affordableSeconds",
        metadata={
            "description": "How many seconds of the first slice the balance affords.",
            "example": 120,
        },
    )


class LiveTicketSchema(StrictSchema):
    """Where to open the session, and the ticket for it, or the vendor's token."""

    via = fields.String(
        required=True,
        validate=validate.OneOf([each.value for each in Via]),
        metadata={"description": "As requested.", "example": Via.RELAY.value},
    )
    url = fields.String(
        required=True,
        metadata={
            "description": "The address of the WebSocket. The vendor's takes the token as one more "
            "parameter of its query: `&token=` and `ticket`, percent-encoded.",
            "example": "wss://api.example.com/transcriptions/stream",
        },
    )
    protocol = fields.String(
        required=True,
        metadata={
            "description": "The subprotocol to offer, next to `ticket.` and the ticket; empty for "
            "the vendor's.",
            "example": "farebox.live.v1",
        },
    )
    ticket = fields.String(
        required=True,
        metadata={
            "description": "Good for one session: the ticket, or the vendor's token. Show a ticket "
            "as a subprotocol; neither belongs in a log.",
            "example": "gAAAAABpJ0",
        },
    )
    expires_at = fields.String(
        required=True,
        data_key="expiresAt",
        metadata={
            "description": "Until when a session can be begun with it.",
            "format": "date-time",
            "example": "2026-11-21T09:01:00.000Z",
        },
    )
    job_id = fields.String(
        required=True,
        data_key="jobId",
        allow_none=True,
        metadata={
            "description": "The job of a block; null with a ticket, which holds nothing yet.",
            "example": None,
        },
    )
    quote = fields.Nested(
        LiveQuoteSchema, required=True, metadata={"description": "What it costs."}
    )


class LiveErrorSchema(JobErrorFields):
    """Why a session was not charged."""

    code = fields.String(
        required=True,
        validate=validate.OneOf([str(code) for code in FAILURES]),
        metadata={"description": "A word for programs.", "example": Failure.INTERRUPTED.value},
    )


class LiveJobSchema(JobFields):
    """A live session's job as its owner sees it."""

    transcript_url = fields.String(
        required=True,
        data_key="transcriptUrl",
        allow_none=True,
        metadata={
            "description": "Where the transcript is, once it is there.",
            "example": _EXAMPLE_URL,
        },
    )
    audio_seconds = fields.Integer(
        required=True,
        data_key="audioSeconds",
        allow_none=True,
        metadata={"description": "Whole seconds that were relayed.", "example": 184},
    )
    language = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The language, as requested.", "example": "en"},
    )
    words = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How many words were spoken.", "example": 421},
    )
    ending = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf([*(each.value for each in Ending), "interrupted"]),
        metadata={"description": "Why the session ended.", "example": Ending.FINISHED.value},
    )
    error = fields.Nested(
        LiveErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )


class LiveBlockErrorSchema(JobErrorFields):
    """Why a block was not charged."""

    code = fields.String(
        required=True,
        validate=validate.OneOf([str(code) for code in BLOCK_FAILURES]),
        metadata={"description": "A word for programs.", "example": Failure.INTERRUPTED.value},
    )


class LiveBlockJobSchema(JobFields):
    """The job of a block of time."""

    sample_rate = fields.Integer(
        required=True,
        data_key="sampleRate",
        allow_none=True,
        metadata={"description": "As requested.", "example": 16000},
    )
    encoding = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "As requested.", "example": Encoding.PCM_S16LE.value},
    )
    language = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The language, as requested.", "example": "en"},
    )
    seconds = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How long a session may last.", "example": 600},
    )
    token_expires_at = fields.String(
        required=True,
        data_key="tokenExpiresAt",
        allow_none=True,
        metadata={
            "description": "Until when its token opens a session; null where none was issued.",
            "format": "date-time",
            "example": "2026-11-21T09:02:00.000Z",
        },
    )
    token = fields.String(
        allow_none=True,
        metadata={
            "description": "The vendor's token, as long as it opens a session. Not in lists.",
            "example": "tok-7f3a",
        },
    )
    error = fields.Nested(
        LiveBlockErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )


def ticket_body(
    url: str,
    protocol: str,
    ticket: str,
    expires_at: int,
    quote: dict[str, object],
    via: Via = Via.RELAY,
    job_id: str | None = None,
) -> dict[str, object]:
    """The response of `POST /transcriptions/stream`."""
    return {
        "via": via.value,
        "jobId": job_id,
        "url": url,
        "protocol": protocol,
        "ticket": ticket,
        "expiresAt": iso(expires_at),
        "quote": quote,
    }


def quote_body(
    operation: str, cost: int, available: int, slice_seconds: int, affordable_seconds: int
) -> dict[str, object]:
    """Amounts are thousandths."""
    return {
        "operation": operation,
        "cost": credits_number(cost),
        "available": credits_number(available),
        "sliceSeconds": slice_seconds,
        "affordableSeconds": affordable_seconds,
    }
