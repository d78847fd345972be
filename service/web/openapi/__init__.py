"""The OpenAPI 3.1 document, generated from what routes declare and from their marshmallow schemas.

Knows no feature: what only signed-in callers can meet is passed in by the composition root."""
