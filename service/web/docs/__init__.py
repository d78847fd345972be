"""The page at `/docs`: our guide for newcomers above a vendored API reference component, which
reads the OpenAPI document in the browser.

Everything that the page loads comes from this service; its policy allows no other host."""
