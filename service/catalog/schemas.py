"""The responses of the catalog routes."""

from marshmallow import fields

from service.web.schemas import StrictSchema


class PromptSchema(StrictSchema):
    prompt_key = fields.String(data_key="promptKey", metadata={"example": "foo_prompt"})
    prompt = fields.String(metadata={"example": "The astronaut stood up and walked away"})


class PromptsSchema(StrictSchema):
    prompts = fields.List(fields.Nested(PromptSchema))
