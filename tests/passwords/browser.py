"""Someone at a browser: the routes over Flask's test client, without a server between."""

from typing import Any

from werkzeug.test import TestResponse

from service.app import create_app
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import EMAIL, PASSWORD

JSON = "application/json"


class Browser:
    """Sends requests, as a user once they have signed in."""

    def __init__(self, world: ServiceHarness) -> None:
        self.app = create_app(world.parts)
        self._client = self.app.test_client()
        self._token = ""

    def send(self, method: str, path: str, body: object = None) -> TestResponse:
        """`body` as JSON; bytes as they are."""
        content: dict[str, Any] = {"json": body} if body is not None else {}
        if isinstance(body, bytes):
            content = {"data": body, "content_type": JSON}
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return self._client.open(path, method=method, headers=headers, **content)

    def post(self, path: str, **fields: object) -> TestResponse:
        return self.send("POST", path, fields)

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> dict[str, Any]:
        response = self.post("/auth/login", email=email, password=password)
        assert response.status_code == 200, response.text
        session: dict[str, Any] = response.json["data"]  # type: ignore[index]
        self._token = session["accessToken"]
        return session
