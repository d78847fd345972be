"""The text that `run` shows when the stack is ready."""

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from devstack.calls import call
from devstack.errors import LocalSetupError
from devstack.ports import Ports

_TOKEN_SECONDS = 8 * 3600
_VIDEO = {"imageUrl": "https://images.example.com/astronaut.jpg", "promptKey": "foo_prompt"}
# A mailbox has one account, so each person here has an address of their own.
_COGNITO_USER = {
    "sub": "6f1c2a9e-3b7d-4e58-9c0a-2d4b8f6e1a73",
    "email": "hedy@example.com",
    "token_use": "id",
}
_OTHER_USER = {"sub": "108234567890123456789", "email": "grace@example.com"}


def sign_in(simulators_url: str, subject: str, email: str, seconds: int = _TOKEN_SECONDS) -> str:
    """Returns an ID token of the simulated Google. Raises `LocalSetupError`."""
    claims = {"sub": subject, "email": email, "expires_in": seconds}
    try:
        token = call("POST", f"{simulators_url}/google/__token", claims).json()["token"]
    except (OSError, KeyError) as error:
        raise LocalSetupError(f"The simulated Google returned no token: {error!r}.") from error
    return str(token)


def new_subject() -> str:
    """A new Google user id: 21 digits, as Google's are."""
    return str(10**20 + secrets.randbelow(9 * 10**20))


@dataclass(frozen=True)
class Hints:
    """What differs between the ways to run the stack: where the data is, and how to audit it, if
    there is a command for that."""

    data: str
    audit: str = ""


IN_MEMORY = Hints("nothing is kept.")
EMBEDDED = Hints("the data is kept in .local (`make reset` deletes it).", "make audit")


def welcome(
    ports: Ports,
    bold: Callable[[str], str],
    hints: Hints = EMBEDDED,
    simulators_url: str | None = None,
) -> str:
    """Addresses, a token of a new user, and commands to paste. `simulators_url`: their address from
    inside a container."""
    subject = new_subject()
    token = sign_in(simulators_url or ports.simulators_url, subject, f"you-{subject}@example.com")
    body = {"GoogleID": subject, "Fingerprint": f"fp-{secrets.token_hex(8)}", **_VIDEO}
    headers = "-H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
    return f"""
{bold("Farebox is up.")} Ctrl-C stops everything; {hints.data}

  start here  {ports.app_url}/    make videos in a browser, inject faults, watch the credits
  app         {ports.app_url}    API reference: {ports.app_url}/docs
  simulators  {ports.simulators_url}    Google, Kling, OpenAI, Stripe, …; faults: POST /__faults
  mailbox     {ports.simulators_url}/ses/__mailbox    every mail that the service sends
  DynamoDB    {ports.dynamodb_url}    DynamoDB Local, on loopback only

{bold("A signed-in user")} (a simulated Google account, valid for {_TOKEN_SECONDS // 3600} hours):

TOKEN={token}

{bold("Turn an image into a video")} (paste the line above first):

curl -s {ports.app_url}/videos {headers} \\
  -H 'Idempotency-Key: {uuid.uuid4()}' \\
  -d '{json.dumps(body)}'

{bold("See the job, and what it cost:")}

curl -s "{ports.app_url}/jobs?limit=1" -H "Authorization: Bearer $TOKEN"
curl -s {ports.app_url}/credits -H "Authorization: Bearer $TOKEN"

{_other_users(ports, bold)}
{bold("Your own front end")} may call the app from localhost; examples/react is one to start from.
""" + (f"\n{bold('Prove every balance:')} {hints.audit}\n" if hints.audit else "")


def _other_users(ports: Ports, bold: Callable[[str], str]) -> str:
    return f"""{bold("A token for any other user:")} of Google, or of Cognito.

curl -s {ports.simulators_url}/google/__token -d '{json.dumps(_OTHER_USER)}'
curl -s {ports.simulators_url}/cognito/__token -d '{json.dumps(_COGNITO_USER)}'

{bold("Or none at all:")} here a bare Google ID is trusted, as "GoogleID" in a body or as a header.

curl -s {ports.app_url}/credits -H 'X-Google-ID: {_OTHER_USER["sub"]}'
"""
