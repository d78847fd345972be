"""Identity: who is calling, enforced before any view is reached."""

from collections.abc import Callable
from functools import partial

import structlog
from urllib3 import PoolManager

from service.core.account_gate import AccountGate
from service.core.clock import SystemClock
from service.core.second_factor import SecondFactors
from service.core.server_key_gate import ServerKeyGate
from service.core.settings import SettingsError
from service.feature import Core, Declaration, Feature, Parts
from service.identity import keys
from service.identity.access_token_keys import (
    AccessTokenKeys,
    access_token_keys_of_secret,
    access_token_keys_of_setting,
)
from service.identity.access_tokens import AccessTokens
from service.identity.checks import nonce_check
from service.identity.cognito import CognitoTokens
from service.identity.enforcement import Gate, enforce
from service.identity.freshness import FreshSignIns
from service.identity.google import ISSUERS as GOOGLE_ISSUERS
from service.identity.google import GoogleTokens
from service.identity.key_sets import KeySetAddress
from service.identity.operations import Identity
from service.identity.operator_keys import Keys, OperatorKeys, keys_of_secret, keys_of_setting
from service.identity.operators import Operators, OperatorTerms
from service.identity.settings import IdentitySettings
from service.identity.signing_keys import SigningKeys
from service.identity.tokens import BearerTokens, Verifier
from service.outbound.network import Network
from service.storage.secrets import SecretUnavailable
from service.web.endpoint import MAX_SIGN_IN_AGE_SECONDS
from service.web.request_limits import RequestLimits
from service.web.settings import WebSettings

log = structlog.get_logger()


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(IdentitySettings)
    access_tokens = AccessTokens(
        settings.issuer(core.settings.core), partial(_access_token_keys, settings, core)
    )
    tokens = BearerTokens(_verifiers(settings, core, access_tokens), core.clock)
    server_keys = parts.get(ServerKeyGate)
    identity = Identity(tokens, server_keys, trust_bare_google_id=settings.trust_bare_google_id)
    fresh_sign_ins = FreshSignIns(core.clock, MAX_SIGN_IN_AGE_SECONDS)
    operators = _operators(core, settings, fresh_sign_ins)
    gate = Gate(
        identity=identity,
        operators=operators,
        fresh_sign_ins=fresh_sign_ins,
        second_factors=parts.get(SecondFactors),
        accounts=parts.get(AccountGate),
        server_keys=server_keys,
        limits=_request_limits(core),
    )
    return Feature(
        operations={Identity: identity, Operators: operators, AccessTokens: access_tokens},
        # Only a web process issues and verifies access tokens, so only its role may read the keys.
        hooks=(lambda _: access_tokens.load(), lambda app: enforce(app, gate)),
        checks=(nonce_check(),),
    )


def _operators(core: Core, settings: IdentitySettings, fresh_sign_ins: FreshSignIns) -> Operators:
    terms = OperatorTerms(
        subjects=frozenset(settings.admin_subjects),
        google_domains=frozenset(settings.admin_google_domains),
        cognito_groups=frozenset(settings.admin_cognito_groups),
    )
    keys = OperatorKeys(_operator_keys(settings, core.read_secret), core.clock)
    return Operators(terms, keys, core.table, core.clock, fresh_sign_ins)


def _verifiers(
    settings: IdentitySettings, core: Core, access_tokens: AccessTokens
) -> dict[str, Verifier]:
    """By the `iss` of the tokens that each verifies."""
    # How long a transfer takes is measured in real time, whatever clock the service runs on.
    network = Network(SystemClock())

    def connect() -> PoolManager:
        """For each fetch: there is one an hour. A proxy of the host has no say in who may sign in,
        because urllib3 reads none from the environment."""
        return network.pool(core.tls, size=1)

    def signing_keys(url: str) -> SigningKeys:
        return SigningKeys(KeySetAddress(connect, url).fetch, core.clock)

    google = GoogleTokens(signing_keys(settings.google_certs_url), settings.google_client_ids)
    verifiers: dict[str, Verifier] = {
        **dict.fromkeys(GOOGLE_ISSUERS, google),
        access_tokens.issuer: access_tokens,
    }
    if settings.cognito_issuer:
        pool_keys = signing_keys(settings.cognito_keys)
        clients = settings.cognito_client_ids
        verifiers[settings.cognito_issuer] = CognitoTokens(
            pool_keys, settings.cognito_issuer, clients
        )
    return verifiers


def _access_token_keys(settings: IdentitySettings, core: Core) -> AccessTokenKeys:
    """Raises `SettingsError` or `SecretUnavailable`."""
    if not settings.access_token_keys_secret_name:
        return access_token_keys_of_setting(settings.access_token_keys)
    text = core.read_secret(settings.access_token_keys_secret_name)
    try:
        return access_token_keys_of_secret(text, production=core.settings.production)
    except ValueError as error:
        fault = f"the secret named by ACCESS_TOKEN_KEYS_SECRET_NAME cannot be used: {error}"
        raise SettingsError([fault]) from None


def _request_limits(core: Core) -> RequestLimits:
    web = core.section(WebSettings)
    return RequestLimits(
        core.clock,
        of_caller=web.caller_request_limit,
        of_address=web.address_request_limit,
        of_sign_in=web.sign_in_request_limit,
    )


def _operator_keys(
    settings: IdentitySettings, read_secret: Callable[[str], str]
) -> Callable[[], Keys]:
    if not settings.operator_keys_secret_name:
        return lambda: keys_of_setting(settings.operator_keys)

    def read() -> Keys:
        text = read_secret(settings.operator_keys_secret_name)
        try:
            return keys_of_secret(text)
        except ValueError as error:
            log.error("operator_keys_unusable", reason=str(error))
            raise SecretUnavailable from error

    return read


IDENTITY = Declaration(name="identity", build=build, settings=IdentitySettings, items=keys.ITEMS)
