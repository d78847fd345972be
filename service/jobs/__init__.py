"""The life of a metered operation: hold, submit, settle, release, receipt.

Knows no vendor's words; a provider's outcome reaches it in the terms of `providers.base`."""
