"""Every fault that a test can inject, by where it is injected.

- `wire`: under the real DynamoDB client of one test.
- `proxy`: between real processes and DynamoDB or the provider, to kill at a chosen call.
- `effects`: every fault of every kind of effect, for the enumeration.
- `random_faults`: drawn with a chance per call, for the simulation.
- `provider_faults`: drawn by weight for the provider's simulator, for real processes."""
