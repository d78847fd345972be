"""An operator who signs in with a token and has a passkey, as the page at /docs/operators is
used."""

import json
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

from service.identity.entities import GOOGLE
from tests.doubles.authenticator import Authenticator
from tests.doubles.service_harness import BOSS, ServiceHarness
from tests.doubles.signer import MACHINE

PASSKEYS = "/admin/passkeys"
URL = "https://farebox.example.com"
REASON = "for the tests"
EVE = f"{GOOGLE}|eve"
ADJUST = "/admin/users/ann/adjustments"
GRANT = {"amount": 1, "reason": REASON}
REFUSED = (403, "PASSKEY_REFUSED")

Outcome = tuple[int, Any]


@dataclass
class OperatorBrowser:
    """Calls the service with a bearer token. `proof` is sent with whatever it changes."""

    world: ServiceHarness
    client: FlaskClient
    token: str = "boss-0"
    operator_id: str = BOSS
    authenticator: Authenticator = field(default_factory=Authenticator)
    proof: str = ""
    keys: int = 0

    @property
    def headers(self) -> dict[str, str]:
        proof = {"X-Second-Factor": self.proof} if self.proof else {}
        return {"Authorization": f"Bearer {self.token}", **proof}

    def get(self, path: str) -> Outcome:
        return self._outcome(self.client.get(path, headers=self.headers))

    def post(self, path: str, body: Any, key: str = "") -> Outcome:
        self.keys += 1
        usual = {"Idempotency-Key": key or f"key-{id(self)}-{self.keys}"}
        return self._outcome(self.client.post(path, headers=self.headers | usual, json=body))

    def options(self, purpose: str) -> Any:
        status, body = self.get(f"{PASSKEYS}/options?purpose={purpose}")
        assert status == 200, body
        return body["data"]["options"]

    def code(self, operator_id: str = "") -> str:
        """As a machine that signs makes one."""
        body = {"operatorId": operator_id or self.operator_id, "reason": REASON}
        status, made = self.signed(f"{PASSKEYS}/codes", body)
        assert status == 200, made
        return str(made["data"]["code"])

    def signed(self, path: str, body: Any) -> Outcome:
        self.keys += 1
        raw, now_seconds = json.dumps(body).encode(), self.world.clock.now() / 1000
        usual = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"signed-{id(self)}-{self.keys}",
        }
        signed = MACHINE.sign("POST", path, now_seconds, raw, headers=usual)
        return self._outcome(self.client.post(path, headers=signed, data=raw))

    def enrolment(self, code: str, credential: Any, name: str = "laptop") -> dict[str, Any]:
        return {"code": code, "name": name, "credential": credential, "reason": REASON}

    def enrol(self, name: str = "laptop") -> str:
        """The id of the new passkey."""
        credential = self.authenticator.create(self.options("enrol"))
        status, body = self.post(PASSKEYS, self.enrolment(self.code(), credential, name))
        assert status == 200, body
        return str(body["data"]["passkey"]["passkeyId"])

    def prove(self) -> str:
        """A proof, which is sent from now on."""
        status, body = self.try_proof(self.authenticator.get(self.options("prove")))
        assert status == 200, body
        self.proof = body["data"]["proof"]
        return self.proof

    def try_proof(self, credential: Any) -> Outcome:
        return self.post(f"{PASSKEYS}/proofs", {"credential": credential})

    def _outcome(self, response: Any) -> Outcome:
        return response.status_code, response.get_json()


def outcome(response: tuple[int, Any]) -> tuple[int, str, str]:
    """Status, code and reason."""
    status, body = response
    return status, body.get("code", ""), (body.get("details") or {}).get("reason", "")


def written(world: ServiceHarness) -> list[Any]:
    """All items but the nonces of signed requests."""
    return [item for item in world.items() if not item["PK"]["S"].startswith("NONCE#")]
