"""Issuers of ID tokens, and the assertion that a request without a valid one is refused."""

from typing import Any

from service.core.clock import Clock, SystemClock
from tests.identity.issuer import CLIENT, Issuer
from tests.stack.live_stack import LiveStack, video_body

USER = "ann"


class RealTimeIssuer(Issuer):
    """Issues tokens for `ann` by the real clock."""

    def __init__(self, publisher: Any) -> None:
        super().__init__(publisher)
        self.connections.clear()
        self.clock = SystemClock()  # type: ignore[assignment]

    def claims(self, **changes: object) -> dict[str, object]:
        return super().claims(**({"sub": USER, "exp": self.now + 10**6} | changes))


def trusting_issuer(issuer: Issuer, clock: Clock | None = None) -> dict[str, Any]:
    """The settings of a stack that trusts `issuer`, in real time unless a clock is given."""
    return {
        "clock": clock or SystemClock(),
        "google_certs_url": issuer.publisher.url,
        "google_client_ids": (CLIENT,),
    }


def assert_refused(
    stack: LiveStack, status: int, code: str, headers: dict[str, Any], body: object = None
) -> dict[str, Any]:
    """Asserts that reads and submissions are refused in the same way. Returns the details."""
    responses = [
        stack.call("POST", "/videos", json=body or video_body(USER), headers=headers),
        stack.call("GET", "/credits", headers=headers),
        stack.call("GET", "/jobs/job_01kb7r3v6q8f2x0m4n5p6q7r8s", headers=headers),
    ]
    for response in responses:
        content = response.json()
        assert (response.status_code, content["success"], content["code"]) == (status, False, code)
        assert ("Retry-After" in response.headers) is (status == 503)
        assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
        secret = headers.get("Authorization", "").rpartition(" ")[2]
        assert len(secret) < 9 or secret not in response.text + str(response.headers)
    assert stack.items() == []
    assert stack.tasks() == []
    details: dict[str, Any] = responses[0].json()["details"]
    return details
