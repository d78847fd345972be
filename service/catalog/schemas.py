"""The responses of the catalog routes."""

from marshmallow import fields

from service.web.schemas import StrictSchema


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


class PromptsSchema(StrictSchema):
    prompts = fields.List(
        fields.Nested(PromptSchema),
        required=True,
        metadata={"description": "Every prompt that can be used now."},
    )
