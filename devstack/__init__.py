"""The embedded stack of a developer's machine: DynamoDB Local, simulated vendors, web, worker,
demo.

Never part of the production image; `service` must not import it."""
