"""Outbound AI vendors: what every provider promises, and one package for each vendor.

Knows no wallet, no job and no table."""
