"""Server keys: what the house's own back ends prove themselves with. Only a digest is stored.

Knows no user and no session; who may use which route is the routes' own declaration."""
