from tests.journeys.conftest import start

__all__ = ["start"]
