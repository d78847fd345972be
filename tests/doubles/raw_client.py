"""The service's client with the methods of boto3's, for tests that look into a table or damage
it."""

import re
from collections.abc import Callable
from typing import Any

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import Applied


class RawClient:
    """`put_item(TableName=…, …)` and the like return DynamoDB's response. What is not applied
    fails the test."""

    def __init__(self, client: DynamoDb) -> None:
        self.dynamodb = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = re.sub(r"(?:^|_)([a-z])", lambda start: start[1].upper(), name)

        def call(**parameters: Any) -> Any:
            outcome = self.dynamodb.call(operation, parameters)
            assert isinstance(outcome, Applied), outcome
            return outcome.content

        return call
