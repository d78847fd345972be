"""The requests and responses of the catalog routes."""

from collections.abc import Mapping

from marshmallow import fields

from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.pricing import Flat, Price, Rate, Terms
from service.core.amounts import credits_number, micros_number
from service.core.clock import iso
from service.web.schemas import StrictSchema, Text

EXAMPLE_PROVIDER, EXAMPLE_OPERATION = IMAGE_TO_VIDEO.split(":")


class CostQuerySchema(StrictSchema):
    provider = Text(
        required=True,
        max_length=40,
        metadata={"description": "Who does the work.", "example": EXAMPLE_PROVIDER},
    )
    operation = Text(
        required=True,
        max_length=60,
        metadata={"description": "What is done.", "example": EXAMPLE_OPERATION},
    )


RATE_TEXTS: Mapping[Rate, str] = {
    Rate.SECOND: "each second",
    Rate.MINUTE: "each minute",
    Rate.IMAGE: "each image",
    Rate.INPUT: "a million tokens of input that is not in the cache",
    Rate.CACHED: "a million tokens of input that is read from the cache",
    Rate.CACHE_WRITE: "a million tokens of input that is written to the cache",
    Rate.OUTPUT: "a million tokens of output",
}


def _rate(what: str) -> fields.Float:
    return fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": f"Credits for {what}; null: not charged by it.", "example": None},
    )


RatesSchema = StrictSchema.from_dict(
    {rate.value: _rate(what) for rate, what in RATE_TEXTS.items()}, name="RatesSchema"
)
"""The rates of a price by usage, with at most six decimals."""


class PriceSchema(StrictSchema):
    """What an operation costs."""

    operation = fields.String(
        required=True,
        metadata={"description": "`provider:operation`.", "example": IMAGE_TO_VIDEO},
    )
    credits = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Credits for each job, with at most three decimals; null for a price by "
            "usage.",
            "example": 1,
        },
    )
    rates = fields.Nested(
        RatesSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The rates of a price by usage; null for a flat price."},
    )
    minimum = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "What complete work costs at least, in credits; null: no such limit.",
            "example": None,
        },
    )
    maximum = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "What a job costs at most, in credits; null: no such limit.",
            "example": None,
        },
    )
    price_version = fields.String(
        required=True,
        data_key="priceVersion",
        metadata={"description": "Changes whenever the price does.", "example": "4cc84d4d"},
    )
    effective_at = fields.DateTime(
        required=True,
        data_key="effectiveAt",
        allow_none=True,
        metadata={
            "description": "Since when it has been the price (UTC); null: from the beginning.",
            "example": None,
        },
    )


class PromptSchema(StrictSchema):
    prompt_key = fields.String(
        required=True,
        data_key="promptKey",
        metadata={"description": "What `POST /videos` takes.", "example": "foo_prompt"},
    )
    prompt = fields.String(
        required=True,
        metadata={
            "description": "The instruction that goes to the provider with the image.",
            "example": "The astronaut stood up and walked away",
        },
    )
    price = fields.Nested(
        PriceSchema, required=True, metadata={"description": "What one video costs now."}
    )


class PromptsSchema(StrictSchema):
    prompts = fields.List(
        fields.Nested(PromptSchema),
        required=True,
        metadata={"description": "Every prompt that can be used now."},
    )


def price_body(price: Price) -> dict[str, object]:
    """A price as JSON."""
    return {
        "operation": price.operation,
        **terms_body(price.terms),
        "priceVersion": price.version,
        "effectiveAt": None if price.effective_at is None else iso(price.effective_at),
    }


def terms_body(terms: Terms) -> dict[str, object]:
    if isinstance(terms, Flat):
        flat = credits_number(terms.amount)
        return {"credits": flat, "rates": None, "minimum": None, "maximum": None}
    rates = {
        rate.value: micros_number(terms.rates[rate]) if rate in terms.rates else None
        for rate in Rate
    }
    return {
        "credits": None,
        "rates": rates,
        "minimum": credits_number(terms.minimum) if terms.minimum else None,
        "maximum": None if terms.maximum is None else credits_number(terms.maximum),
    }
