"""A Cognito user pool, under `/cognito`: its signing keys, tokens on request, and the deletion of
users (Amazon Cognito Developer Guide, "Verifying JSON web tokens"; Amazon Cognito User Pools API
Reference, AdminDeleteUser and ListUsers)."""

import hashlib
import hmac
import json
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jwt
from flask import Blueprint
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError
from werkzeug.wrappers import Response

from devstack.simulators.control import ControlError, control_body
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Operations
from devstack.simulators.google import KeyRing
from devstack.simulators.wire import Call, Endpoint, current_call, json_response
from service.core.clock import Clock

MAX_USERS = 1_000
_DEFAULT_LIFE_SECONDS = 3_600
_FILTER = re.compile(r'sub\s*=\s*"([^"]*)"')
_TARGET = "AWSCognitoIdentityProviderService."
# Subjects made from an e-mail address, so that the same person is the same user.
_PEOPLE = uuid.UUID("5f0c1a39-9d55-4d0b-8f5e-0a2a7b1c6d42")


@dataclass(frozen=True)
class Hook:
    """Where events of the post-confirmation trigger go, and what signs them."""

    url: str
    secret: str = field(repr=False)


class Pool:
    """The users of the pool, and those that were deleted. Thread-safe; holds at most 1,000."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[str, dict[str, str]] = {}
        self._deleted: list[str] = []

    def add(self, username: str, subject: str, email: str) -> None:
        with self._lock:
            if username in self._users or len(self._users) < MAX_USERS:
                self._users[username] = {"username": username, "sub": subject, "email": email}

    def delete(self, username: str) -> bool:
        """Returns whether there was such a user. A subject is an alias of its user name."""
        with self._lock:
            found = [name for name, user in self._users.items() if username in (name, user["sub"])]
            for name in found:
                del self._users[name]
                self._deleted.append(name)
            return bool(found)

    def with_subject(self, subject: str) -> list[str]:
        """The user names under that subject."""
        with self._lock:
            return [name for name, user in self._users.items() if user["sub"] == subject]

    def shown(self) -> dict[str, object]:
        with self._lock:
            return {"users": list(self._users.values()), "deleted": list(self._deleted)}


class Cognito:
    """One user pool of one app client."""

    name = "cognito"
    faults: ClassVar[Operations] = dict.fromkeys(
        ("jwks", "AdminDeleteUser", "ListUsers"), RESPONSE_FAULTS
    )

    def __init__(
        self,
        injector: FaultInjector,
        keys: KeyRing,
        clock: Clock,
        pool_id: str,
        client_id: str,
        hook: Hook,
    ) -> None:
        self._injector = injector
        self._keys = keys
        self._clock = clock
        self._pool_id = pool_id
        self._client_id = client_id
        self._hook = hook
        self._pool = Pool()

    def blueprint(self) -> Blueprint:
        """All routes, without the `/cognito` prefix."""
        routes = Blueprint("cognito", __name__)
        routes.get("/<pool_id>/.well-known/jwks.json")(self.jwks)
        # SDKs post to the endpoint's address as it is given.
        routes.post("")(self.operation)
        routes.post("/__token")(self.token)
        routes.post("/__confirm")(self.confirm)
        routes.post("/__rotate")(self.rotate)
        routes.get("/__users")(self.users)
        return routes

    def jwks(self, pool_id: str) -> Response:
        def published(_: object) -> Response:
            if pool_id != self._pool_id:
                return _no_pool(404, pool_id)
            age = {"Cache-Control": "public, max-age=86400"}
            return json_response({"keys": self._keys.published()}, 200, age)

        return self._injector.call(
            Endpoint(self.name, "jwks", _error_response), current_call(), published
        )

    def operation(self) -> Response:
        """The JSON wire of `cognito-idp`: the operation is named in a header."""
        call = current_call()
        name = call.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        operations = {"AdminDeleteUser": self._deleted, "ListUsers": self._listed}
        if name not in operations:
            return _error(400, "UnknownOperationException", "")
        endpoint = Endpoint(self.name, name, _error_response)
        return self._injector.call(endpoint, call, lambda _: operations[name](call))

    def token(self) -> Response:
        """Returns a token: the usual claims of its `token_use` ("id", which is the default, or
        "access"), overridden by those in the body. Null removes a claim. Without `sub`, it is made
        from the e-mail."""
        body = dict(control_body())
        claims = _claims(body, self._issuer, self._client_id, self._clock.now() // 1000)
        subject = claims.get("sub")
        if isinstance(subject, str):
            email = body.get("email")
            username = claims.get("cognito:username", claims.get("username", subject))
            self._pool.add(str(username), subject, email if isinstance(email, str) else "")
        key = self._keys.newest()
        signed = jwt.PyJWS().encode(
            json.dumps(claims).encode(), key.private, "RS256", {"kid": key.kid, "typ": None}
        )
        return json_response({"token": signed})

    def confirm(self) -> Response:
        """Confirms the sign-up of `email`, and sends the trigger's event to the service, as the
        forwarding function does. Returns what the service responded (null: nothing)."""
        email = control_body().get("email")
        if not isinstance(email, str):
            raise ControlError("email is missing: whose sign-up is confirmed?")
        subject = str(uuid.uuid5(_PEOPLE, email))
        self._pool.add(subject, subject, email)
        attributes = {"sub": subject, "email": email, "email_verified": "true"}
        event = {
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "userPoolId": self._pool_id,
            "request": {"userAttributes": attributes},
        }
        return json_response({"sub": subject, "status": self._forwarded(json.dumps(event))})

    def _forwarded(self, event: str) -> int | None:
        seconds, body = self._clock.now() // 1000, event.encode()
        signed = f"{seconds}.".encode() + body
        digest = hmac.new(self._hook.secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "Farebox-Signature": f"t={seconds},v1={digest}",
        }
        try:
            response = PoolManager().request(
                "POST", self._hook.url, body=body, headers=headers, timeout=5.0, retries=False
            )
        except HTTPError:
            return None
        return int(response.status)

    def rotate(self) -> Response:
        keep = control_body().get("keep", False)
        if not isinstance(keep, bool):
            raise ControlError("keep must be true or false")
        return json_response({"kid": self._keys.rotate(keep).kid})

    def users(self) -> Response:
        """Who has received a token and was not deleted, and the names of those who were."""
        return json_response(self._pool.shown())

    @property
    def _issuer(self) -> str:
        region = self._pool_id.partition("_")[0]
        return f"https://cognito-idp.{region}.amazonaws.com/{self._pool_id}"

    def _listed(self, call: Call) -> Response:
        """By the filter for a subject alone."""
        try:
            request: Any = json.loads(call.body)
            pool_id, wanted = request["UserPoolId"], _FILTER.fullmatch(request["Filter"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error(400, "InvalidParameterException", "UserPoolId and Filter are needed.")
        if pool_id != self._pool_id:
            return _no_pool(400, pool_id)
        if wanted is None:
            return _error(400, "InvalidParameterException", "Only sub is filtered by here.")
        names = self._pool.with_subject(wanted[1])
        return _amazon_json({"Users": [{"Username": name} for name in names]}, 200)

    def _deleted(self, call: Call) -> Response:
        try:
            request: Any = json.loads(call.body)
            pool_id, username = request["UserPoolId"], request["Username"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error(400, "InvalidParameterException", "UserPoolId and Username are needed.")
        if pool_id != self._pool_id:
            return _no_pool(400, pool_id)
        if not self._pool.delete(str(username)):
            return _error(400, "UserNotFoundException", "User does not exist.")
        return _amazon_json({}, 200)


def _claims(
    body: dict[str, object], issuer: str, client_id: str, now_seconds: int
) -> dict[str, object]:
    use = body.pop("token_use", "id")
    if use not in ("id", "access"):
        raise ControlError('token_use must be "id" or "access"')
    life = body.pop("expires_in", _DEFAULT_LIFE_SECONDS)
    if isinstance(life, bool) or not isinstance(life, int | float) or not abs(life) <= 10**9:
        raise ControlError("expires_in must be a number of seconds")
    client = body.pop("client_id", client_id)
    if "sub" not in body:
        if not isinstance(body.get("email"), str):
            raise ControlError("sub is missing: who is signing in?")
        body["sub"] = str(uuid.uuid5(_PEOPLE, str(body["email"])))
    usual: dict[str, object] = {
        "iss": issuer,
        "token_use": use,
        "auth_time": now_seconds,
        "iat": now_seconds,
        "exp": now_seconds + int(life),
        "jti": str(uuid.uuid4()),
        "origin_jti": str(uuid.uuid4()),
        **_of_use(str(use), client, body["sub"]),
    }
    if use == "access":
        # Cognito puts no e-mail into an access token; here it only says who is signing in.
        body = {name: value for name, value in body.items() if name != "email"}
    return {name: value for name, value in (usual | body).items() if value is not None}


def _of_use(use: str, client: object, subject: object) -> dict[str, object]:
    if use == "id":
        return {"aud": client, "cognito:username": subject, "email_verified": True}
    scope = "aws.cognito.signin.user.admin"
    return {"client_id": client, "username": subject, "scope": scope, "version": 2}


def _amazon_json(content: Mapping[str, object], status: int) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(json.dumps(content), status, headers, content_type="application/x-amz-json-1.1")


def _error(status: int, code: str, message: str) -> Response:
    return _amazon_json({"__type": code, "message": message}, status)


def _no_pool(status: int, pool_id: object) -> Response:
    return _error(status, "ResourceNotFoundException", f"User pool {pool_id} does not exist.")


def _error_response(status: int, code: str | None) -> Response:
    usual = {429: "TooManyRequestsException"}.get(status, "InternalErrorException")
    return _error(status, code or usual, "Simulated error")
