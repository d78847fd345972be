"""Kling's authentication: an API key, or a token signed with the secret key
(https://kling.ai/document-api/api/get-started/authentication)."""

import hmac
import json
from collections.abc import Mapping

import jwt

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.kling.codes import KlingError

_PREFIX = "Bearer "


class Access:
    """Checks the Authorization header of one account."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._api_key = settings.kling_api_key
        self._access_key = settings.kling_access_key
        self._secret_key = settings.kling_secret_key

    def check(self, authorization: str, now_seconds: float) -> None:
        """Returns for the API key and for a valid token.

        Raises `KlingError`: 1001 no header, 1002 unknown credentials, 1003 before `nbf`,
        1004 from `exp` on."""
        if not authorization.strip():
            raise KlingError(1001)
        credential = authorization.removeprefix(_PREFIX)
        if credential == authorization:
            raise KlingError(1002)
        if self._api_key and hmac.compare_digest(
            credential.encode("utf-8", "replace"), self._api_key.encode()
        ):
            return
        claims = self._claims(credential)
        if _seconds(claims, "nbf", default=0.0) > now_seconds:
            raise KlingError(1003)
        if _seconds(claims, "exp") <= now_seconds:
            raise KlingError(1004)

    def _claims(self, token: str) -> Mapping[str, object]:
        """The claims of a valid signature. The caller checks the times: it has the clock."""
        try:
            claims = json.loads(jwt.PyJWS().decode(token, self._secret_key, algorithms=["HS256"]))
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise KlingError(1002) from None
        if not isinstance(claims, dict) or claims.get("iss") != self._access_key:
            raise KlingError(1002)
        return claims


def _seconds(claims: Mapping[str, object], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KlingError(1002)
    return value
