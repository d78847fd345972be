"""The served OpenAPI document against the service that serves it: whatever is sent, no 5xx and no undocumented answer."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis

from tests.journeys.town import town_of_its_own

CONFIGURATION = {
    "generation": {"max-examples": 15, "deterministic": True},
}


@pytest.fixture(scope="module")
def api(client: Any) -> Iterator[Any]:
    with town_of_its_own(client, welcome_credits=10**6) as town:
        schema = schemathesis.openapi.from_url(
            f"{town.url}/openapi.json", config=schemathesis.Config.from_dict(CONFIGURATION)
        )
        schema.town = town
        schema.token = town.token("ann", expires_in=10**6)
        yield schema


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
def test_no_answer_is_undocumented(case: schemathesis.Case, api: Any) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {api.token}"})
