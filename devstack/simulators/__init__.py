"""Simulated vendors with fault injection, served by one process. They speak the vendors' real wire
formats and know nothing of the service's code."""
