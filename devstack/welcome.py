"""What `run` shows when everything is up."""

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from devstack.calls import call
from devstack.environment import Ports
from devstack.errors import LocalSetupError

_TOKEN_SECONDS = 8 * 3600


def sign_in(simulators_url: str, subject: str, email: str, seconds: int = _TOKEN_SECONDS) -> str:
    """An ID token of the simulated Google for that person. Raises `LocalSetupError`."""
    order = {"sub": subject, "email": email, "expires_in": seconds}
    try:
        token = call("POST", f"{simulators_url}/google/__token", order).json()["token"]
    except (OSError, KeyError) as error:
        raise LocalSetupError(f"The simulated Google gives no token: {error!r}.") from error
    return str(token)


def new_subject() -> str:
    """A Google id that nobody has yet: 21 digits, as Google's are."""
    return str(10**20 + secrets.randbelow(9 * 10**20))


@dataclass(frozen=True)
class Hints:
    """What differs with the way the stack is run: where its data stays, and the command that audits
    it."""

    data: str
    audit: str


EMBEDDED = Hints("what it stores stays in .local (`make reset` forgets it).", "make audit")


def welcome(
    ports: Ports,
    bold: Callable[[str], str],
    hints: Hints = EMBEDDED,
    simulators_url: str | None = None,
) -> str:
    """Addresses, a token of a new user, and calls to paste. `simulators_url`: theirs as seen from
    here, if that differs."""
    subject = new_subject()
    token = sign_in(simulators_url or ports.simulators_url, subject, "you@example.com")
    body = {
        "GoogleID": subject,
        "Fingerprint": f"fp-{secrets.token_hex(8)}",
        "imageUrl": "https://images.example.com/astronaut.jpg",
        "promptKey": "foo_prompt",
    }
    return f"""
{bold("Farebox is up.")} Ctrl-C stops all of it; {hints.data}

  app         {ports.app_url}    what it can do: {ports.app_url}/docs
  simulators  {ports.simulators_url}    Google and Kling, with fault switches: POST /__faults
  DynamoDB    {ports.dynamodb_url}    DynamoDB Local, the real engine, on loopback only

{bold("A signed-in user")} (a simulated Google account, good for {_TOKEN_SECONDS // 3600} hours):

TOKEN={token}

{bold("Turn an image into a video")} (paste the line above first; pasted twice, it is still one job):

curl -s {ports.app_url}/videos -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -H 'Idempotency-Key: {uuid.uuid4()}' \\
  -d '{json.dumps(body)}'

{bold("See what became of it, and what it cost:")}

curl -s "{ports.app_url}/jobs?limit=1" -H "Authorization: Bearer $TOKEN"
curl -s {ports.app_url}/credits -H "Authorization: Bearer $TOKEN"

{bold("Prove every balance:")} {hints.audit}
"""
