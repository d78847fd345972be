"""A Cognito user pool that issues tokens and publishes its keys on loopback."""

from collections.abc import Callable

from service.identity.cognito import CognitoTokens, pool_issuer
from service.identity.key_sets import KeySetAddress
from service.identity.signing_keys import SigningKeys
from service.identity.tokens import BearerTokens
from tests.identity.issuer import CLIENT, REMOVE, Issuer, Publisher

POOL = pool_issuer("eu-central-1_AbCdEf123")
COGNITO_SUBJECT = "e4c8a4d8-30f1-70a6-b7a0-0123456789ab"


class UserPool(Issuer):
    """`use` is the `token_use` of its tokens: id or access."""

    def __init__(self, publisher: Publisher, use: str) -> None:
        self.use = use
        super().__init__(publisher)

    def verifier(self, start: Callable[[Callable[[], None]], None]) -> BearerTokens:
        address = KeySetAddress(lambda: self.connections, self.publisher.url)
        keys = SigningKeys(address.fetch, self.clock, start)
        return BearerTokens({POOL: CognitoTokens(keys, POOL, (CLIENT, "another1"))}, self.clock)

    def claims(self, **changes: object) -> dict[str, object]:
        usual = {
            "iss": POOL,
            "sub": COGNITO_SUBJECT,
            "token_use": self.use,
            "auth_time": self.now - 100,
            "iat": self.now,
            "exp": self.now + 3600,
            "jti": "b7a0",
            "origin_jti": "30f1",
        } | (self._id_claims() if self.use == "id" else self._access_claims())
        return {name: value for name, value in (usual | changes).items() if value is not REMOVE}

    def _id_claims(self) -> dict[str, object]:
        return {
            "aud": CLIENT,
            "email": "cat@mail.example",
            "email_verified": True,
            "cognito:username": COGNITO_SUBJECT,
        }

    def _access_claims(self) -> dict[str, object]:
        return {
            "client_id": CLIENT,
            "username": COGNITO_SUBJECT,
            "scope": "aws.cognito.signin.user.admin",
        }
