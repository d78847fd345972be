"""Flask plumbing of any feature: bodies, responses, errors, endpoint declarations, request log,
health, CORS, OpenAPI and docs.

Knows no feature; features bring their blueprints."""
