"""Google's signing keys over HTTP, under `/google`, and ID tokens on request
(https://developers.google.com/identity/gsi/web/guides/verify-google-id-token)."""

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Blueprint
from jwt.algorithms import RSAAlgorithm
from werkzeug.wrappers import Response

from devstack.simulators.control import ControlError, control_body
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Operations
from devstack.simulators.wire import Endpoint, current_call, json_response
from service.core.clock import Clock

ISSUER = "https://accounts.google.com"
CERTS_MAX_AGE_SECONDS = 3_600
MAX_KEYS = 10
MAX_ACCOUNTS = 20
_DEFAULT_LIFE_SECONDS = 3_600
_KEY_BITS = 2_048


@dataclass(frozen=True)
class SigningKey:
    """One RSA key and the `kid` it is published under."""

    kid: str
    private: rsa.RSAPrivateKey

    def published(self) -> dict[str, object]:
        """The public half as a JSON Web Key."""
        public = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": public["n"],
            "e": public["e"],
        }


class KeyRing:
    """The published keys; the newest one signs. Created on first use. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: list[SigningKey] = []

    def newest(self) -> SigningKey:
        with self._lock:
            if not self._keys:
                self._keys = [_new_key()]
            return self._keys[0]

    def published(self) -> list[dict[str, object]]:
        self.newest()
        with self._lock:
            return [key.published() for key in self._keys]

    def rotate(self, keep: bool) -> SigningKey:
        """Adds a new signing key. The old keys stay published if `keep` (ten in all at most)."""
        self.newest()
        fresh = _new_key()
        with self._lock:
            self._keys = [fresh, *self._keys][:MAX_KEYS] if keep else [fresh]
        return fresh


def _new_key() -> SigningKey:
    return SigningKey(
        secrets.token_hex(20), rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
    )


class Accounts:
    """The people who got a token last, each once. Thread-safe; holds at most 20."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._email_of: dict[str, str] = {}

    def add(self, subject: object, email: object) -> None:
        """Records a sign-in; a subject that is no text, as only tests send one, is left out."""
        if not isinstance(subject, str):
            return
        with self._lock:
            self._email_of.pop(subject, None)
            self._email_of[subject] = email if isinstance(email, str) else ""
            if len(self._email_of) > MAX_ACCOUNTS:
                del self._email_of[next(iter(self._email_of))]

    def listed(self) -> list[dict[str, str]]:
        """The accounts as `{"sub", "email"}`, the latest first."""
        with self._lock:
            latest_first = reversed(self._email_of.items())
            return [{"sub": subject, "email": email} for subject, email in latest_first]


class Google:
    """The JWKS endpoint, and the control calls that stand for a person who signs in."""

    name = "google"
    faults: ClassVar[Operations] = {"certs": RESPONSE_FAULTS}

    def __init__(
        self, injector: FaultInjector, keys: KeyRing, clock: Clock, client_id: str
    ) -> None:
        self._injector = injector
        self._keys = keys
        self._clock = clock
        self._client_id = client_id
        self._accounts = Accounts()

    def blueprint(self) -> Blueprint:
        """All routes, without the `/google` prefix."""
        routes = Blueprint("google", __name__)
        routes.get("/oauth2/v3/certs")(self.certs)
        routes.post("/__token")(self.token)
        routes.get("/__accounts")(self.accounts)
        routes.post("/__rotate")(self.rotate)
        return routes

    def certs(self) -> Response:
        age = f"max-age={CERTS_MAX_AGE_SECONDS}"
        headers = {"Cache-Control": f"public, {age}, must-revalidate, no-transform"}
        endpoint = Endpoint(self.name, "certs", _error_response)
        return self._injector.call(
            endpoint,
            current_call(),
            lambda _: json_response({"keys": self._keys.published()}, 200, headers),
        )

    def token(self) -> Response:
        """Returns an ID token: the usual claims, overridden by those in the body. Null removes a
        claim."""
        claims = _claims(control_body(), self._client_id, self._clock.now() // 1000)
        self._accounts.add(claims.get("sub"), claims.get("email"))
        key = self._keys.newest()
        signed = jwt.PyJWS().encode(
            json.dumps(claims).encode(), key.private, "RS256", {"kid": key.kid}
        )
        return json_response({"token": signed})

    def accounts(self) -> Response:
        """Who has signed in, the latest first."""
        return json_response({"accounts": self._accounts.listed()})

    def rotate(self) -> Response:
        keep = control_body().get("keep", False)
        if not isinstance(keep, bool):
            raise ControlError("keep must be true or false")
        return json_response({"kid": self._keys.rotate(keep).kid})


def _claims(body: Mapping[str, object], client_id: str, now_seconds: int) -> dict[str, object]:
    claims = dict(body)
    if "sub" not in claims:
        raise ControlError("sub is missing: who is signing in?")
    life = claims.pop("expires_in", _DEFAULT_LIFE_SECONDS)
    if isinstance(life, bool) or not isinstance(life, int | float) or not abs(life) <= 10**9:
        raise ControlError("expires_in must be a number of seconds")
    usual: dict[str, object] = {
        "iss": ISSUER,
        "aud": client_id,
        "email_verified": True,
        "iat": now_seconds,
        "exp": now_seconds + int(life),
    }
    return {name: value for name, value in (usual | claims).items() if value is not None}


def _error_response(status: int, code: str | None) -> Response:
    error = {"code": status, "message": "Simulated error", "status": code or "UNAVAILABLE"}
    return json_response({"error": error}, status)
